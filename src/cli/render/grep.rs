//! The answer of `grep`.

use std::time::Duration;

use lua_store::ops::{GrepMatch, GrepOutcome, HitLine, Matched, VersionSpan};
use lua_store::patch::readable_size;
use lua_store::path::RelPath;

use super::count::{counted, number};
use super::escape;
use super::page::{PLACE, Page, STRONG};
use super::time::duration;

/// Shows matches as `VERSIONS:PATH:TEXT`, with `-` in the place of the last colon for the lines around them.
pub fn put(page: &mut Page, outcome: &GrepOutcome, numbered: bool) {
    let is_apart = outcome.matches.iter().any(|found| matches!(&found.matched, Matched::Lines(lines) if lines.len() > 1));
    for (index, found) in outcome.matches.iter().enumerate() {
        if is_apart && index > 0 {
            page.line("--");
        }
        let place = format!("{}:{}", page.paint(PLACE, versions(&found.versions)), page.paint(STRONG, escape::path(found.path.as_bytes())));
        put_match(page, found, &place, numbered);
    }
}

fn put_match(page: &mut Page, found: &GrepMatch, place: &str, numbered: bool) {
    match &found.matched {
        Matched::File => page.line(place),
        Matched::Count(count) => page.line(format_args!("{place}:{count}")),
        Matched::Binary => page.line(format_args!("{place}: binary file matches")),
        Matched::Lines(lines) => lines.iter().for_each(|line| put_line(page, line, place, numbered)),
    }
}

fn put_line(page: &mut Page, line: &HitLine, place: &str, numbered: bool) {
    let HitLine { number, text, is_match } = line;
    let sign = if *is_match { ':' } else { '-' };
    let number = if numbered { format!("{sign}{number}") } else { String::new() };
    page.line(format_args!("{place}{number}{sign}{}", escape::line(text)));
}

/// Versions in short: `v3–v17,v20`.
pub fn versions(spans: &[VersionSpan]) -> String {
    let span = |span: &VersionSpan| match span {
        VersionSpan { first, last } if first == last => first.to_string(),
        VersionSpan { first, last } => format!("{first}–{last}"),
    };
    spans.iter().map(span).collect::<Vec<_>>().join(",")
}

/// What there is to say beside the matches.
pub fn remarks(outcome: &GrepOutcome, is_default: bool, elapsed: Duration) -> Vec<String> {
    let contents = format!("{} ({})", counted(outcome.contents, "content"), readable_size(outcome.bytes));
    let nothing = if outcome.matches.is_empty() { "nothing found; " } else { "" };
    let mut remarks = too_large(&outcome.too_large);
    remarks.push(match (&outcome.versions[..], is_default) {
        ([newest], true) => format!("{nothing}searched {newest}, the newest version; --all-versions searches all"),
        ([only], false) => format!("{nothing}searched {only}"),
        (many, _) => format!("{nothing}searched {contents} of {} versions in {}", number(many.len() as u64), duration(elapsed)),
    });
    remarks
}

/// Names what was not searched.
pub fn too_large(paths: &[RelPath]) -> Vec<String> {
    paths.iter().map(|path| format!("too large to be searched: {}", escape::path(path.as_bytes()))).collect()
}

#[cfg(test)]
mod tests {
    use lua_store::format::record::VersionNumber;

    use super::super::page::Paint;
    use super::*;

    #[test]
    fn matches_name_their_versions() {
        let line = |number, text: &str, is_match| HitLine { number, text: text.into(), is_match };
        let span = |first, last| VersionSpan { first: VersionNumber(first), last: VersionNumber(last) };
        let found = |path: &str, matched| GrepMatch {
            path: RelPath::new(path.as_bytes()).unwrap(),
            versions: vec![span(3, 17), span(20, 20)],
            matched,
        };
        let matches = vec![
            found("a", Matched::Lines(vec![line(4, "before", false), line(5, "\u{1b}[2Jhit", true)])),
            found("b\n", Matched::Count(3)),
            found("c", Matched::Binary),
        ];
        let outcome = GrepOutcome { versions: Vec::new(), matches, contents: 0, bytes: 0, ..GrepOutcome::default() };
        let mut page = Page::new(Paint::Plain, None);
        put(&mut page, &outcome, true);
        let expected = "\
v3–v17,v20:a-4-before
v3–v17,v20:a:5:\\x1b[2Jhit
--
v3–v17,v20:\"b\\n\":3
--
v3–v17,v20:c: binary file matches
";
        assert_eq!(page.text(), expected);
    }
}
