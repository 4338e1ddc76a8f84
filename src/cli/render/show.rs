//! The answer of `version show`.

use lua_store::format::record::CheckRecord;
use lua_store::ops::{DiffForm, MarkedVersion, ShowOutcome};
use lua_store::patch::readable_size;

use super::count::{changes_in_words, counted, number};
use super::marks::{deleted_in_words, how_it_ended};
use super::page::{Page, STRONG};
use super::time::LocalClock;
use super::width::pad;
use super::{change, diff, escape};
use crate::cli::bounds::PATHS_SHOWN_MAX;

/// Columns of the longest label and the space behind it.
const LABEL_COLUMNS: usize = 14;

/// Shows everything about a version.
pub fn put(page: &mut Page, version: &MarkedVersion, check: Option<&CheckRecord>, is_active: bool, clock: &LocalClock) {
    let (row, record) = (&version.row, &version.row.record);
    page.line(format_args!("{}{}", page.paint(STRONG, record.number), states(version, is_active)));
    put_field(page, "created", &clock.show(row.created_ms));
    put_field(page, "by", &escape::text(&record.by));
    put_field(page, "triggered by", &escape::text(&record.triggered_by));
    if !version.labels.is_empty() {
        put_field(page, "labels", &escape::text(&version.labels.join(", ")));
    }
    put_field(page, "changes", &changes_in_words(&record.changes));
    put_field(page, "holds", &format!("{}, {}", counted(record.files, "file"), readable_size(record.bytes)));
    if record.left_out > 0 {
        put_field(page, "not recorded", &counted(record.left_out, "path"));
    }
    for path in version.purged.iter().take(PATHS_SHOWN_MAX) {
        put_field(page, "purged", &change::path_alone(path));
    }
    let more = version.purged.len().saturating_sub(PATHS_SHOWN_MAX) as u64;
    if more > 0 {
        put_field(page, "purged", &counted(more, "more path"));
    }
    put_field(page, "hash", &record.root.to_string());
    put_field(page, "log record", &format!("{} {}", number(row.sequence), row.id));
    if !record.message.is_empty() {
        page.line("");
        put_text(page, &record.message);
    }
    if let Some(check) = check {
        page.line("");
        put_check(page, check);
    }
}

/// Its states in brackets.
fn states(version: &MarkedVersion, is_active: bool) -> String {
    let deleted = deleted_in_words(version);
    let states = [(is_active, "active"), (version.pinned, "pinned"), (version.row.deleted, &*deleted)];
    states.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| format!(" ({words})")).collect()
}

fn put_check(page: &mut Page, check: &CheckRecord) {
    let verdict = if check.passed() { "passed" } else { "failed" };
    page.line(format_args!("  check {verdict}: {} ({})", escape::text(&check.command), how_it_ended(check)));
    put_text(page, &check.output);
}

fn put_text(page: &mut Page, text: &str) {
    text.lines().for_each(|line| page.line(format_args!("    {}", escape::line(line.as_bytes()))));
}

/// Shows everything about a version that was looked up with what it changed.
pub fn put_entry(page: &mut Page, outcome: &ShowOutcome, clock: &LocalClock) {
    let is_active = outcome.active == Some(outcome.version.row.record.number);
    put(page, &outcome.version, outcome.check.as_ref(), is_active, clock);
}

/// Shows a version and what it changed.
pub fn put_with_changes(page: &mut Page, outcome: &ShowOutcome, form: DiffForm, clock: &LocalClock, for_eyes: bool) {
    put_entry(page, outcome, clock);
    page.line("");
    if outcome.diff.files.is_empty() {
        page.line("nothing differs from the version before it");
    }
    diff::put(page, &outcome.diff, form, for_eyes);
}

fn put_field(page: &mut Page, label: &str, value: &str) {
    page.line(format_args!("  {}{value}", pad(label, LABEL_COLUMNS)));
}
