//! Two states of a workspace in memory, and the patch between them.

use std::collections::{BTreeMap, HashMap};

use lua_store::format::tree::{Entry, Node, Tree, TreeBuilder};
use lua_store::id::{ObjectId, ObjectKind};
use lua_store::patch::{Contents, FileChange, PatchOptions, RenameDetection, Side, file_changes, render};
use lua_store::path::RelPath;
use lua_store::tree::{OwnedNode, TreeSource, diff};

/// A file with its permission bits, or a link with its target. Directories are there when something is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    File(u16, Vec<u8>),
    Link(Vec<u8>),
}

pub type Files = BTreeMap<Vec<u8>, Item>;

/// Two states of a workspace as the library sees them.
pub struct Case {
    pub old: Files,
    pub new: Files,
}

impl Contents for Case {
    type Error = String;

    fn read(&self, side: Side, path: &RelPath, node: &OwnedNode) -> Result<Vec<u8>, String> {
        let files = if side == Side::Old { &self.old } else { &self.new };
        match files.get(path.as_bytes()) {
            Some(Item::File(_, content)) if matches!(node, OwnedNode::File { .. }) => Ok(content.clone()),
            _ => Err(format!("{path} is no file on the {side:?} side")),
        }
    }
}

#[derive(Default)]
pub struct Trees(HashMap<ObjectId, Tree>);

impl TreeSource for Trees {
    type Error = ObjectId;

    fn tree(&self, id: &ObjectId) -> Result<Tree, ObjectId> {
        self.0.get(id).cloned().ok_or(*id)
    }
}

impl Trees {
    fn add(&mut self, files: &Files) -> ObjectId {
        let mut below: BTreeMap<Vec<u8>, Files> = BTreeMap::new();
        for (path, item) in files {
            if let Some(slash) = path.iter().position(|&byte| byte == b'/') {
                below.entry(path[..slash].to_vec()).or_default().insert(path[slash + 1..].to_vec(), item.clone());
            }
        }
        let directories: BTreeMap<Vec<u8>, ObjectId> = below.iter().map(|(name, files)| (name.clone(), self.add(files))).collect();
        let mut nodes: BTreeMap<&[u8], Node<'_>> =
            directories.iter().map(|(name, id)| (name.as_slice(), Node::Directory { mode: 0o755, id: *id })).collect();
        for (path, item) in files.iter().filter(|(path, _)| !path.contains(&b'/')) {
            let node = match item {
                Item::File(mode, content) => {
                    Node::File { mode: *mode, bytes: content.len() as u64, id: ObjectId::of(ObjectKind::Blob, content) }
                }
                Item::Link(target) => Node::Symlink { target },
            };
            assert!(nodes.insert(path, node).is_none(), "a file and a directory of one name");
        }
        let mut tree = TreeBuilder::new();
        nodes.into_iter().for_each(|(name, node)| tree.push(Entry { name, node }));
        let tree = tree.finish();
        let id = tree.id();
        self.0.insert(id, tree);
        id
    }
}

impl Case {
    pub fn changes(&self, detection: RenameDetection) -> Vec<FileChange> {
        let mut trees = Trees::default();
        let (old, new) = (trees.add(&self.old), trees.add(&self.new));
        let mut changes = Vec::new();
        diff(&trees, Some(&old), Some(&new), &mut |change| changes.push(change)).unwrap();
        file_changes(changes, self, detection).unwrap()
    }

    pub fn patch(&self, context_lines: u32) -> Vec<u8> {
        let mut patch = Vec::new();
        for change in self.changes(RenameDetection::Similar) {
            render(&change, self, &PatchOptions { context_lines }, &mut patch).unwrap();
        }
        patch
    }
}
