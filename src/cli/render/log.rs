//! The answer of `log`.

use lua_store::ops::{DiffForm, LogEntry};
use lua_store::version_log::VersionRow;

use super::count::number;
use super::page::{FAINT, Page, STRONG};
use super::time::LocalClock;
use super::{change, diff, escape};
use crate::cli::bounds::PATHS_SHOWN_MAX;

/// Shows versions and what each changed.
pub fn put(page: &mut Page, entries: &[LogEntry], form: DiffForm, clock: &LocalClock, for_eyes: bool) {
    if entries.is_empty() {
        return page.line("no versions yet");
    }
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 && form != DiffForm::NameOnly {
            page.line("");
        }
        page.line(heading(page, &entry.row, clock));
        match form {
            DiffForm::NameOnly => put_names(page, entry),
            DiffForm::Patch | DiffForm::Stat => diff::put(page, &entry.diff, form, for_eyes),
        }
    }
}

/// A version in one line: number, time, by whom, triggered by what, and what was said about it.
pub fn heading(page: &Page, row: &VersionRow, clock: &LocalClock) -> String {
    let record = &row.record;
    let (by, trigger) = (escape::text(&record.by), escape::text(&record.triggered_by));
    let message = escape::text(record.message.lines().next().unwrap_or_default());
    let colon = if message.is_empty() { "" } else { ": " };
    format!("{}  {}  {by} ({trigger}){colon}{message}", page.paint(STRONG, record.number), clock.show(row.created_ms))
}

fn put_names(page: &mut Page, entry: &LogEntry) {
    let files = &entry.diff.files;
    files.iter().take(PATHS_SHOWN_MAX).for_each(|file| change::put(page, file));
    let rest = files.len().saturating_sub(PATHS_SHOWN_MAX) as u64;
    if rest > 0 {
        let version = entry.row.record.number;
        page.line(page.paint(FAINT, format_args!("  … and {} more: show {version} --name-only", number(rest))));
    }
}
