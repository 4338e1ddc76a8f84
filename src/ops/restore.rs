//! Brings a version, or a part of it, into another folder, or single paths of it into the workspace.

use std::path::{Path, PathBuf};

use super::checkout::{self, CheckedOut, Checkout, StoreContents, check_out};
use super::path_tree::{Paths, paths_of, put_over, record_tree};
use super::purged::RemainingTrees;
use super::rollback::{RESTORE_TRIGGER, save_present};
use super::select::PathSelection;
use super::{Host, OpsError, OpsResult, Phase, Purged, Workspace};
use crate::disk::{Dir, DiskError, LockMode, RootOf};
use crate::format::record::{ChangeCounts, VersionNumber, VersionRecord};
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::store::Store;
use crate::tree::{Change, OwnedNode, walk};
use crate::version_log::VersionRow;
use crate::workspace::checkout::{MaterializeOptions, Watch, materialize};

/// Where to.
#[derive(Clone, Debug)]
pub enum RestoreTarget {
    /// A folder that does not exist yet or is empty.
    Directory(PathBuf),
    /// The workspace, in place of what is there.
    Workspace,
}

/// What to restore.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// From which version; else from the active one.
    pub version: Option<VersionNumber>,
    /// Where to.
    pub target: RestoreTarget,
    /// Which paths and patterns; empty means all.
    pub patterns: Vec<String>,
    /// Who does it.
    pub by: String,
    /// Only say what would be written.
    pub dry_run: bool,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct RestoreOutcome {
    /// From which version.
    pub version: VersionNumber,
    /// The version that holds what was not yet saved; only for the workspace.
    pub saved: Option<VersionNumber>,
    /// The version that was appended; only for the workspace.
    pub appended: Option<VersionNumber>,
    /// The paths that would be written; only in a dry run.
    pub planned: Vec<RelPath>,
    /// What was done, or in a dry run what would be, to the folder or to the workspace.
    pub done: CheckedOut,
}

/// Restores. Into a folder, nothing that exists is ever replaced. Into the workspace, the present state is recorded first, paths
/// that the version does not have stay, what the ignore rules exclude is left alone, and the result is appended as a version of its own.
///
/// # Durability
/// On return what was written is durable.
pub fn restore(workspace: &mut Workspace, options: &RestoreOptions, host: &dyn Host) -> OpsResult<RestoreOutcome> {
    let number = match options.version {
        Some(number) => number,
        None => workspace.log.head()?.active.ok_or(OpsError::NoVersion)?,
    };
    let row = workspace.usable_version(number)?;
    let selection = PathSelection::new(&options.patterns)?;
    let purged = Purged::of(workspace)?;
    let lost = purged.paths_below(&workspace.store, &row.record.root, &selection)?;
    let selected = purged.remaining(selected_paths(&workspace.store, &row, &selection)?);
    let outcome = match &options.target {
        _ if options.dry_run => planned(workspace, number, &options.target, selected),
        RestoreTarget::Directory(path) => to_directory(workspace, &row, path, &selection, &selected, &purged, host),
        RestoreTarget::Workspace => to_workspace(workspace, &row, options, &selection, selected, host),
    }?;
    Ok(RestoreOutcome { done: CheckedOut { purged: lost, ..outcome.done }, ..outcome })
}

fn outcome(version: VersionNumber, done: CheckedOut) -> RestoreOutcome {
    RestoreOutcome { version, saved: None, appended: None, planned: Vec::new(), done }
}

/// What a restore would do.
fn planned(workspace: &Workspace, version: VersionNumber, target: &RestoreTarget, selected: Paths) -> OpsResult<RestoreOutcome> {
    let (wanted, left_alone) = match target {
        RestoreTarget::Directory(_) => (selected, Vec::new()),
        RestoreTarget::Workspace => without_excluded(workspace, selected)?,
    };
    let bytes = wanted.values().map(OwnedNode::file_bytes).sum();
    let planned: Vec<RelPath> = wanted.into_iter().filter(|(_, node)| !node.is_directory()).map(|(path, _)| path).collect();
    let done = CheckedOut { written: planned.len() as u64, bytes, left_alone, ..CheckedOut::default() };
    Ok(RestoreOutcome { planned, ..outcome(version, done) })
}

/// What the ignore rules let into the workspace, and the topmost of all paths that they exclude.
fn without_excluded(workspace: &Workspace, selected: Paths) -> OpsResult<(Paths, Vec<RelPath>)> {
    let changes = selected.into_iter().map(|(path, node)| Change { path, from: None, to: Some(node) }).collect();
    let plan = checkout::plan(workspace, changes)?;
    let wanted = plan.places().iter().filter_map(|place| Some((place.path.clone(), place.to.clone()?))).collect();
    Ok((wanted, plan.left_alone().iter().map(|left| left.path.clone()).collect()))
}

/// The selected paths of a version. A path or pattern that fits nothing is an error.
fn selected_paths(store: &Store, row: &VersionRow, selection: &PathSelection) -> OpsResult<Paths> {
    let mut selected = Paths::new();
    walk(store, &row.record.root, selection, &mut |path, node| {
        selected.insert(path.clone(), node);
    })?;
    if let Some(pattern) = selection.unmatched(selected.keys()) {
        return Err(OpsError::NoMatch { number: row.record.number, pattern });
    }
    Ok(selected)
}

fn to_directory(
    workspace: &Workspace,
    row: &VersionRow,
    path: &Path,
    selection: &PathSelection,
    selected: &Paths,
    purged: &Purged,
    host: &dyn Host,
) -> OpsResult<RestoreOutcome> {
    std::fs::create_dir_all(path).map_err(|error| DiskError::new("make the folder", path, error))?;
    let target = Dir::open(path, RootOf::UserPath)?;
    if !target.names()?.is_empty() {
        return Err(OpsError::NotEmpty { path: path.to_path_buf() });
    }
    let expected: u64 = selected.values().map(OwnedNode::file_bytes).sum();
    let options = MaterializeOptions {
        selection: if selection.is_all() { None } else { Some(selection) },
        expected_bytes: Some(expected),
        sync: true,
        ..MaterializeOptions::default()
    };
    let progress = |_files: u64, bytes: u64| host.progress(Phase::Writing, bytes, Some(expected));
    let watch = Watch { progress: &progress, cancel: host.cancel_flag() };
    let store = &workspace.store;
    let trees = RemainingTrees { store, purged };
    let written = materialize(&target, &trees, &row.record.root, &StoreContents(store), options, watch, &|_, _| ())?;
    Ok(outcome(row.record.number, CheckedOut { written: written.files, bytes: written.bytes, ..CheckedOut::default() }))
}

fn to_workspace(
    workspace: &mut Workspace,
    row: &VersionRow,
    options: &RestoreOptions,
    selection: &PathSelection,
    selected: Paths,
    host: &dyn Host,
) -> OpsResult<RestoreOutcome> {
    let _changing = workspace.lock_checkout(LockMode::Exclusive, host)?;
    let what = if selection.is_all() { "everything".to_owned() } else { selection.describe() };
    let trigger = format!("{RESTORE_TRIGGER}{what} from {}", row.record.number);
    let (from, saved) = save_present(workspace, &options.by, &format!("before {trigger}"), host)?;
    let (wanted, left_alone) = without_excluded(workspace, selected)?;
    let (to, totals) = overlay(workspace, &from, wanted, host)?;
    if to == from {
        return Ok(RestoreOutcome { saved, ..outcome(row.record.number, CheckedOut { left_alone, ..CheckedOut::default() }) });
    }
    let version = VersionRecord {
        number: VersionNumber(0),
        root: to,
        by: options.by.clone(),
        triggered_by: trigger,
        message: String::new(),
        changes: ChangeCounts::default(),
        files: totals.0,
        bytes: totals.1,
        left_out: 0,
    };
    let (done, version) = check_out(workspace, &Checkout { from, to, version }, host)?;
    let done = CheckedOut { left_alone, ..done };
    Ok(RestoreOutcome { saved, appended: Some(version.number), ..outcome(row.record.number, done) })
}

/// The tree of the workspace with some paths put over it, put into the store as by [`record_tree`].
fn overlay(workspace: &mut Workspace, from: &ObjectId, wanted: Paths, host: &dyn Host) -> OpsResult<(ObjectId, (u64, u64))> {
    let mut paths = paths_of(&workspace.store, from)?;
    for (path, node) in wanted {
        put_over(&mut paths, path, node);
    }
    record_tree(workspace, from, &paths, host)
}
