//! What of the store belongs to which version: going through versions one after the other, each object is met once.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::{Host, OpsError, OpsResult, Phase, Workspace};
use crate::disk::DiskError;
use crate::format::tree::Node;
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::store::{LiveSet, Store};
use crate::tree::TreeSource;

/// An object that is met for the first time.
pub struct Met<'a> {
    /// Where it stands.
    pub path: &'a RelPath,
    /// Its id.
    pub id: &'a ObjectId,
    /// Whether it is the tree of a folder.
    pub is_tree: bool,
}

/// A walk through versions.
#[derive(Default)]
pub struct Footprint {
    seen: LiveSet,
    trees: u64,
}

impl Footprint {
    /// Goes through a version: `meet` gets the objects that no version before it had. Trees that were met are not opened again.
    pub fn add(&mut self, store: &Store, root: &ObjectId, host: &dyn Host, meet: &mut dyn FnMut(Met<'_>)) -> OpsResult<()> {
        let mut pending = vec![(RelPath::root(), *root)];
        while let Some((folder, id)) = pending.pop() {
            if !self.seen.insert(&id) {
                continue;
            }
            if host.cancel_flag().load(Ordering::Relaxed) {
                return Err(OpsError::Cancelled);
            }
            self.trees += 1;
            host.progress(Phase::Marking, self.trees, None);
            meet(Met { path: &folder, id: &id, is_tree: true });
            for entry in store.tree(&id)?.entries() {
                // A path that grew too long cannot be joined; no push records one.
                let Ok(path) = folder.join(entry.name) else { continue };
                match entry.node {
                    Node::Directory { id, .. } => pending.push((path, id)),
                    Node::File { id, .. } if self.seen.insert(&id) => meet(Met { path: &path, id: &id, is_tree: false }),
                    Node::File { .. } | Node::Symlink { .. } => {}
                }
            }
        }
        Ok(())
    }
}

/// Bytes of all files of the history: those of the store's folder.
pub fn history_bytes(workspace: &Workspace) -> OpsResult<u64> {
    folder_bytes(workspace.store_dir.path())
}

fn folder_bytes(folder: &Path) -> OpsResult<u64> {
    let mut pending = vec![folder.to_path_buf()];
    let mut bytes = 0;
    while let Some(folder) = pending.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(DiskError::new("list", &folder, error).into()),
        };
        for entry in entries {
            let entry = entry.map_err(|error| DiskError::new("list", &folder, error))?;
            // What is gone by now takes no room.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                pending.push(entry.path());
            } else {
                bytes += metadata.len();
            }
        }
    }
    Ok(bytes)
}
