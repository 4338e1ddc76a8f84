//! Moves the active mark. No file is touched.

use super::{Host, OpsResult, Workspace};
use crate::format::record::{RecordBody, VersionNumber};
use crate::version_log::ActiveChange;

/// What a promotion did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromoteOutcome {
    /// The version that is active now.
    pub version: VersionNumber,
    /// The one that was active before.
    pub before: Option<VersionNumber>,
    /// Whether anything changed; a version that is active already is not promoted again.
    pub changed: bool,
}

/// Makes a version the active one.
///
/// # Durability
/// On return the promotion is durable. After a crash before that, one of the two versions is active.
pub fn promote(workspace: &mut Workspace, number: VersionNumber, host: &dyn Host) -> OpsResult<PromoteOutcome> {
    let mut publishing = workspace.begin_publish(host)?;
    publishing.workspace().usable_version(number)?;
    let before = publishing.head.active;
    let changed = before != Some(number);
    if changed {
        let batch = publishing.workspace().store.batch()?;
        publishing.commit(batch, RecordBody::Promote(number), host)?;
    }
    Ok(PromoteOutcome { version: number, before, changed })
}

/// The moves of the active mark, newest first, at most `limit` of them.
pub fn promotions(workspace: &Workspace, limit: Option<u64>) -> OpsResult<Vec<ActiveChange>> {
    Ok(workspace.log.promotions(limit)?)
}
