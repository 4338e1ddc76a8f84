//! The version log as users see it.

use std::path::Path;

use super::workspace::{FOLDER, check_owner};
use super::{OpsError, OpsResult, Settings, Workspace};
use crate::disk::{Dir, RootOf};
use crate::format::record::VersionNumber;
use crate::version_log::{VersionLog, VersionRow};

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
