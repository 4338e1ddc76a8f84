//! What of the store belongs to which version: going through versions one after the other, each object is met once.

use std::sync::atomic::Ordering;

use super::files_below::files_below;
use super::{Host, OpsError, OpsResult, Phase, Workspace};
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
    let mut bytes = 0;
    files_below(workspace.store_dir.path(), &mut |entry, _| {
        // What is gone by now takes no room.
        bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        Ok(())
    })?;
    Ok(bytes)
}
