//! Bringing a version into the workspace that is in the history already, without making another one. What is unsaved is recorded first.

use crate::disk::LockMode;
use crate::format::record::VersionNumber;
use crate::format::tree::Tree;
use crate::id::ObjectId;
use crate::ops::checkout::{CheckedOut, bring};
use crate::ops::rollback::{leave_out_purged, refuse_unrecordable, save_present};
use crate::ops::snapshot::{self, SnapshotOptions};
use crate::ops::{Host, OpsResult, Workspace};

/// Which version was brought in.
#[derive(Clone, Debug)]
pub struct BringOutcome {
    /// The version that the workspace is now.
    pub version: VersionNumber,
    /// The version that holds what was unsaved.
    pub saved: Option<VersionNumber>,
    /// What was done to the workspace.
    pub done: CheckedOut,
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
        return Ok(BringOutcome { version: number, saved: None, done: CheckedOut::default() });
    }
    let (from, saved) = if present == Tree::empty().id() || is_recorded(workspace, &present)? {
        refuse_unrecordable(&crate::ops::push::report(&snapshot))?;
        (present, None)
    } else {
        save_present(workspace, by, &format!("before pulling {number}"), host)?
    };
    let purged = leave_out_purged(workspace, &from, &mut target.record, host)?;
    let done = bring(workspace, &from, &target.record, host)?;
    Ok(BringOutcome { version: number, saved, done: CheckedOut { purged, ..done } })
}

/// Whether a version has this tree, so that nothing is lost with it.
fn is_recorded(workspace: &Workspace, root: &ObjectId) -> OpsResult<bool> {
    Ok(workspace.log.versions_newest_first(None)?.iter().any(|row| !row.deleted && row.record.root == *root))
}
