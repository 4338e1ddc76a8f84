//! Rollbacks and restores in JSON.

use std::path::Path;
use std::time::Duration;

use lua_store::format::record::ChangeCounts;
use lua_store::ops::{CheckedOut, RestoreOutcome, RollbackOutcome, RollbackPlan};
use serde::Serialize;

use super::path::{self, JsonPath};
use super::{Answer, milliseconds};

/// What a rollback would do.
#[derive(Debug, Serialize)]
pub struct Plan {
    dry_run: bool,
    target: u64,
    /// What would be recorded first; `null` when nothing is unsaved.
    unsaved: Option<Counts>,
    write: Vec<JsonPath>,
    write_bytes: u64,
    remove: Vec<JsonPath>,
    /// Paths of which only permission bits change.
    chmod: Vec<JsonPath>,
    left_alone: Vec<JsonPath>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purged: Vec<JsonPath>,
}

#[derive(Debug, Serialize)]
struct Counts {
    added: u64,
    changed: u64,
    removed: u64,
}

impl From<&ChangeCounts> for Counts {
    fn from(changes: &ChangeCounts) -> Self {
        Self { added: changes.added, changed: changes.changed, removed: changes.removed }
    }
}

/// The answer of `source rollback --dry-run`.
pub fn plan(plan: &RollbackPlan) -> Answer<Plan> {
    Answer::new(Plan {
        dry_run: true,
        target: plan.target.0,
        unsaved: plan.unsaved.as_ref().map(Counts::from),
        write: path::all(&plan.write),
        write_bytes: plan.write_bytes,
        remove: path::all(&plan.remove),
        chmod: path::all(&plan.chmod),
        left_alone: path::all(&plan.left_alone),
        purged: path::all(&plan.purged),
    })
}

/// Where a workspace is not as the version has it that was brought into it.
#[derive(Debug, Serialize)]
pub(super) struct OtherThanRecorded<'a> {
    /// Paths that were not touched, because the rules exclude them.
    left_alone: Vec<JsonPath>,
    /// Folders that stay because something is in them that no version holds.
    kept: Vec<JsonPath>,
    /// Where bytes are now that somebody wrote meanwhile.
    conflict_copies: Vec<JsonPath>,
    /// What was purged from the version, and is left out.
    purged: Vec<JsonPath>,
    /// Paths that somebody changed after they were written, with what differs.
    changed_since: &'a [String],
}

pub(super) fn other_than_recorded(done: &CheckedOut) -> OtherThanRecorded<'_> {
    OtherThanRecorded {
        left_alone: path::all(&done.left_alone),
        kept: path::all(&done.kept),
        conflict_copies: path::all(&done.conflict_copies),
        purged: path::all(&done.purged),
        changed_since: &done.changed_since,
    }
}

/// What a rollback did.
#[derive(Debug, Serialize)]
pub struct Rollback<'a> {
    /// The version that was made; `null` when there was nothing to do.
    version: Option<u64>,
    target: u64,
    /// The version that holds what was unsaved.
    saved: Option<u64>,
    dry_run: bool,
    written: u64,
    removed: u64,
    bytes: u64,
    /// Files read back and found equal.
    proved_files: u64,
    #[serde(flatten)]
    other: OtherThanRecorded<'a>,
    elapsed_ms: u64,
}

/// The answer of `source rollback`.
pub fn rollback(outcome: &RollbackOutcome, elapsed: Duration) -> Answer<Rollback<'_>> {
    Answer::new(Rollback {
        version: outcome.version.map(|version| version.0),
        target: outcome.target.0,
        saved: outcome.saved.map(|saved| saved.0),
        dry_run: false,
        written: outcome.done.written,
        removed: outcome.done.removed,
        bytes: outcome.done.bytes,
        proved_files: outcome.done.proved_files,
        other: other_than_recorded(&outcome.done),
        elapsed_ms: milliseconds(elapsed),
    })
}

/// What a restore did, or would do.
#[derive(Debug, Serialize)]
pub struct Restore<'a> {
    version: u64,
    dry_run: bool,
    /// The folder it was written to; `null` for the workspace.
    to: Option<String>,
    files: u64,
    bytes: u64,
    /// The version that holds what was unsaved.
    saved: Option<u64>,
    /// The version that was made, with the restored paths in the workspace.
    appended: Option<u64>,
    #[serde(flatten)]
    other: OtherThanRecorded<'a>,
    /// What would be written; only in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<Vec<JsonPath>>,
    elapsed_ms: u64,
}

/// The answer of `source restore`.
pub fn restore<'a>(outcome: &'a RestoreOutcome, to: Option<&Path>, dry_run: bool, elapsed: Duration) -> Answer<Restore<'a>> {
    Answer::new(Restore {
        version: outcome.version.0,
        dry_run,
        to: to.map(path::os_text),
        files: outcome.done.written,
        bytes: outcome.done.bytes,
        saved: outcome.saved.map(|saved| saved.0),
        appended: outcome.appended.map(|appended| appended.0),
        other: other_than_recorded(&outcome.done),
        planned: dry_run.then(|| path::all(&outcome.planned)),
        elapsed_ms: milliseconds(elapsed),
    })
}
