//! The version log as users see it.

use super::{OpsResult, Workspace};
use crate::format::record::VersionNumber;
use crate::version_log::VersionRow;

/// The versions, newest first, at most `limit` of them; and the active one.
pub fn list(workspace: &Workspace, limit: Option<u64>) -> OpsResult<(Vec<VersionRow>, Option<VersionNumber>)> {
    Ok((workspace.log.versions_newest_first(limit)?, workspace.log.head()?.active))
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
