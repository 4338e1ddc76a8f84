//! The answers of `verify` and `repair`: in versions and paths.

use std::time::Duration;

use lua_store::format::record::VersionNumber;
use lua_store::ops::{DamagedPath, RepairOutcome, VerifyOutcome};
use lua_store::patch::readable_size;

use super::count::counted;
use super::page::{ADDED, FAINT, Page, REMOVED};
use super::time::duration;
use super::{change, escape};

/// Says what was checked and what is damaged; `fetch_all` is the command that brings what is at a remote.
pub fn put(page: &mut Page, outcome: &VerifyOutcome, quick: bool, elapsed: Duration, fetch_all: &str) {
    for DamagedPath { versions, path, .. } in &outcome.purged {
        page.line(format_args!("{} {} in {}", page.paint(FAINT, "purged:"), change::path_alone(path), ranges(versions)));
    }
    put_damaged(page, &outcome.damaged);
    outcome.store_damage.iter().for_each(|place| put_damage(page, &format!("the store: {}", escape::text(place))));
    outcome.log_damage.iter().for_each(|what| put_damage(page, &format!("the version log: {}", escape::text(what))));
    if outcome.not_fetched > 0 {
        let paths = counted(outcome.not_fetched, "path");
        page.line(format_args!(
            "{paths} of versions {} contents that are at a remote and not here: {fetch_all} brings them",
            if outcome.not_fetched == 1 { "has" } else { "have" }
        ));
    }
    let took = duration(elapsed);
    let versions = counted(outcome.versions, "version");
    let checked = if quick {
        format!("{versions} checked without reading contents, {took}")
    } else {
        format!("{versions} checked: {} whole, {} read, {took}", counted(outcome.objects, "object"), readable_size(outcome.bytes))
    };
    let verdict = match (outcome.is_ok(), outcome.loses_nothing()) {
        (true, _) => page.paint(ADDED, "all is whole"),
        (false, true) => page.paint(ADDED, "all versions are whole, though not every byte of the store is as it was written"),
        (false, false) => page.paint(REMOVED, "damage was found"),
    };
    page.line(format_args!("{verdict}; {checked}"));
}

/// Says what was made anew and what stays damaged.
pub fn put_repair(page: &mut Page, outcome: &RepairOutcome, elapsed: Duration) {
    put_damaged(page, &outcome.still_damaged);
    let (versions, records, objects) =
        (counted(outcome.versions, "version"), counted(outcome.records, "log record"), counted(outcome.objects, "object"));
    page.line(format_args!("made anew: {versions}, {records}, {objects}, {}", duration(elapsed)));
    if let Some(aside) = &outcome.kept_aside {
        page.line(format_args!("what was the log before is kept as {}", escape::os_path(aside)));
    }
}

fn put_damaged(page: &mut Page, damaged: &[DamagedPath]) {
    for DamagedPath { versions, path, what } in damaged {
        let path = if path.is_root() { "everything".to_owned() } else { change::path_alone(path).to_string() };
        put_damage(page, &format!("{path} in {}: {}", ranges(versions), escape::text(what)));
    }
}

fn put_damage(page: &mut Page, words: &str) {
    page.line(format_args!("{} {words}", page.paint(REMOVED, "damaged:")));
}

/// Version numbers in order, neighbours joined: `v3–v5, v9`.
pub fn ranges(versions: &[VersionNumber]) -> String {
    let mut ranges: Vec<(VersionNumber, VersionNumber)> = Vec::new();
    for &version in versions {
        match ranges.last_mut() {
            Some((_, last)) if last.0.checked_add(1) == Some(version.0) => *last = version,
            _ => ranges.push((version, version)),
        }
    }
    let shown = ranges.iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}–{last}") });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use lua_store::path::RelPath;

    use super::super::page::Paint;
    use super::*;

    #[test]
    fn neighbours_are_joined() {
        let shown = |numbers: &[u64]| ranges(&numbers.iter().copied().map(VersionNumber).collect::<Vec<_>>());
        assert_eq!(shown(&[3, 4, 5, 9, 11, 12]), "v3–v5, v9, v11–v12");
        assert_eq!(shown(&[u64::MAX]), format!("v{}", u64::MAX));
    }

    #[test]
    fn damage_is_named_in_versions_and_paths() {
        let damaged =
            vec![DamagedPath { versions: vec![VersionNumber(3)], path: RelPath::new(b"a").unwrap(), what: "blob is damaged".into() }];
        let outcome = VerifyOutcome { versions: 3, objects: 7, bytes: 99, damaged, ..VerifyOutcome::default() };
        let mut page = Page::new(Paint::Plain, None);
        put(&mut page, &outcome, false, Duration::from_secs(2), "");
        put(&mut page, &VerifyOutcome { versions: 1, ..VerifyOutcome::default() }, true, Duration::from_secs(2), "");
        let expected = "\
damaged: a in v3: blob is damaged
damage was found; 3 versions checked: 7 objects whole, 99 B read, 2.00 s
all is whole; 1 version checked without reading contents, 2.00 s
";
        assert_eq!(page.text(), expected);
    }
}
