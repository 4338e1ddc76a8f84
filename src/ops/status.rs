//! How the workspace differs from the newest version, and what its history is like.

use super::push::{PushReport, report};
use super::snapshot::{self, SnapshotOptions};
use super::{BackgroundResult, Host, OpsResult, Workspace, background_results};
use crate::disk::LockMode;
use crate::format::record::VersionNumber;
use crate::patch::{FileChange, RenameDetection, file_changes};
use crate::tree::{TreeSource, diff};
use crate::version_log::VersionRow;

/// How to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatusOptions {
    /// Count what is in folders that the rules leave out.
    pub measure_left_out: bool,
    /// Read all files, whatever the stat cache says.
    pub rehash: bool,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Status {
    /// The newest version.
    pub newest: Option<VersionRow>,
    /// The active version.
    pub active: Option<VersionNumber>,
    /// How the workspace differs from the newest version.
    pub changes: Vec<FileChange>,
    /// What is in the workspace, and what would not be recorded.
    pub report: PushReport,
    /// Bytes of the store's segments.
    pub store_bytes: u64,
    /// Number of segments.
    pub segments: usize,
    /// What came of the last syncs behind pushes.
    pub background: Vec<BackgroundResult>,
}

/// Looks at the workspace. Changes nothing.
pub fn status(workspace: &mut Workspace, options: &StatusOptions, host: &dyn Host) -> OpsResult<Status> {
    let _looking = workspace.lock_checkout(LockMode::Shared, host)?;
    let snapshot_options =
        SnapshotOptions { rehash: options.rehash, measure_left_out: options.measure_left_out, ..SnapshotOptions::default() };
    let snapshot = snapshot::take(workspace, &snapshot_options, None, host)?;
    let newest = workspace.newest()?;
    let mut changes = Vec::new();
    let newest_root = newest.as_ref().map(|row| row.record.root);
    if let Some(root) = &newest_root {
        // The stat cache alone may say that nothing changed, of a history that is gone.
        workspace.store.tree(root)?;
    }
    diff(&snapshot.trees(&workspace.store), newest_root.as_ref(), Some(&snapshot.tree.root), &mut |change| changes.push(change))?;
    let contents = super::diff::SideContents::none();
    Ok(Status {
        changes: file_changes(changes, &contents, RenameDetection::Exact)?,
        active: workspace.log.head()?.active,
        newest,
        report: report(&snapshot),
        store_bytes: workspace.store.stored_bytes()?,
        segments: workspace.store.segment_count()?,
        background: background_results(workspace)?,
    })
}
