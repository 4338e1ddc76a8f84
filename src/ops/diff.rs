//! How two versions differ, or a version and the workspace.

use std::io::Read;

use super::select::PathSelection;
use super::snapshot::{self, Snapshot, SnapshotOptions};
use super::{Host, OpsError, OpsResult, Purged, Workspace};
use crate::disk::{DiskError, LockMode};
use crate::format::record::VersionNumber;
use crate::id::{ObjectId, ObjectKind};
use crate::limits::DIFF_FILE_BYTES_MAX;
use crate::patch::{Contents, Extent, FileChange, PatchOptions, RenameDetection, Side, count, file_changes, render};
use crate::path::RelPath;
use crate::store::{Store, StoreError};
use crate::tree::{Change, OwnedNode, Selection, TreeSource, diff as diff_trees, walk};
use crate::workspace::scan::WorkspaceRoot;

/// One of the two sides of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffSide {
    /// A version.
    Version(VersionNumber),
    /// The workspace as it is now.
    Workspace,
}

/// What is wanted of the differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffForm {
    /// A patch.
    Patch,
    /// How much of each file differs.
    Stat,
    /// Only which files.
    NameOnly,
}

/// What to compare.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// The old side: a version, else the newest.
    pub from: Option<VersionNumber>,
    /// The new side.
    pub to: DiffSide,
    /// Only these paths and what is below them, or that match these patterns; empty means all.
    pub paths: Vec<String>,
    /// What is wanted.
    pub form: DiffForm,
}

/// The differences.
#[derive(Clone, Debug, Default)]
pub struct DiffOutcome {
    /// Which files.
    pub files: Vec<FileChange>,
    /// How much of each, in the same order; only for [`DiffForm::Stat`].
    pub extents: Vec<Extent>,
    /// The patch; only for [`DiffForm::Patch`].
    pub patch: Vec<u8>,
    /// Paths whose old or new content was purged, so that it is named and not shown.
    pub purged: Vec<RelPath>,
}

/// Compares. Changes nothing.
pub fn diff(workspace: &mut Workspace, options: &DiffOptions, host: &dyn Host) -> OpsResult<DiffOutcome> {
    let _looking = workspace.lock_checkout(LockMode::Shared, host)?;
    let selection = PathSelection::new(&options.paths)?;
    let from = match options.from {
        Some(number) => Some(workspace.usable_version(number)?.record.root),
        None => workspace.newest()?.map(|row| row.record.root),
    };
    let (changes, new_in_workspace) = match options.to {
        DiffSide::Version(number) => (between_versions(workspace, from.as_ref(), number, &selection)?, None),
        DiffSide::Workspace => {
            let snapshot = snapshot::take(workspace, &SnapshotOptions::default(), None, host)?;
            let root = WorkspaceRoot::open(workspace.root()).map_err(|error| DiskError::new("open", workspace.root(), error))?;
            (with_snapshot(workspace, from.as_ref(), &snapshot, &selection)?, Some(root))
        }
    };
    let contents = SideContents { new_in_workspace, ..SideContents::of_versions(workspace)? };
    shaped(changes, &contents, options.form)
}

fn between_versions(
    workspace: &Workspace,
    from: Option<&ObjectId>,
    to: VersionNumber,
    selection: &PathSelection,
) -> OpsResult<Vec<Change>> {
    let to = workspace.usable_version(to)?.record.root;
    selected_changes(&workspace.store, (from, &to), selection)
}

fn with_snapshot(workspace: &Workspace, from: Option<&ObjectId>, snapshot: &Snapshot, selection: &PathSelection) -> OpsResult<Vec<Change>> {
    selected_changes(&snapshot.trees(&workspace.store), (from, &snapshot.tree.root), selection)
}

/// The selected differences of two trees. What was named and is in neither is an error: no difference would be told otherwise.
fn selected_changes<S: TreeSource<Error = StoreError>>(
    trees: &S,
    (from, to): (Option<&ObjectId>, &ObjectId),
    selection: &PathSelection,
) -> OpsResult<Vec<Change>> {
    let mut changes = Vec::new();
    diff_trees(trees, from, Some(to), &mut |change| changes.push(change))?;
    changes.retain(|change| selection.selects(&change.path));
    if selection.unmatched(changes.iter().map(|change| &change.path)).is_some() {
        let mut paths = Vec::new();
        for root in from.into_iter().chain([to]) {
            walk(trees, root, selection, &mut |path, _| paths.push(path.clone()))?;
        }
        if let Some(pattern) = selection.unmatched(&paths) {
            return Err(OpsError::NothingToCompare { pattern });
        }
    }
    Ok(changes)
}

/// Changes in the form that is wanted. Where only names are, renames are those of equal contents, since nothing is read.
pub(super) fn shaped(changes: Vec<Change>, contents: &SideContents<'_>, form: DiffForm) -> OpsResult<DiffOutcome> {
    let detection = if form == DiffForm::NameOnly { RenameDetection::Exact } else { RenameDetection::Similar };
    in_form(file_changes(changes, contents, detection)?, contents, form)
}

/// As [`shaped`], once renames have been found.
pub(super) fn in_form(files: Vec<FileChange>, contents: &SideContents<'_>, form: DiffForm) -> OpsResult<DiffOutcome> {
    let mut outcome = DiffOutcome::default();
    for change in &files {
        match form {
            DiffForm::Patch => render(change, contents, &PatchOptions::default(), &mut outcome.patch)?,
            DiffForm::Stat => outcome.extents.push(count(change, contents)?),
            DiffForm::NameOnly => {}
        }
        let gone = |side, place: Option<(&RelPath, &OwnedNode)>| place.is_some_and(|(_, node)| contents.is_gone(side, node));
        if gone(Side::Old, change.before()) || gone(Side::New, change.after()) {
            outcome.purged.push(change.path().clone());
        }
    }
    outcome.files = files;
    Ok(outcome)
}

/// The contents of both sides of a comparison.
pub(super) struct SideContents<'a> {
    store: Option<&'a Store>,
    /// The workspace, when that is the new side.
    new_in_workspace: Option<WorkspaceRoot>,
    purged: Purged,
}

impl<'a> SideContents<'a> {
    /// For comparisons of two versions.
    pub fn of_versions(workspace: &'a Workspace) -> OpsResult<Self> {
        Ok(Self { store: Some(&workspace.store), new_in_workspace: None, purged: Purged::of(workspace)? })
    }

    /// For comparisons that look at no contents.
    pub fn none() -> Self {
        Self { store: None, new_in_workspace: None, purged: Purged::default() }
    }

    /// What is gone.
    pub fn purged(&self) -> &Purged {
        &self.purged
    }
}

impl Contents for SideContents<'_> {
    type Error = OpsError;

    fn read(&self, side: Side, path: &RelPath, node: &OwnedNode) -> OpsResult<Vec<u8>> {
        let OwnedNode::File { id, .. } = node else { return Ok(Vec::new()) };
        match (&self.new_in_workspace, self.store) {
            (Some(root), _) if side == Side::New => read_workspace_file(root, path),
            (_, Some(store)) => Ok(store.read(ObjectKind::Blob, id, DIFF_FILE_BYTES_MAX)?),
            (_, None) => Ok(Vec::new()),
        }
    }

    fn is_gone(&self, side: Side, node: &OwnedNode) -> bool {
        (side == Side::Old || self.new_in_workspace.is_none()) && self.purged.has_node(node)
    }
}

fn read_workspace_file(root: &WorkspaceRoot, path: &RelPath) -> OpsResult<Vec<u8>> {
    let error = |why: String| OpsError::BadPath { path: path.to_string(), why };
    let open = root.open_file(path).map_err(|open| error(open.to_string()))?;
    let mut content = Vec::new();
    open.file.take(DIFF_FILE_BYTES_MAX + 1).read_to_end(&mut content).map_err(|read| error(read.to_string()))?;
    Ok(content)
}
