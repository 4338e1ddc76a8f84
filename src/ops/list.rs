//! The version log as users see it.

use std::path::Path;

use super::workspace::{FOLDER, check_owner};
use super::{OpsError, OpsResult, Settings, Workspace, purged_paths};
use crate::disk::{Dir, RootOf};
use crate::format::record::VersionNumber;
use crate::path::RelPath;
use crate::version_log::{VersionLog, VersionRow};

/// A version with what was said about it later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedVersion {
    /// Its entry.
    pub row: VersionRow,
    /// Its labels, in the order of their names.
    pub labels: Vec<String>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// Whether its last check passed; `None` when it was never checked.
    pub passed: Option<bool>,
    /// What asked for its deletion, if it was pruned.
    pub pruned: Option<String>,
    /// Paths of it whose contents were purged; only for a single version.
    pub purged: Vec<RelPath>,
}

/// The versions, newest first, at most `limit` of them; and the active one.
pub fn list(workspace: &Workspace, limit: Option<u64>) -> OpsResult<(Vec<VersionRow>, Option<VersionNumber>)> {
    loop {
        let before = workspace.log.head()?;
        let rows = workspace.log.versions_newest_first(limit)?;
        // Rows and mark must be of one moment; another process may have published between the two questions.
        if workspace.log.head()?.sequence == before.sequence {
            return Ok((rows, before.active));
        }
    }
}

/// Puts to the entry of one version what was said about it later.
pub fn with_marks(workspace: &Workspace, row: VersionRow) -> OpsResult<MarkedVersion> {
    let number = row.record.number;
    let marks = workspace.log.marks()?;
    let pruned = if row.deleted { workspace.log.prune_reasons(number, number)?.remove(&number) } else { None };
    let labels = marks.labels_by_version().remove(&number).unwrap_or_default();
    let purged = purged_paths(workspace, &row)?;
    Ok(MarkedVersion { labels, pinned: marks.is_pinned(number), passed: marks.passed(number), pruned, purged, row })
}

/// Puts to entries of versions, newest first, what was said about them later.
pub fn marked(workspace: &Workspace, rows: Vec<VersionRow>) -> OpsResult<Vec<MarkedVersion>> {
    let marks = workspace.log.marks()?;
    let mut labels = marks.labels_by_version();
    let mut deleted = rows.iter().filter(|row| row.deleted).map(|row| row.record.number);
    let mut reasons = match (deleted.next(), deleted.next_back()) {
        (None, _) => Default::default(),
        (Some(newest), oldest) => workspace.log.prune_reasons(oldest.unwrap_or(newest), newest)?,
    };
    let marked = |row: VersionRow| {
        let number = row.record.number;
        MarkedVersion {
            labels: labels.remove(&number).unwrap_or_default(),
            pinned: marks.is_pinned(number),
            passed: marks.passed(number),
            pruned: reasons.remove(&number),
            purged: Vec::new(),
            row,
        }
    };
    Ok(rows.into_iter().map(marked).collect())
}

/// The versions whose last check passed, newest first, at most `limit` of them.
pub fn green_versions(workspace: &Workspace, limit: Option<u64>) -> OpsResult<Vec<VersionRow>> {
    let marks = workspace.log.marks()?;
    let mut rows = Vec::new();
    for (&number, _) in marks.versions.iter().rev().filter(|(number, _)| marks.passed(**number) == Some(true)) {
        if limit.is_some_and(|limit| rows.len() as u64 >= limit) {
            break;
        }
        rows.extend(workspace.log.version(number)?.filter(|row| !row.deleted));
    }
    Ok(rows)
}

/// The newest version whose last check passed.
///
/// # Errors
/// [`OpsError::NoGreenVersion`].
pub fn last_green(workspace: &Workspace) -> OpsResult<VersionNumber> {
    green_versions(workspace, Some(1))?.first().map(|row| row.record.number).ok_or(OpsError::NoGreenVersion)
}

/// The entry of one version, deleted or not.
pub fn version(workspace: &Workspace, number: VersionNumber) -> OpsResult<VersionRow> {
    let newest = workspace.log.head()?.newest;
    workspace.log.version(number)?.ok_or(OpsError::UnknownVersion { number, newest })
}

/// The newest versions, at most so many, of the workspace in a folder, as its log has them on disk: nothing is brought to its end,
/// locked or written. For suggestions, which must neither take time nor change anything.
pub fn peek(root: &Path, limit: u64) -> OpsResult<Vec<VersionRow>> {
    let local = Dir::open(root, RootOf::UserPath)?.open_dir(FOLDER)?;
    check_owner(&local)?;
    let settings = Settings::read(&local)?.ok_or_else(|| OpsError::NotAWorkspace { start: root.to_path_buf() })?;
    let store_dir = settings.store.map_or(Ok(local), |path| Dir::open(&path, RootOf::UserPath))?;
    check_owner(&store_dir)?;
    Ok(VersionLog::open_read_only(&store_dir)?.versions_newest_first(Some(limit))?)
}

/// The newest version.
pub fn newest(workspace: &Workspace) -> OpsResult<Option<VersionRow>> {
    workspace.newest()
}
