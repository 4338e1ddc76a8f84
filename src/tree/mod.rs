//! Trees of a whole workspace: going through one, and comparing two. Knows no versions and no workspace.

mod diff;
mod walk;

pub use diff::{Change, ChangeCounter, count_changes, diff, diff_selected};
pub use walk::{Selection, lookup, walk};

use crate::format::tree::{Node, Tree};
use crate::id::ObjectId;

/// Where trees come from: a store, or trees in memory that no store holds yet.
pub trait TreeSource: Sync {
    /// Why a tree could not be had.
    type Error;

    /// The tree with this id.
    fn tree(&self, id: &ObjectId) -> Result<Tree, Self::Error>;

    /// The tree with this id, of which much may stand in another one as well.
    fn tree_beside(&self, id: &ObjectId, _other: &Tree) -> Result<Tree, Self::Error> {
        self.tree(id)
    }
}

/// A [`Node`] that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedNode {
    /// A regular file.
    File {
        /// Permission bits.
        mode: u16,
        /// Length of the content in bytes.
        bytes: u64,
        /// Id of the content as a blob.
        id: ObjectId,
    },
    /// A directory.
    Directory {
        /// Permission bits.
        mode: u16,
        /// Id of its tree.
        id: ObjectId,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to.
        target: Vec<u8>,
    },
}

impl OwnedNode {
    /// Whether this is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self, Self::Directory { .. })
    }

    /// Length of its content in bytes, if this is a file; else 0.
    pub fn file_bytes(&self) -> u64 {
        match self {
            Self::File { bytes, .. } => *bytes,
            Self::Directory { .. } | Self::Symlink { .. } => 0,
        }
    }
}

impl From<Node<'_>> for OwnedNode {
    fn from(node: Node<'_>) -> Self {
        match node {
            Node::File { mode, bytes, id } => Self::File { mode, bytes, id },
            Node::Directory { mode, id } => Self::Directory { mode, id },
            Node::Symlink { target } => Self::Symlink { target: target.to_vec() },
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Trees in memory for tests.
    use std::collections::HashMap;

    use super::*;
    use crate::format::tree::{Entry, TreeBuilder};
    use crate::id::ObjectKind;

    /// A source of the trees put into it.
    #[derive(Default)]
    pub struct MemoryTrees(pub HashMap<ObjectId, Tree>);

    impl TreeSource for MemoryTrees {
        type Error = ObjectId;

        fn tree(&self, id: &ObjectId) -> Result<Tree, ObjectId> {
            self.0.get(id).cloned().ok_or(*id)
        }
    }

    impl MemoryTrees {
        /// Makes trees of `(path, content)` pairs; a path that ends in a slash is an empty directory. Gives the root's id.
        pub fn make(&mut self, files: &[(&str, &str)]) -> ObjectId {
            let mut names: Vec<&str> = files.iter().map(|(path, _)| path.split('/').next().unwrap()).collect();
            names.sort_unstable();
            names.dedup();
            let mut tree = TreeBuilder::new();
            for name in names {
                let below: Vec<(&str, &str)> =
                    files.iter().filter_map(|(path, text)| Some((path.strip_prefix(name)?.strip_prefix('/')?, *text))).collect();
                let node = if below.is_empty() {
                    let text = files.iter().find(|(path, _)| *path == name).unwrap().1;
                    Node::File { mode: 0o644, bytes: text.len() as u64, id: ObjectId::of(ObjectKind::Blob, text.as_bytes()) }
                } else {
                    let below: Vec<(&str, &str)> = below.into_iter().filter(|(path, _)| !path.is_empty()).collect();
                    Node::Directory { mode: 0o755, id: self.make(&below) }
                };
                tree.push(Entry { name: name.as_bytes(), node });
            }
            let tree = tree.finish();
            let id = tree.id();
            self.0.insert(id, tree);
            id
        }
    }
}
