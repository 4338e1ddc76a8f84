//! Contents in memory, and changes between them, for tests.

use std::collections::HashMap;

use super::{Contents, FileChange, Place, Side};
use crate::id::{ObjectId, ObjectKind};
use crate::path::RelPath;
use crate::tree::OwnedNode;

/// Contents put in by the makers of changes below. Reading one that was not put in is an error.
#[derive(Default)]
pub(super) struct MemoryContents(HashMap<(Side, RelPath), Vec<u8>>);

impl Contents for MemoryContents {
    type Error = String;

    fn read(&self, side: Side, path: &RelPath, _: &OwnedNode) -> Result<Vec<u8>, String> {
        self.0.get(&(side, path.clone())).cloned().ok_or_else(|| format!("{side:?} {path} was read"))
    }
}

pub(super) fn path(text: &str) -> RelPath {
    RelPath::new(text.as_bytes()).unwrap()
}

pub(super) fn file(content: &[u8]) -> OwnedNode {
    OwnedNode::File { mode: 0o644, bytes: content.len() as u64, id: ObjectId::of(ObjectKind::Blob, content) }
}

pub(super) fn with_mode(node: OwnedNode, mode: u16) -> OwnedNode {
    match node {
        OwnedNode::File { bytes, id, .. } => OwnedNode::File { mode, bytes, id },
        other => other,
    }
}

pub(super) fn link(target: &[u8]) -> OwnedNode {
    OwnedNode::Symlink { target: target.to_vec() }
}

pub(super) fn directory(mode: u16) -> OwnedNode {
    OwnedNode::Directory { mode, id: ObjectId::ZERO }
}

pub(super) fn place(name: &str, node: OwnedNode) -> Place {
    Place { path: path(name), node }
}

impl MemoryContents {
    pub(super) fn put(&mut self, side: Side, name: &str, content: &[u8]) -> OwnedNode {
        self.0.insert((side, path(name)), content.to_vec());
        file(content)
    }

    pub(super) fn added(&mut self, name: &str, content: &[u8]) -> FileChange {
        FileChange::Added(place(name, self.put(Side::New, name, content)))
    }

    pub(super) fn removed(&mut self, name: &str, content: &[u8]) -> FileChange {
        FileChange::Removed(place(name, self.put(Side::Old, name, content)))
    }

    pub(super) fn modified(&mut self, name: &str, old: &[u8], new: &[u8]) -> FileChange {
        let (from, to) = (self.put(Side::Old, name, old), self.put(Side::New, name, new));
        FileChange::Modified { path: path(name), from, to }
    }

    pub(super) fn retyped(&mut self, name: &str, old: &[u8], to: OwnedNode) -> FileChange {
        FileChange::Retyped { path: path(name), from: self.put(Side::Old, name, old), to }
    }

    pub(super) fn renamed(&mut self, old: (&str, &[u8]), new: (&str, &[u8]), similarity_percent: u8) -> FileChange {
        let from = place(old.0, self.put(Side::Old, old.0, old.1));
        FileChange::Renamed { from, to: place(new.0, self.put(Side::New, new.0, new.1)), similarity_percent }
    }

    /// A file of which nothing but the size is known.
    pub(super) fn unreadable_added(name: &str, bytes: u64) -> FileChange {
        FileChange::Added(place(name, OwnedNode::File { mode: 0o644, bytes, id: ObjectId::ZERO }))
    }
}
