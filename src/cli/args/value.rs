//! Values on the command line.

use lua_store::ops::{KeepSpan, Revision, RevisionError};

/// A version as it is typed: `v5`, `5`, `newest`, `active` or a label.
pub fn parse_revision(text: &str) -> Result<Revision, RevisionError> {
    text.parse()
}

/// Whether a word is a version where both versions and paths may stand: only what looks like a number, since a file may well be
/// called `active`.
pub fn looks_like_version(word: &std::ffi::OsStr) -> Option<Revision> {
    let revision = word.to_str().and_then(|text| text.parse().ok())?;
    matches!(revision, Revision::Number(_)).then_some(revision)
}

/// How many to keep: a number, or `unlimited`.
pub fn parse_count(text: &str) -> Result<u64, std::num::ParseIntError> {
    if text == "unlimited" { Ok(u64::MAX) } else { text.parse() }
}

/// A stretch of time such as `1y6m7d12h`: years, months, days and hours.
pub fn parse_span(text: &str) -> Result<KeepSpan, &'static str> {
    const MALFORMED: &str = "a duration is written as 1y6m7d12h: years, months, days, hours";
    let mut span = KeepSpan::default();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(MALFORMED)?;
        let count: u32 = rest[..digits].parse().map_err(|_| MALFORMED)?;
        let field = match rest.as_bytes()[digits] {
            b'y' => &mut span.years,
            b'm' => &mut span.months,
            b'd' => &mut span.days,
            b'h' => &mut span.hours,
            _ => return Err(MALFORMED),
        };
        *field = field.checked_add(count).ok_or(MALFORMED)?;
        rest = &rest[digits + 1..];
    }
    if span == KeepSpan::default() { Err(MALFORMED) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_in_units() {
        assert_eq!(parse_span("1y6m7d12h"), Ok(KeepSpan { years: 1, months: 6, days: 7, hours: 12 }));
        assert_eq!(parse_span("36h1d"), Ok(KeepSpan { days: 1, hours: 36, ..KeepSpan::default() }));
        for text in ["", "5", "d", "1w", "1é", "1d 2h", "-1d", "0d", "99999999999d", "4294967295d1d"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
        assert_eq!((parse_count("7"), parse_count("unlimited")), (Ok(7), Ok(u64::MAX)));
        assert!(parse_count("-1").is_err());
    }

    #[test]
    fn only_numbers_are_taken_for_versions_among_paths() {
        assert!(looks_like_version("v5".as_ref()).is_some());
        assert_eq!(looks_like_version("active".as_ref()), None);
        assert_eq!(looks_like_version("5a".as_ref()), None);
    }
}
