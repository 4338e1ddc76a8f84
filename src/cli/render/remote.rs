//! The answers of `gc --remote` and `verify --remote`.

use std::time::Duration;

use lua_store::ops::{RemoteGcOutcome, RemoteVerifyOutcome};
use lua_store::patch::readable_size;

use super::count::counted;
use super::escape;
use super::page::{ADDED, Page, REMOVED};
use super::time::duration;

/// Says what a collection of a remote did or would do.
pub fn put_collected(page: &mut Page, outcome: &RemoteGcOutcome, dry_run: bool, elapsed: Duration) {
    let remote = escape::text(&outcome.remote).into_owned();
    let (before, after) = (counted(outcome.packs.0, "pack"), counted(outcome.packs.1, "pack"));
    let (bytes_before, bytes_after) = (readable_size(outcome.bytes.0), readable_size(outcome.bytes.1));
    let becomes = if dry_run { "would become about" } else { "became" };
    match outcome.summarized {
        true => page.line(format_args!("{remote}: {before} ({bytes_before}) {becomes} {after} ({bytes_after})")),
        false => page.line(format_args!("{remote}: {before} ({bytes_before}); nothing worth merging")),
    }
    if outcome.dropped_objects > 0 && outcome.summarized {
        let (dropped, left) = (counted(outcome.dropped_objects, "content"), if dry_run { "would go" } else { "dropped" });
        page.line(format_args!("{dropped} {left}: purged, or in no version any more"));
    }
    if outcome.removed.0 > 0 {
        let (objects, gone) = (counted(outcome.removed.0, "object"), if dry_run { "would be removed" } else { "removed" });
        page.line(format_args!("{objects} ({}) that nothing names {gone}", readable_size(outcome.removed.1)));
    }
    if outcome.waiting.0 > 0 {
        let objects = counted(outcome.waiting.0, "object");
        page.line(format_args!("{objects} ({}) that nothing names too young to be removed", readable_size(outcome.waiting.1)));
    }
    page.line(format_args!("{}, {}", counted(outcome.requests, "request"), duration(elapsed)));
}

/// Says what a check of a remote found.
pub fn put_verified(page: &mut Page, outcome: &RemoteVerifyOutcome, elapsed: Duration) {
    for problem in &outcome.problems {
        page.line(format_args!("{} {}", page.paint(REMOVED, "damaged:"), escape::text(problem)));
    }
    let verdict = if outcome.problems.is_empty() { page.paint(ADDED, "all is there") } else { page.paint(REMOVED, "damage was found") };
    let (entries, packs) = (counted(outcome.entries, "log entry"), counted(outcome.packs, "pack"));
    let (requests, read) = (counted(outcome.requests, "request"), readable_size(outcome.received_bytes));
    page.line(format_args!(
        "{verdict}; {}: {entries} in one chain, {packs} ({}), {read} read, {requests}, {}",
        escape::text(&outcome.remote),
        readable_size(outcome.bytes),
        duration(elapsed)
    ));
}
