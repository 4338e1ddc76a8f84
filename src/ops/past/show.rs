//! One version: its entry, and what differs in it from the version before it.

use super::super::diff::{SideContents, shaped};
use super::super::list::with_marks;
use super::super::select::PathSelection;
use super::super::{DiffForm, DiffOutcome, MarkedVersion, OpsResult, Workspace};
use super::readable_before;
use super::trees::PastTrees;
use crate::format::record::{CheckRecord, VersionNumber};
use crate::tree::diff_selected;

/// What to show.
#[derive(Clone, Debug)]
pub struct ShowOptions {
    /// The version.
    pub version: VersionNumber,
    /// Only these paths and what is below them, or that match these patterns; empty means all.
    pub paths: Vec<Vec<u8>>,
    /// What is wanted of the differences.
    pub form: DiffForm,
}

/// A version and what it changed.
#[derive(Clone, Debug)]
pub struct ShowOutcome {
    /// Its entry, with what was said about it later.
    pub version: MarkedVersion,
    /// Its last check.
    pub check: Option<CheckRecord>,
    /// The active version.
    pub active: Option<VersionNumber>,
    /// What it was compared with: the version before it that was not deleted; `None` when there is none, so that all is new.
    pub before: Option<VersionNumber>,
    /// What differs.
    pub diff: DiffOutcome,
}

/// Shows a version. Changes nothing.
///
/// # Errors
/// [`OpsError::DeletedVersion`](super::super::OpsError::DeletedVersion): the entry of a deleted one is given by
/// [`version`](super::super::version).
pub fn show(workspace: &Workspace, options: &ShowOptions) -> OpsResult<ShowOutcome> {
    let selection = PathSelection::new(&options.paths)?;
    let row = workspace.usable_version(options.version)?;
    let before = readable_before(workspace, options.version)?;
    let mut changes = Vec::new();
    let trees = PastTrees::new(&workspace.store);
    let from = before.as_ref().map(|row| &row.record.root);
    diff_selected(&trees, from, Some(&row.record.root), &selection, &mut |change| changes.push(change))?;
    let diff = shaped(changes, &SideContents::of_versions(workspace)?, options.form)?;
    let active = workspace.log.head()?.active;
    let check = workspace.log.last_check(options.version)?.map(|check| check.record);
    let version = with_marks(workspace, row)?;
    Ok(ShowOutcome { version, check, active, before: before.map(|row| row.record.number), diff })
}
