//! Marks of versions: deleted.

use super::{Host, OpsError, OpsResult, Workspace};
use crate::format::record::{RecordBody, VersionNumber};

/// Deletes a version: its entry stays in the log, marked; its contents may be collected later. The active version and
/// the newest one cannot be deleted.
///
/// # Durability
/// On return the mark is durable.
pub fn delete(workspace: &mut Workspace, number: VersionNumber, host: &dyn Host) -> OpsResult<()> {
    let mut publishing = workspace.begin_publish(host)?;
    publishing.workspace().usable_version(number)?;
    if publishing.head.active == Some(number) {
        return Err(OpsError::Undeletable { number, why: "the active version" });
    }
    if publishing.head.newest == Some(number) {
        return Err(OpsError::Undeletable { number, why: "the newest version" });
    }
    let batch = publishing.workspace().store.batch()?;
    publishing.commit(batch, RecordBody::Delete(number), host)?;
    Ok(())
}
