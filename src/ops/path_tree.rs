//! Trees that are made of paths: a checkout may lead to one that no version has.

use std::collections::BTreeMap;

use super::{Host, OpsResult, Purged, Workspace};
use crate::format::record::RecordBody;
use crate::format::tree::{Entry, Node, Tree, TreeBuilder};
use crate::id::{ObjectId, ObjectKind};
use crate::path::RelPath;
use crate::store::{Batch, Store, Writer};
use crate::tree::{OwnedNode, walk};

/// What stands at each path.
pub(super) type Paths = BTreeMap<RelPath, OwnedNode>;

/// What a tree has at each path.
pub(super) fn paths_of(store: &Store, root: &ObjectId) -> OpsResult<Paths> {
    let mut paths = Paths::new();
    walk(store, root, &(), &mut |path, node| drop(paths.insert(path.clone(), node)))?;
    Ok(paths)
}

/// The tree of a version without what was purged from it, put into the store as by [`record_tree`].
pub(super) fn remaining_tree(
    workspace: &mut Workspace,
    from: &ObjectId,
    purged: &Purged,
    root: &ObjectId,
    host: &dyn Host,
) -> OpsResult<(ObjectId, (u64, u64))> {
    let paths = paths_of(&workspace.store, root)?;
    record_tree(workspace, from, &purged.remaining(paths), host)
}

/// The tree of some paths, put into the store with an entry of the log that says what for: a checkout that is interrupted needs both
/// its trees. Nothing is added for the tree that it comes `from`. Also the extent of the paths.
pub(super) fn record_tree(workspace: &mut Workspace, from: &ObjectId, paths: &Paths, host: &dyn Host) -> OpsResult<(ObjectId, (u64, u64))> {
    let batch = workspace.begin_batch(host)?;
    let root = write_trees(&workspace.store, &batch, paths)?;
    if root != *from {
        let mut publishing = workspace.begin_publish(host)?;
        publishing.commit(batch, RecordBody::Restore(root), host)?;
    }
    Ok((root, extent(paths)))
}

/// How many files and links, and bytes of the files.
pub(super) fn extent(paths: &Paths) -> (u64, u64) {
    let files = paths.values().filter(|node| !node.is_directory()).count() as u64;
    (files, paths.values().map(OwnedNode::file_bytes).sum())
}

/// Puts a node at a path: the folders above become folders, and what is below a file goes.
pub(super) fn put_over(paths: &mut Paths, path: RelPath, node: OwnedNode) {
    let mut above = path.split_last().map(|(above, _)| above);
    while let Some(folder) = above.filter(|folder| !folder.is_root()) {
        if !paths.get(&folder).is_some_and(OwnedNode::is_directory) {
            paths.insert(folder.clone(), OwnedNode::Directory { mode: 0o755, id: ObjectId::ZERO });
        }
        above = folder.split_last().map(|(above, _)| above);
    }
    if !node.is_directory() && paths.get(&path).is_some_and(OwnedNode::is_directory) {
        paths.retain(|below, _| !below.starts_with(&path));
    }
    paths.insert(path, node);
}

/// Writes the trees of all folders, those below first, and gives the root's id.
fn write_trees(store: &Store, batch: &Batch, paths: &Paths) -> OpsResult<ObjectId> {
    let mut writer = Writer::new(store, batch)?;
    let mut folders: BTreeMap<RelPath, BTreeMap<Vec<u8>, OwnedNode>> = BTreeMap::from([(RelPath::root(), BTreeMap::new())]);
    for (path, node) in paths {
        if node.is_directory() {
            folders.entry(path.clone()).or_default();
        }
        if let Some((folder, name)) = path.split_last() {
            folders.entry(folder).or_default().insert(name.to_vec(), node.clone());
        }
    }
    let mut order: Vec<RelPath> = folders.keys().cloned().collect();
    order.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    let mut root = ObjectId::ZERO;
    for path in order {
        let Some(entries) = folders.remove(&path) else { continue };
        let tree = tree_of(&entries);
        root = writer.put(ObjectKind::Tree, tree.as_bytes(), None)?;
        if let Some((above, name)) = path.split_last()
            && let Some(OwnedNode::Directory { id, .. }) = folders.get_mut(&above).and_then(|entries| entries.get_mut(name))
        {
            *id = root;
        }
    }
    Ok(root)
}

fn tree_of(entries: &BTreeMap<Vec<u8>, OwnedNode>) -> Tree {
    let mut tree = TreeBuilder::new();
    for (name, node) in entries {
        let node = match node {
            OwnedNode::File { mode, bytes, id } => Node::File { mode: *mode, bytes: *bytes, id: *id },
            OwnedNode::Directory { mode, id } => Node::Directory { mode: *mode, id: *id },
            OwnedNode::Symlink { target } => Node::Symlink { target },
        };
        tree.push(Entry { name, node });
    }
    tree.finish()
}
