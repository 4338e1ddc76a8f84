//! The answer of `status`.

use lua_store::format::record::ChangeCounts;
use lua_store::ops::Status;
use lua_store::patch::{FileChange, readable_size};
use lua_store::path::RelPath;
use lua_store::tree::OwnedNode;
use lua_store::version_log::VersionRow;

use super::count::{changes_in_words, counted};
use super::page::{ADDED, Page, STRONG};
use super::time::ago;
use super::{change, escape, left_out};
use crate::cli::bounds::RULES_SHOWN_MAX;

/// Shows how workspace and history stand to each other; `all_rules`: every rule that leaves something out.
pub fn put(page: &mut Page, status: &Status, last_push_age_ms: Option<u64>, all_rules: bool) {
    match (&status.newest, last_push_age_ms) {
        (Some(newest), Some(age_ms)) => put_newest(page, newest, age_ms),
        _ => page.line("no versions yet"),
    }
    if let (Some(active), Some(newest)) = (status.active, &status.newest)
        && active != newest.record.number
    {
        page.line(format_args!("{} is the active version", page.paint(STRONG, active)));
    }
    put_changes(page, status);
    left_out::put_rules(page, &status.report.by_rules, (!all_rules).then_some(RULES_SHOWN_MAX));
    left_out::lines(&status.report).iter().for_each(|line| page.line(line));
    put_sizes(page, status);
}

/// Shows how the last syncs behind pushes ended, at this time.
pub fn put_background(page: &mut Page, status: &Status, now_ms: i64) {
    for result in &status.background {
        let age_ms = u64::try_from(now_ms.saturating_sub(result.ended_ms)).unwrap_or(0);
        super::sync::put_background(page, result, age_ms);
    }
}

fn put_newest(page: &mut Page, newest: &VersionRow, age_ms: u64) {
    let record = &newest.record;
    let message = record.message.lines().next().map_or(String::new(), |message| format!(": {}", escape::text(message)));
    let number = page.paint(STRONG, record.number);
    page.line(format_args!("{number} is the newest version, made {} by {}{message}", ago(age_ms), escape::text(&record.by)));
}

fn put_changes(page: &mut Page, status: &Status) {
    if status.changes.is_empty() {
        let words = if status.newest.is_some() { "nothing has changed since" } else { "there is nothing to record" };
        let (files, size) = (counted(status.report.files, "file"), readable_size(status.report.bytes));
        return page.line(format_args!("{} ({files}, {size})", page.paint(ADDED, words)));
    }
    let counts = counts(&status.changes);
    let words = if counts == ChangeCounts::default() { "folders alone".to_owned() } else { changes_in_words(&counts) };
    page.line(format_args!("unsaved: {words}"));
    status.changes.iter().for_each(|changed| change::put(page, changed));
}

/// As a push counts them: folders come and go without being files.
fn counts(changes: &[FileChange]) -> ChangeCounts {
    let mut counts = ChangeCounts::default();
    for change in changes {
        let is_file = |side: Option<(&RelPath, &OwnedNode)>| side.is_some_and(|(_, node)| !node.is_directory());
        let (before, after) = (change.before(), change.after());
        if before.is_some() && after.is_some() && is_file(before) == is_file(after) {
            counts.changed += 1;
        } else {
            counts.removed += u64::from(is_file(before));
            counts.added += u64::from(is_file(after));
        }
    }
    counts
}

fn put_sizes(page: &mut Page, status: &Status) {
    // Numbers have no gaps, so the newest one says how many there are.
    let versions = status.newest.as_ref().map_or(0, |newest| newest.record.number.0);
    let (versions, size) = (counted(versions, "version"), readable_size(status.store_bytes));
    page.line(format_args!("the history holds {versions} in {size} ({} of data)", counted(status.segments as u64, "file")));
}
