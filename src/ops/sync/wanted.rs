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
    /// A large one has chunks.
    pub is_large: bool,
}

/// Collects the objects of versions, each once.
pub struct Parts<'a> {
    store: &'a Store,
    met: HashSet<(ObjectKind, ObjectId)>,
    /// What stood in the place of new objects, and is on the other side: deltas may be made against it.
    pub former: HashSet<ObjectId>,
    /// The objects, each tree behind what is in it.
    pub found: Vec<Part>,
}

impl<'a> Parts<'a> {
    /// Nothing collected yet.
    pub fn new(store: &'a Store) -> Self {
        Self { store, met: HashSet::new(), former: HashSet::new(), found: Vec::new() }
    }

    /// Adds what a tree of a workspace has and another one, in the same places, has not.
    ///
    /// # Errors
    /// Those of reading trees: one that is not there, or not what a tree is.
    pub fn add(&mut self, base: Option<&ObjectId>, root: &ObjectId) -> StoreResult<()> {
        let mut pending = vec![(base.copied(), *root)];
        let mut trees = Vec::new();
        while let Some((base, id)) = pending.pop() {
            if base == Some(id) || id == Tree::empty().id() || !self.met.insert((ObjectKind::Tree, id)) {
                continue;
            }
            self.former.extend(base);
            let old = match base {
                Some(base) => self.store.tree(&base)?,
                None => Tree::empty(),
            };
            let new = self.store.tree(&id)?;
            self.compare(&old, &new, &mut pending);
            trees.push(Part { kind: ObjectKind::Tree, id, is_large: chunked(new.as_bytes().len() as u64) });
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
                        Some(Node::File { id, .. }) => Some(id),
                        _ => None,
                    };
                    if base != Some(id) && self.met.insert((ObjectKind::Blob, id)) {
                        self.former.extend(base);
                        self.found.push(Part { kind: ObjectKind::Blob, id, is_large: chunked(bytes) });
                    }
                }
                Node::Symlink { .. } => {}
            }
        }
    }
}
