//! Bringing a version into the workspace that is in the history already, without making another one. What is unsaved is recorded first.

use crate::disk::LockMode;
use crate::format::record::VersionNumber;
use crate::format::tree::Tree;
use crate::id::ObjectId;
use crate::ops::checkout::{CheckedOut, bring};
use crate::ops::rollback::{leave_out_purged, refuse_unrecordable, save_present};
use crate::ops::snapshot::{self, SnapshotOptions};
use crate::ops::{Host, OpsResult, Workspace};
use crate::path::RelPath;

/// What was done to the workspace.
#[derive(Clone, Debug)]
pub struct BringOutcome {
    /// The version that the workspace is now.
    pub version: VersionNumber,
    /// The version that holds what was unsaved.
    pub saved: Option<VersionNumber>,
    /// Files and links that were written.
    pub written: u64,
    /// Files and links that went.
    pub removed: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Paths that were not touched because the ignore rules exclude them.
    pub left_alone: Vec<RelPath>,
    /// Where bytes are now that somebody wrote meanwhile.
    pub conflict_copies: Vec<RelPath>,
    /// Paths that somebody changed after they were written, with what differs.
    pub changed_since: Vec<String>,
    /// Paths of the version that were purged, and are left out.
    pub purged: Vec<RelPath>,
}

/// Brings a version into the workspace.
///
/// # Durability
/// As a rollback.
pub fn bring_version(workspace: &mut Workspace, number: VersionNumber, by: &str, host: &dyn Host) -> OpsResult<BringOutcome> {
    let _changing = workspace.lock_checkout(LockMode::Exclusive, host)?;
    let mut target = workspace.usable_version(number)?;
    let snapshot = snapshot::take(workspace, &SnapshotOptions::default(), None, host)?;
    let present = snapshot.tree.root;
    if present == target.record.root {
        return Ok(outcome(number, None, CheckedOut::default(), Vec::new()));
    }
    let (from, saved) = if present == Tree::empty().id() || is_recorded(workspace, &present)? {
        refuse_unrecordable(&crate::ops::push::report(&snapshot))?;
        (present, None)
    } else {
        save_present(workspace, by, &format!("before pulling {number}"), host)?
    };
    let lost = leave_out_purged(workspace, &from, &mut target.record, host)?;
    let done = bring(workspace, &from, &target.record, host)?;
    Ok(outcome(number, saved, done, lost))
}

/// Whether a version has this tree, so that nothing is lost with it.
fn is_recorded(workspace: &Workspace, root: &ObjectId) -> OpsResult<bool> {
    Ok(workspace.log.versions_newest_first(None)?.iter().any(|row| !row.deleted && row.record.root == *root))
}

fn outcome(version: VersionNumber, saved: Option<VersionNumber>, done: CheckedOut, purged: Vec<RelPath>) -> BringOutcome {
    BringOutcome {
        version,
        saved,
        written: done.totals.write_files,
        removed: done.totals.remove_files,
        bytes: done.totals.write_bytes,
        left_alone: done.left_alone,
        conflict_copies: done.conflict_copies,
        changed_since: done.changed_since,
        purged,
    }
}
