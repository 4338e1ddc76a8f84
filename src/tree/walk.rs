//! Going through one tree: all paths of it, the ones a user selects, or a single one.

use super::{OwnedNode, TreeSource};
use crate::id::ObjectId;
use crate::path::RelPath;

/// Which part of a tree a walk goes through.
pub trait Selection {
    /// Whether a directory can hold anything selected; one that cannot is not opened.
    fn enters(&self, path: &RelPath) -> bool;
    /// Whether the walk reports this path.
    fn selects(&self, path: &RelPath) -> bool;
}

/// Everything.
impl Selection for () {
    fn enters(&self, _: &RelPath) -> bool {
        true
    }

    fn selects(&self, _: &RelPath) -> bool {
        true
    }
}

/// Calls `visit` for every selected path below a root, a directory before what is below it.
pub fn walk<S: TreeSource>(
    source: &S,
    root: &ObjectId,
    selection: &dyn Selection,
    visit: &mut dyn FnMut(&RelPath, OwnedNode),
) -> Result<(), S::Error> {
    let mut pending = vec![(RelPath::root(), *root)];
    while let Some((folder, id)) = pending.pop() {
        let tree = source.tree(&id)?;
        let first_below = pending.len();
        for entry in tree.entries() {
            // A path that grew too long cannot be joined; no push records one.
            let Ok(path) = folder.join(entry.name) else { continue };
            let node = OwnedNode::from(entry.node);
            let below = match node {
                OwnedNode::Directory { id, .. } if selection.enters(&path) => Some(id),
                _ => None,
            };
            if selection.selects(&path) {
                visit(&path, node);
            }
            pending.extend(below.map(|id| (path, id)));
        }
        pending[first_below..].reverse();
    }
    Ok(())
}

/// What stands at a path; `None` when nothing does. The root itself has no entry: its node is a directory of mode 0.
pub fn lookup<S: TreeSource>(source: &S, root: &ObjectId, path: &RelPath) -> Result<Option<OwnedNode>, S::Error> {
    let mut node = OwnedNode::Directory { mode: 0, id: *root };
    for name in path.components() {
        let OwnedNode::Directory { id, .. } = node else { return Ok(None) };
        match source.tree(&id)?.get(name) {
            Some(entry) => node = OwnedNode::from(entry.node),
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

#[cfg(test)]
mod tests {
    use super::super::testing::MemoryTrees;
    use super::*;

    #[test]
    fn walks_and_lookups_agree() {
        let mut trees = MemoryTrees::default();
        let root = trees.make(&[("a", "1"), ("d/x", "1"), ("d/e/f", "2"), ("g", "3")]);
        let mut seen = Vec::new();
        walk(&trees, &root, &(), &mut |path, node| seen.push((path.clone(), node))).unwrap();
        let paths: Vec<String> = seen.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(paths, ["a", "d", "g", "d/e", "d/x", "d/e/f"]);
        for (path, node) in seen {
            assert_eq!(lookup(&trees, &root, &path), Ok(Some(node)));
        }
        assert_eq!(lookup(&trees, &root, &RelPath::new(b"a/nothing").unwrap()), Ok(None));
    }

    #[test]
    fn a_selection_keeps_directories_closed() {
        struct OnlyTop;
        impl Selection for OnlyTop {
            fn enters(&self, _: &RelPath) -> bool {
                false
            }
            fn selects(&self, path: &RelPath) -> bool {
                path.as_bytes() != b"a"
            }
        }
        let mut trees = MemoryTrees::default();
        let root = trees.make(&[("a", "1"), ("d/x", "1")]);
        let below = trees.make(&[("x", "1")]);
        trees.0.remove(&below);
        let mut seen = Vec::new();
        walk(&trees, &root, &OnlyTop, &mut |path, _| seen.push(path.to_string())).unwrap();
        assert_eq!(seen, ["d"]);
    }
}
