//! A note in the store that versions were dropped and their contents not yet collected: a push that finds it has that done.
//!
//! It is written before the entry that drops them, so that a kill leaves no garbage without a note, and goes when a collection that
//! began after it has ended. It only saves room: a lost one costs what the next `gc` finds anyway, one too many a look at the trees.

use super::{Host, OpsResult, Workspace};
use crate::disk::Dir;
use crate::format::record::RecordBody;

const NOTE: &str = "gc.wanted";
/// The number of an entry in decimal.
const NOTE_BYTES_MAX: u64 = 20;

/// Takes note of an entry if it leaves contents that nothing reaches. That this cannot be written is no reason to refuse the entry.
pub(super) fn note(dir: &Dir, tmp: &Dir, body: &RecordBody, sequence: u64) {
    if matches!(body, RecordBody::Delete(_) | RecordBody::Prune(_) | RecordBody::Purge(_)) {
        let _ = dir.publish(tmp, NOTE, sequence.to_string().as_bytes());
    }
}

/// Whether a collection has something to do: versions were dropped since the last one.
pub fn collection_is_wanted(workspace: &Workspace) -> bool {
    workspace.store_dir.contains(NOTE).unwrap_or(false)
}

/// What stood in the note before a collection.
pub(super) struct Noted(Option<Vec<u8>>);

impl Noted {
    /// Reads the note; one that is not readable counts as none that could be compared.
    pub fn read(workspace: &Workspace) -> Self {
        Self(workspace.store_dir.read(NOTE, NOTE_BYTES_MAX).ok())
    }

    /// Removes the note after a collection, unless more was dropped meanwhile.
    pub fn forget(self, workspace: &mut Workspace, host: &dyn Host) -> OpsResult<()> {
        if !collection_is_wanted(workspace) {
            return Ok(());
        }
        let publishing = workspace.begin_publish(host)?;
        let workspace = publishing.workspace();
        if Self::read(workspace).0 == self.0 {
            workspace.store_dir.remove_file(NOTE.as_ref())?;
        }
        Ok(())
    }
}
