//! What stood at a path in the newest version: the content or tree that a delta is best made against.

use std::collections::HashMap;

use crate::format::tree::{Node, Tree};
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::store::Store;
use crate::tree::TreeSource;

/// Looks paths up in a tree and keeps the folders it has opened. A folder that cannot be read has nothing in it: then there is
/// no base, which costs room and nothing else.
///
/// The stat cache says what stood at a path too, at no cost. It counts first as long as it is of the newest version. After a rollback it
/// is of the version before: then most of what is read equals what the newest version has, and that is found out by the id alone only
/// if that is the base.
pub struct FormerPaths<'s> {
    store: &'s Store,
    root: Option<ObjectId>,
    cached_root: Option<ObjectId>,
    folders: HashMap<RelPath, Option<Tree>>,
}

impl<'s> FormerPaths<'s> {
    /// Looks up paths below this root; without one nothing is found. `cached_root` is the tree of the stat cache.
    pub fn new(store: &'s Store, root: Option<ObjectId>, cached_root: Option<ObjectId>) -> Self {
        Self { store, root, cached_root, folders: HashMap::new() }
    }

    /// The content of the file at a path, of which the stat cache says this.
    pub fn content(&mut self, path: &RelPath, cached: Option<ObjectId>) -> Option<ObjectId> {
        self.prefer(cached, |former| former.find_content(path))
    }

    /// The tree of the folder at a path, of which the stat cache says this.
    pub fn folder(&mut self, path: &RelPath, cached: Option<ObjectId>) -> Option<ObjectId> {
        self.prefer(cached, |former| former.find_folder(path))
    }

    /// The stat cache's answer costs nothing; where it is of another tree, the newest version's fits better.
    fn prefer(&mut self, cached: Option<ObjectId>, find: impl FnOnce(&mut Self) -> Option<ObjectId>) -> Option<ObjectId> {
        if self.root == self.cached_root { cached.or_else(|| find(self)) } else { find(self).or(cached) }
    }

    fn find_content(&mut self, path: &RelPath) -> Option<ObjectId> {
        self.root?;
        let (folder, name) = path.split_last()?;
        match self.open(&folder)?.get(name)?.node {
            Node::File { id, .. } => Some(id),
            Node::Directory { .. } | Node::Symlink { .. } => None,
        }
    }

    fn find_folder(&mut self, path: &RelPath) -> Option<ObjectId> {
        let root = self.root?;
        let Some((above, name)) = path.split_last() else { return Some(root) };
        match self.open(&above)?.get(name)?.node {
            Node::Directory { id, .. } => Some(id),
            Node::File { .. } | Node::Symlink { .. } => None,
        }
    }

    /// The tree of a folder, opened from the nearest folder above that is open, without recursion.
    fn open(&mut self, folder: &RelPath) -> Option<&Tree> {
        let mut closed = Vec::new();
        let mut at = folder.clone();
        while !self.folders.contains_key(&at) {
            let above = at.split_last().map(|(above, _)| above);
            closed.push(at);
            match above {
                Some(above) => at = above,
                None => break,
            }
        }
        while let Some(path) = closed.pop() {
            let tree = self.id_of_opened(&path).and_then(|id| self.store.tree(&id).ok());
            self.folders.insert(path, tree);
        }
        self.folders.get(folder)?.as_ref()
    }

    /// The id of a folder whose parent is open.
    fn id_of_opened(&self, path: &RelPath) -> Option<ObjectId> {
        let Some((above, name)) = path.split_last() else { return self.root };
        match self.folders.get(&above)?.as_ref()?.get(name)?.node {
            Node::Directory { id, .. } => Some(id),
            Node::File { .. } | Node::Symlink { .. } => None,
        }
    }
}
