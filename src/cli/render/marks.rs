//! Labels, pins and checks in words.

use std::collections::BTreeMap;
use std::time::Duration;

use lua_store::format::record::{CheckRecord, ProcessEnd, VersionNumber};
use lua_store::ops::{LabelOutcome, MarkedVersion, pruned_in_words};
use lua_store::version_log::LabelMark;

use super::escape;
use super::page::{ADDED, Page, REMOVED, STRONG};
use super::table::{Column, Table};
use super::time::duration;

const COLUMNS: [Column; 2] =
    [Column { title: "LABEL", columns_min: None, importance: 2 }, Column { title: "VERSION", columns_min: None, importance: 1 }];

/// Says which version has a label now.
pub fn put_labelled(page: &mut Page, name: &str, outcome: &LabelOutcome) {
    let (version, name) = (page.paint(STRONG, outcome.version), escape::text(name));
    match (outcome.changed, outcome.before) {
        (false, _) => page.line(format_args!("{version} is labelled {name} already")),
        (true, None) => page.line(format_args!("{version} is labelled {name}")),
        (true, Some(before)) => page.line(format_args!("{version} is labelled {name}; before it was {before}")),
    }
}

/// Says that a label is gone.
pub fn put_unlabelled(page: &mut Page, name: &str, version: VersionNumber) {
    page.line(format_args!("{version} is no longer labelled {}", escape::text(name)));
}

/// Shows all labels.
pub fn put_labels(page: &mut Page, labels: &BTreeMap<String, LabelMark>) {
    if labels.is_empty() {
        return page.line("no labels");
    }
    let rows = labels.iter().map(|(name, label)| [escape::text(name), label.version.to_string().into()]);
    Table { columns: COLUMNS, rows: rows.collect() }.put(page);
}

/// Says whether a version is pinned now.
pub fn put_pinned(page: &mut Page, version: VersionNumber, pinned: bool, changed: bool) {
    let state = match (pinned, changed) {
        (true, true) => "is pinned",
        (true, false) => "is pinned already",
        (false, true) => "is no longer pinned",
        (false, false) => "is not pinned",
    };
    page.line(format_args!("{} {state}", page.paint(STRONG, version)));
}

/// Shows the pinned versions.
pub fn put_pins(page: &mut Page, versions: &[VersionNumber]) {
    if versions.is_empty() {
        return page.line("no version is pinned");
    }
    versions.iter().for_each(|version| page.line(version));
}

/// Says how a check ended.
pub fn put_check(page: &mut Page, check: &CheckRecord) {
    let (style, verdict) = if check.passed() { (ADDED, "passed") } else { (REMOVED, "failed") };
    page.line(format_args!("{}: its check {}; {}", check.version, page.paint(style, verdict), how_it_ended(check)));
}

/// How a check ended, and after how long: `exit code 1, 2.34 s`.
pub fn how_it_ended(check: &CheckRecord) -> String {
    let end = match check.end {
        ProcessEnd::Exited(code) => format!("exit code {code}"),
        ProcessEnd::Signalled(signal) => format!("ended by signal {signal}"),
    };
    format!("{end}, {}", duration(Duration::from_millis(check.duration_ms)))
}

/// What became of a deleted version.
pub fn deleted_in_words(version: &MarkedVersion) -> String {
    let pruned = version.pruned.as_deref().map(pruned_in_words);
    pruned.map_or_else(|| "deleted".to_owned(), |words| escape::text(&words).into_owned())
}

/// All marks of a version in little room: its labels, and words for the others.
pub fn in_short(version: &MarkedVersion) -> String {
    let mut words: Vec<_> = version.labels.iter().map(|label| escape::text(label)).collect();
    words.extend(version.pinned.then_some("pinned".into()));
    words.extend(version.passed.map(|passed| if passed { "passed".into() } else { "failed".into() }));
    words.join(", ")
}
