//! Going back through the versions that changed some paths, also where the one file that is meant had another name.

use super::super::diff::SideContents;
use super::super::select::PathSelection;
use super::super::{Host, OpsResult, Workspace};
use super::ahead::Ahead;
use super::stop_if_cancelled;
use crate::id::ObjectId;
use crate::patch::{FileChange, RenameDetection, file_changes};
use crate::path::RelPath;
use crate::tree::{Change, OwnedNode};
use crate::version_log::VersionRow;

/// A walk from newer versions to older ones.
pub struct Follow<'w> {
    contents: SideContents<'w>,
    ahead: Ahead<'w>,
    rows: &'w [VersionRow],
    detection: RenameDetection,
    selection: PathSelection,
    /// The one path that is followed, under the name that it has where the walk is.
    followed: Option<RelPath>,
}

/// A version that changed the paths.
pub struct Step<'w> {
    /// Its entry.
    pub row: &'w VersionRow,
    /// The version before it; `None` for the first.
    pub before: Option<&'w VersionRow>,
    /// What it changed.
    pub changes: Vec<FileChange>,
}

impl<'w> Follow<'w> {
    /// A walk over versions, newest first, for the selected paths. With `follow`, a single file is followed through its renames.
    pub fn new(
        workspace: &'w Workspace,
        rows: &'w [VersionRow],
        selection: PathSelection,
        follow: bool,
        detection: RenameDetection,
    ) -> OpsResult<Self> {
        let followed = selection.single_path().filter(|_| follow).cloned();
        let (contents, ahead) = (SideContents::of_versions(workspace)?, Ahead::new(&workspace.store));
        Ok(Self { contents, ahead, rows, detection, selection, followed })
    }

    /// Where contents come from.
    pub fn contents(&self) -> &SideContents<'w> {
        &self.contents
    }

    /// The next older version that changed the paths; `None` when there is none any more.
    ///
    /// Opens only trees whose ids differ between neighbours, and of these only those on the way to the paths.
    pub fn next(&mut self, host: &dyn Host) -> OpsResult<Option<Step<'w>>> {
        while let Some((row, older)) = self.rows.split_first() {
            stop_if_cancelled(host)?;
            let changes = self.ahead.next(self.rows, &self.selection, host.cancel_flag())?;
            self.rows = older;
            let before = older.first();
            let changes = self.step(changes, before.map(|row| &row.record.root), &row.record.root)?;
            if !changes.is_empty() {
                return Ok(Some(Step { row, before, changes }));
            }
        }
        Ok(None)
    }

    /// What changed between two neighbours in the paths, as users are told.
    fn step(&mut self, changes: Vec<Change>, from: Option<&ObjectId>, to: &ObjectId) -> OpsResult<Vec<FileChange>> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        if let (Some(path), Some(_), [change]) = (&self.followed, from, &changes[..])
            && came_or_went(change, path)
        {
            return self.renamed(from, to, path.clone());
        }
        file_changes(changes, &self.contents, self.detection)
    }

    /// What happened to the file that came or went: all that changed must be looked at to know. From here on its older name counts.
    fn renamed(&mut self, from: Option<&ObjectId>, to: &ObjectId, path: RelPath) -> OpsResult<Vec<FileChange>> {
        let all = self.ahead.changes(from, to, &PathSelection::default())?;
        let mut changes = file_changes(all, &self.contents, RenameDetection::Similar)?;
        changes.retain(|change| [change.before(), change.after()].into_iter().flatten().any(|(at, _)| *at == path));
        let origin = changes.iter().find_map(|change| match change {
            FileChange::Renamed { from, to, .. } if to.path == path => Some(from.path.clone()),
            _ => None,
        });
        if let Some(origin) = origin {
            self.selection = PathSelection::of_path(origin.clone());
            self.followed = Some(origin);
            self.ahead.forget();
        }
        Ok(changes)
    }
}

/// Whether this is the file itself, new or gone.
fn came_or_went(change: &Change, path: &RelPath) -> bool {
    let (from, to) = (change.from.as_ref(), change.to.as_ref());
    change.path == *path && from.is_some() != to.is_some() && from.or(to).is_some_and(|node: &OwnedNode| !node.is_directory())
}
