//! Trees of many versions, read one after the other: those read lately are kept, because neighbouring versions share most.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::format::tree::Tree;
use crate::id::ObjectId;
use crate::limits::TREE_CACHE_BYTES;
use crate::store::{Reader, Store, StoreError, StoreResult};
use crate::tree::TreeSource;

/// The trees of a store, for one walk through its versions. Keeps at most [`TREE_CACHE_BYTES`] of them.
pub struct PastTrees<'s>(Mutex<Kept<'s>>);

struct Kept<'s> {
    reader: Reader<'s>,
    trees: HashMap<ObjectId, Tree>,
    order: VecDeque<ObjectId>,
    bytes: usize,
}

impl<'s> PastTrees<'s> {
    /// Nothing is read yet.
    pub fn new(store: &'s Store) -> Self {
        // The empty tree is in no store.
        let trees = HashMap::from([(Tree::empty().id(), Tree::empty())]);
        Self(Mutex::new(Kept { reader: store.reader(), trees, order: VecDeque::new(), bytes: 0 }))
    }
}

impl TreeSource for PastTrees<'_> {
    type Error = StoreError;

    fn tree(&self, id: &ObjectId) -> StoreResult<Tree> {
        self.tree_beside(id, &Tree::empty())
    }

    fn tree_beside(&self, id: &ObjectId, other: &Tree) -> StoreResult<Tree> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = kept.trees.get(id) {
            return Ok(tree.clone());
        }
        let tree = kept.reader.tree_beside(id, other)?;
        kept.keep(*id, &tree);
        Ok(tree)
    }
}

impl Kept<'_> {
    fn keep(&mut self, id: ObjectId, tree: &Tree) {
        self.bytes += tree.as_bytes().len();
        self.trees.insert(id, tree.clone());
        self.order.push_back(id);
        while self.bytes > TREE_CACHE_BYTES && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front() else { return };
            self.bytes -= self.trees.remove(&oldest).map_or(0, |tree| tree.as_bytes().len());
        }
    }
}
