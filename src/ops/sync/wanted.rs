//! Which objects make up a version, compared with another that the other side has: for sending them, and for checking that all came.

use std::collections::HashSet;

use crate::format::tree::{Node, Tree};
use crate::id::{ObjectId, ObjectKind};
use crate::store::{Store, StoreResult, chunked};
use crate::tree::TreeSource;

/// An object of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its id.
    pub id: ObjectId,
    /// Its length in bytes; of a content, what its tree says.
    pub bytes: u64,
}

impl Part {
    /// Whether it has chunks.
    pub fn is_large(&self) -> bool {
        chunked(self.bytes)
    }
}

/// Collects the objects of versions, each once.
pub struct Parts<'a> {
    store: &'a Store,
    /// With their lengths: a content that two trees give different ones is met twice.
    met: HashSet<(ObjectId, u64)>,
    met_trees: HashSet<ObjectId>,
    /// What stood in the place of new objects, and is on the other side: deltas may be made against it.
    pub former: HashSet<ObjectId>,
    /// The objects, each tree behind what is in it.
    pub found: Vec<Part>,
}

impl<'a> Parts<'a> {
    /// Nothing collected yet.
    pub fn new(store: &'a Store) -> Self {
        Self { store, met: HashSet::new(), met_trees: HashSet::new(), former: HashSet::new(), found: Vec::new() }
    }

    /// Adds what a tree of a workspace has and another one, in the same places, has not.
    ///
    /// # Errors
    /// Those of reading trees: one that is not there, or not what a tree is.
    pub fn add(&mut self, base: Option<&ObjectId>, root: &ObjectId) -> StoreResult<()> {
        let mut pending = vec![(base.copied(), *root)];
        let mut trees = Vec::new();
        while let Some((base, id)) = pending.pop() {
            if base == Some(id) || id == Tree::empty().id() || !self.met_trees.insert(id) {
                continue;
            }
            self.former.extend(base);
            let old = match base {
                Some(base) => self.store.tree(&base)?,
                None => Tree::empty(),
            };
            let new = self.store.tree(&id)?;
            self.compare(&old, &new, &mut pending);
            trees.push(Part { kind: ObjectKind::Tree, id, bytes: new.as_bytes().len() as u64 });
        }
        // Trees were met from the top down.
        self.found.extend(trees.into_iter().rev());
        Ok(())
    }

    fn compare(&mut self, old: &Tree, new: &Tree, pending: &mut Vec<(Option<ObjectId>, ObjectId)>) {
        for entry in new.entries() {
            let before = old.get(entry.name).map(|entry| entry.node);
            match entry.node {
                Node::Directory { id, .. } => {
                    let base = match before {
                        Some(Node::Directory { id, .. }) => Some(id),
                        _ => None,
                    };
                    pending.push((base, id));
                }
                Node::File { id, bytes, .. } => {
                    let base = match before {
                        Some(Node::File { id, bytes, .. }) => Some((id, bytes)),
                        _ => None,
                    };
                    if base != Some((id, bytes)) && self.met.insert((id, bytes)) {
                        self.former.extend(base.map(|(id, _)| id));
                        self.found.push(Part { kind: ObjectKind::Blob, id, bytes });
                    }
                }
                Node::Symlink { .. } => {}
            }
        }
    }
}
