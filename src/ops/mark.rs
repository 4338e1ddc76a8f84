//! Marks of versions: deleted, pinned.

use super::{Host, OpsError, OpsResult, Workspace};
use crate::format::record::{RecordBody, VersionNumber};

/// Deletes a version: its entry stays in the log, marked; its contents may be collected later. The active version, the
/// newest one, and those that are pinned or labelled cannot be deleted.
///
/// # Durability
/// On return the mark is durable.
pub fn delete(workspace: &mut Workspace, number: VersionNumber, host: &dyn Host) -> OpsResult<()> {
    let mut publishing = workspace.begin_publish(host)?;
    publishing.workspace().usable_version(number)?;
    let marks = publishing.workspace().log.marks()?;
    let reasons = [
        (publishing.head.active == Some(number), "the active version"),
        (publishing.head.newest == Some(number), "the newest version"),
        (marks.is_pinned(number), "pinned"),
        (marks.labels.values().any(|label| label.version == number), "labelled"),
    ];
    if let Some((_, why)) = reasons.into_iter().find(|(holds, _)| *holds) {
        return Err(OpsError::Undeletable { number, why });
    }
    let batch = publishing.workspace().store.batch()?;
    publishing.commit(batch, RecordBody::Delete(number), host)?;
    Ok(())
}

/// Pins a version, so that neither a deletion nor a prune takes its contents, or takes the pin away. Says whether anything changed.
///
/// # Durability
/// On return the mark is durable.
pub fn set_pin(workspace: &mut Workspace, number: VersionNumber, pinned: bool, host: &dyn Host) -> OpsResult<bool> {
    let mut publishing = workspace.begin_publish(host)?;
    publishing.workspace().usable_version(number)?;
    let changes = publishing.workspace().log.marks()?.is_pinned(number) != pinned;
    if changes {
        let batch = publishing.workspace().store.batch()?;
        let body = if pinned { RecordBody::Pin(number) } else { RecordBody::Unpin(number) };
        publishing.commit(batch, body, host)?;
    }
    Ok(changes)
}
