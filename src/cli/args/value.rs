//! Values on the command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use lua_store::ops::{KeepSpan, Revision, RevisionError, RevisionRange};

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

/// A number of bytes such as 500MB or 2 GiB; at least one.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        "g" | "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        "t" | "tb" => 1_000_000_000_000,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

/// A number of bytes in a second, such as 2MB/s.
pub fn parse_rate(text: &str) -> Result<u64, &'static str> {
    let bytes = text.strip_suffix("/s").unwrap_or(text);
    parse_bytes(bytes).ok_or("a rate is written as 500kB/s or 2MiB/s")
}

/// A path in a version as it is typed: `5:src/main.rs`. Bytes of a path that are no UTF-8 stay what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionPath {
    /// The version.
    pub revision: Revision,
    /// The path, relative to the folder the user is in; `None` when the version alone was named.
    pub path: Option<OsString>,
}

/// Why a word names no path of a version.
#[derive(Debug, thiserror::Error)]
pub enum RevisionPathError {
    /// There is no path.
    #[error("a path in a version is written as 5:PATH")]
    NoPath,
    /// What stands before the colon is no version.
    #[error(transparent)]
    Revision(#[from] RevisionError),
}

impl RevisionPath {
    /// A version, and a path if there is a colon.
    fn read(word: &OsStr) -> Result<Self, RevisionError> {
        let bytes = word.as_bytes();
        let colon = bytes.iter().position(|&byte| byte == b':');
        let (revision, path) = colon.map_or((bytes, None), |at| (&bytes[..at], Some(OsStr::from_bytes(&bytes[at + 1..]).to_owned())));
        let revision = std::str::from_utf8(revision).map_err(|_| RevisionError::Malformed)?.parse()?;
        Ok(Self { revision, path: path.filter(|path| !path.is_empty()) })
    }
}

/// `5:PATH`.
pub fn parse_file(word: OsString) -> Result<RevisionPath, RevisionPathError> {
    let place = RevisionPath::read(&word)?;
    if place.path.is_some() { Ok(place) } else { Err(RevisionPathError::NoPath) }
}

/// `5`, which means all of it, or `5:PATH`.
pub fn parse_folder(word: OsString) -> Result<RevisionPath, RevisionPathError> {
    Ok(RevisionPath::read(&word)?)
}

/// `5:PATH`, or `PATH` in the newest version.
pub fn parse_file_of_newest(word: OsString) -> Result<RevisionPath, RevisionPathError> {
    match RevisionPath::read(&word) {
        Ok(place @ RevisionPath { path: Some(_), .. }) => Ok(place),
        _ => Ok(RevisionPath { revision: Revision::Newest, path: Some(word) }),
    }
}

/// `A`, `A..B`, `A..` or `..B`.
pub fn parse_range(text: &str) -> Result<RevisionRange, RevisionError> {
    text.parse()
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
    fn sizes_and_rates_have_units() {
        for (text, bytes) in [("1", 1), ("500MB", 500_000_000), ("2 GiB", 2 << 30), ("7k", 7000), ("3tib", 3 << 40)] {
            assert_eq!((parse_bytes(text), parse_rate(&format!("{text}/s"))), (Some(bytes), Ok(bytes)), "{text}");
        }
        for text in ["", "MB", "-1", "0", "1.5GB", "5 apples", "99999999999999999999", "18446744073709551615k"] {
            assert!(parse_bytes(text).is_none() && parse_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_numbers_are_taken_for_versions_among_paths() {
        assert!(looks_like_version("v5".as_ref()).is_some());
        assert_eq!(looks_like_version("active".as_ref()), None);
        assert_eq!(looks_like_version("5a".as_ref()), None);
    }
    #[test]
    fn paths_in_versions_keep_their_bytes() {
        let word = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        let read = parse_file(word(b"v5:a:\xff")).unwrap();
        assert_eq!((read.revision.to_string().as_str(), read.path), ("v5", Some(word(b"a:\xff"))));
        for bad in [&b"5"[..], b"5:"] {
            assert!(matches!(parse_file(word(bad)), Err(RevisionPathError::NoPath)), "{bad:?}");
        }
        for bad in [&b":a"[..], b"\xff:a"] {
            assert!(matches!(parse_file(word(bad)), Err(RevisionPathError::Revision(_))), "{bad:?}");
        }
        assert_eq!(parse_folder(word(b"newest")).unwrap(), RevisionPath { revision: Revision::Newest, path: None });
        assert_eq!(parse_folder(word(b"newest:")).unwrap().path, None);
        for (text, revision, path) in
            [("3:a", "v3", "a"), ("a:b", "a", "b"), ("./a:b", "newest", "./a:b"), ("./3:a", "newest", "./3:a"), ("3", "newest", "3")]
        {
            let read = parse_file_of_newest(text.into()).unwrap();
            assert_eq!((read.revision.to_string().as_str(), read.path), (revision, Some(path.into())), "{text}");
        }
    }
}
