//! The answer of `version show`.

use lua_store::ops::{DiffForm, ShowOutcome};
use lua_store::patch::readable_size;
use lua_store::version_log::VersionRow;

use super::count::{changes_in_words, counted, number};
use super::diff;
use super::escape;
use super::page::{Page, STRONG};
use super::time::LocalClock;
use super::width::pad;

/// Columns of the longest label and the space behind it.
const LABEL_COLUMNS: usize = 14;

/// Shows everything about a version.
pub fn put(page: &mut Page, row: &VersionRow, is_active: bool, clock: &LocalClock) {
    let record = &row.record;
    let marks = [(is_active, " (active)"), (row.deleted, " (deleted)")].into_iter().filter(|(is_so, _)| *is_so);
    let marks: String = marks.map(|(_, words)| words).collect();
    page.line(format_args!("{}{marks}", page.paint(STRONG, record.number)));
    put_field(page, "created", &clock.show(row.created_ms));
    put_field(page, "by", &escape::text(&record.by));
    put_field(page, "triggered by", &escape::text(&record.triggered_by));
    put_field(page, "changes", &changes_in_words(&record.changes));
    put_field(page, "holds", &format!("{}, {}", counted(record.files, "file"), readable_size(record.bytes)));
    if record.left_out > 0 {
        put_field(page, "not recorded", &counted(record.left_out, "path"));
    }
    put_field(page, "hash", &record.root.to_string());
    put_field(page, "log record", &format!("{} {}", number(row.sequence), row.id));
    if !record.message.is_empty() {
        page.line("");
        record.message.lines().for_each(|line| page.line(format_args!("    {}", escape::text(line))));
    }
}

/// Shows a version and what it changed.
pub fn put_with_changes(page: &mut Page, outcome: &ShowOutcome, form: DiffForm, clock: &LocalClock, for_eyes: bool) {
    put(page, &outcome.row, outcome.active == Some(outcome.row.record.number), clock);
    page.line("");
    if outcome.diff.files.is_empty() {
        page.line("nothing differs from the version before it");
    }
    diff::put(page, &outcome.diff, form, for_eyes);
}

fn put_field(page: &mut Page, label: &str, value: &str) {
    page.line(format_args!("  {}{value}", pad(label, LABEL_COLUMNS)));
}
