//! Brings a version back into the workspace and appends it as the newest.

use super::checkout::{self, CheckedOut, Checkout, check_out};
use super::path_tree::remaining_tree;
use super::push::{PushOptions, PushOutcome, record};
use super::snapshot::{self, SnapshotOptions};
use super::{Host, OpsError, OpsResult, Purged, PushReport, Workspace};
use crate::disk::LockMode;
use crate::format::record::{ChangeCounts, VersionNumber, VersionRecord};
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::tree::{Change, count_changes, diff};
use crate::version_log::VersionRow;
use crate::workspace::checkout::{Action, CheckoutPlan};
use crate::workspace::scan::SkipKind;

/// How the trigger of a rollback begins.
const TRIGGER: &str = "rollback to ";
/// How the trigger of a restore into the workspace begins.
pub(super) const RESTORE_TRIGGER: &str = "restore of ";
/// At most so many paths stand in an error.
const PATHS_NAMED_MAX: usize = 20;
/// How many of the newest versions are looked at first for a rollback, and how many times more after that.
const UNDO_ROWS_FIRST: u64 = 32;
const UNDO_ROWS_GROWTH: u64 = 8;

/// What to roll back to.
#[derive(Clone, Debug)]
pub struct RollbackOptions {
    /// The version to bring back.
    pub version: VersionNumber,
    /// Who does it.
    pub by: String,
}

/// What a rollback would do.
#[derive(Clone, Debug)]
pub struct RollbackPlan {
    /// The version to bring back.
    pub target: VersionNumber,
    /// How the workspace differs from the newest version: that is recorded first.
    pub unsaved: Option<ChangeCounts>,
    /// Files and links that are written.
    pub write: Vec<RelPath>,
    /// Files, links and folders that go.
    pub remove: Vec<RelPath>,
    /// Paths of which only permission bits change.
    pub chmod: Vec<RelPath>,
    /// Paths that differ and are not touched, because the ignore rules exclude them.
    pub left_alone: Vec<RelPath>,
    /// Paths of the version that were purged, and do not come back.
    pub purged: Vec<RelPath>,
    /// Bytes that are written.
    pub write_bytes: u64,
}

impl RollbackPlan {
    /// Whether the workspace is already as the version has it.
    pub fn is_empty(&self) -> bool {
        self.write.is_empty() && self.remove.is_empty() && self.chmod.is_empty()
    }
}

/// What a rollback did.
#[derive(Clone, Debug)]
pub struct RollbackOutcome {
    /// The version that was brought back.
    pub target: VersionNumber,
    /// The version that was appended; `None` when the newest version has the same contents already.
    pub version: Option<VersionNumber>,
    /// The version that holds what was not yet saved.
    pub saved: Option<VersionNumber>,
    /// What was done to the workspace.
    pub done: CheckedOut,
}

/// Says what a rollback would do. Changes nothing.
pub fn rollback_plan(workspace: &mut Workspace, options: &RollbackOptions, host: &dyn Host) -> OpsResult<RollbackPlan> {
    let _looking = workspace.lock_checkout(LockMode::Shared, host)?;
    let target = workspace.usable_version(options.version)?;
    let snapshot = snapshot::take(workspace, &SnapshotOptions::default(), None, host)?;
    let trees = snapshot.trees(&workspace.store);
    let newest = workspace.newest()?.map(|row| row.record.root);
    let unsaved = count_changes(&trees, newest.as_ref(), Some(&snapshot.tree.root))?;
    let mut changes = Vec::new();
    diff(&trees, Some(&snapshot.tree.root), Some(&target.record.root), &mut |change| changes.push(change))?;
    let purged = Purged::of(workspace)?;
    let lost = purged.paths_below(&workspace.store, &target.record.root, &())?;
    changes = changes.into_iter().filter_map(|change| without_purged(change, &purged)).collect();
    let plan = checkout::plan(workspace, changes)?;
    let unsaved = (newest != Some(snapshot.tree.root)).then_some(unsaved);
    Ok(RollbackPlan { purged: lost, ..describe(options.version, unsaved, &plan) })
}

/// A change that does not bring back what was purged: then whatever stands in its place goes.
fn without_purged(change: Change, purged: &Purged) -> Option<Change> {
    match &change.to {
        Some(node) if purged.has_node(node) => change.from.is_some().then_some(Change { to: None, ..change }),
        _ => Some(change),
    }
}

fn describe(target: VersionNumber, unsaved: Option<ChangeCounts>, plan: &CheckoutPlan) -> RollbackPlan {
    let paths_of = |wanted: &[Action]| -> Vec<RelPath> {
        plan.places().iter().filter(|place| wanted.contains(&place.action)).map(|place| place.path.clone()).collect()
    };
    let is_written =
        |place: &&crate::workspace::checkout::Place| place.action.writes() && place.to.as_ref().is_some_and(|node| !node.is_directory());
    RollbackPlan {
        target,
        unsaved,
        write: plan.places().iter().filter(is_written).map(|place| place.path.clone()).collect(),
        remove: paths_of(&[Action::Remove, Action::RemoveDirectory]),
        chmod: paths_of(&[Action::Chmod]),
        left_alone: plan.left_alone().iter().map(|left| left.path.clone()).collect(),
        purged: Vec::new(),
        write_bytes: plan.totals().write_bytes,
    }
}

/// Brings a version back: records the present state if it is in no version, changes what differs and nothing else, reads it
/// back, and appends the version as the newest.
///
/// # Durability
/// On return workspace and version are durable. After an error the workspace is as it was; after a crash the next command
/// brings the rollback to its end.
pub fn rollback(workspace: &mut Workspace, options: &RollbackOptions, host: &dyn Host) -> OpsResult<RollbackOutcome> {
    let _changing = workspace.lock_checkout(LockMode::Exclusive, host)?;
    let mut target = workspace.usable_version(options.version)?;
    let trigger = format!("{TRIGGER}{}", options.version);
    let (from, saved) = save_present(workspace, &options.by, &format!("before {trigger}"), host)?;
    let lost = leave_out_purged(workspace, &from, &mut target.record, host)?;
    let (done, version) = if from == target.record.root {
        (CheckedOut::default(), None)
    } else {
        let checkout = Checkout { from, to: target.record.root, version: appended(&target, &options.by, trigger) };
        let (done, version) = check_out(workspace, &checkout, host)?;
        (done, Some(version.number))
    };
    Ok(RollbackOutcome { target: options.version, version, saved, done: CheckedOut { purged: lost, ..done } })
}

/// Gives a version the tree of what was not purged from it. Gives the paths that were.
pub(super) fn leave_out_purged(
    workspace: &mut Workspace,
    from: &ObjectId,
    version: &mut VersionRecord,
    host: &dyn Host,
) -> OpsResult<Vec<RelPath>> {
    let purged = Purged::of(workspace)?;
    let lost = purged.paths_below(&workspace.store, &version.root, &())?;
    if !lost.is_empty() {
        (version.root, (version.files, version.bytes)) = remaining_tree(workspace, from, &purged, &version.root, host)?;
    }
    Ok(lost)
}

/// The version that was the newest before the last rollback, or restore into the workspace.
pub fn undo_target(workspace: &Workspace) -> OpsResult<VersionNumber> {
    let mut rows_max = UNDO_ROWS_FIRST;
    loop {
        let versions = workspace.log.versions_newest_first(Some(rows_max))?;
        let mut from_last = versions.iter().skip_while(|row| !can_be_undone(&row.record.triggered_by));
        if let (Some(_), Some(before)) = (from_last.next(), from_last.next()) {
            return Ok(before.record.number);
        }
        if (versions.len() as u64) < rows_max {
            return Err(OpsError::NoRollback);
        }
        rows_max = rows_max.saturating_mul(UNDO_ROWS_GROWTH);
    }
}

fn can_be_undone(trigger: &str) -> bool {
    [TRIGGER, RESTORE_TRIGGER].iter().any(|begin| trigger.starts_with(begin))
}

/// Records what is in no version yet. Gives the tree that the workspace has, and the version if one was made. What cannot
/// be recorded stops whatever was to follow.
pub(super) fn save_present(
    workspace: &mut Workspace,
    by: &str,
    triggered_by: &str,
    host: &dyn Host,
) -> OpsResult<(ObjectId, Option<VersionNumber>)> {
    let options = PushOptions { by: by.to_owned(), triggered_by: triggered_by.to_owned(), force: true, ..PushOptions::default() };
    match record(workspace, &options, host)? {
        PushOutcome::Made { version, root, report } => {
            refuse_unrecordable(&report)?;
            Ok((root, Some(version)))
        }
        PushOutcome::Unchanged { report, .. } | PushOutcome::WouldMake { report, .. } => {
            refuse_unrecordable(&report)?;
            Ok((workspace.newest()?.ok_or(OpsError::NoVersion)?.record.root, None))
        }
    }
}

pub(super) fn refuse_unrecordable(report: &PushReport) -> OpsResult<()> {
    // Pipes, sockets and devices have no bytes that could be lost; the checkout never removes them.
    let unreadable = report.skipped.iter().filter(|skip| skip.kind != SkipKind::Special);
    let mut paths: Vec<String> = unreadable.map(|skip| format!("{} ({})", String::from_utf8_lossy(&skip.path), skip.reason)).collect();
    paths.extend(report.unstable.iter().map(|path| format!("{path} (it changes all the time)")));
    if paths.is_empty() {
        return Ok(());
    }
    let total = paths.len() as u64;
    paths.truncate(PATHS_NAMED_MAX);
    Err(OpsError::Unrecordable { paths, total })
}

fn appended(target: &VersionRow, by: &str, triggered_by: String) -> VersionRecord {
    VersionRecord { by: by.to_owned(), triggered_by, message: String::new(), left_out: 0, ..target.record.clone() }
}
