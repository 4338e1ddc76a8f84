//! The version log as users see it.

use super::{OpsResult, Workspace};
use crate::format::record::VersionNumber;
use crate::version_log::VersionRow;

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
    workspace.log.version(number)?.ok_or(super::OpsError::UnknownVersion { number, newest })
}

/// The newest version.
pub fn newest(workspace: &Workspace) -> OpsResult<Option<VersionRow>> {
    workspace.newest()
}
