//! What differs between two trees. Directories whose ids are equal are not opened, so the cost follows the differences.

use std::cmp::Ordering;

use super::{OwnedNode, Selection, TreeSource};
use crate::format::record::ChangeCounts;
use crate::format::tree::{Entry, Node, Tree};
use crate::id::ObjectId;
use crate::path::RelPath;

/// One path that differs: at least one side is there, and the two are not equal.
///
/// A directory is a change of its own when it comes, goes, becomes something else, or has other permission bits; what is
/// below it follows as changes of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which path.
    pub path: RelPath,
    /// What it was; `None` when it is new.
    pub from: Option<OwnedNode>,
    /// What it is; `None` when it is gone.
    pub to: Option<OwnedNode>,
}

/// Calls `visit` for every path in which the two trees differ, a directory before what is below it, otherwise in the
/// order of the names as bytes. `None` stands for no directory at all.
pub fn diff<S: TreeSource>(
    source: &S,
    from: Option<&ObjectId>,
    to: Option<&ObjectId>,
    visit: &mut dyn FnMut(Change),
) -> Result<(), S::Error> {
    diff_selected(source, from, to, &(), visit)
}

/// As [`diff`], for the selected paths only: directories that can hold none are not opened.
pub fn diff_selected<S: TreeSource>(
    source: &S,
    from: Option<&ObjectId>,
    to: Option<&ObjectId>,
    selection: &dyn Selection,
    visit: &mut dyn FnMut(Change),
) -> Result<(), S::Error> {
    let mut visit_selected = |change: Change| {
        if selection.selects(&change.path) {
            visit(change);
        }
    };
    // Directories still to compare; a stack of our own, because a tree may be deeper than the thread's stack.
    let mut pending = vec![Pending { path: RelPath::root(), from: from.copied(), to: to.copied() }];
    while let Some(Pending { path, from, to }) = pending.pop() {
        if from == to {
            continue;
        }
        let empty = Tree::empty;
        let to_tree = to.map_or_else(|| Ok(empty()), |id| source.tree(&id))?;
        let from_tree = from.map_or_else(|| Ok(empty()), |id| source.tree_beside(&id, &to_tree))?;
        let below = compare(&path, &from_tree, &to_tree, &mut visit_selected);
        pending.extend(below.into_iter().rev().filter(|below| selection.enters(&below.path)));
    }
    Ok(())
}

struct Pending {
    path: RelPath,
    from: Option<ObjectId>,
    to: Option<ObjectId>,
}

/// Compares two directories and gives the pairs of directories below that must be compared in turn.
fn compare(path: &RelPath, from: &Tree, to: &Tree, visit: &mut dyn FnMut(Change)) -> Vec<Pending> {
    let mut below = Vec::new();
    let (mut from, mut to) = from.entries_from_difference(to);
    let (mut next_from, mut next_to) = (from.next(), to.next());
    loop {
        let order = match (&next_from, &next_to) {
            (None, None) => return below,
            (Some(old), Some(new)) => old.name.cmp(new.name),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        };
        let old = next_from.take_if(|_| order.is_le());
        let new = next_to.take_if(|_| order.is_ge());
        compare_entry(path, old, new, visit, &mut below);
        // Mostly one entry differs, and what follows is the same again.
        if order.is_eq() && old.map(|entry| entry.node) != new.map(|entry| entry.node) && from.ends_as(&to) {
            return below;
        }
        next_from = next_from.or_else(|| from.next());
        next_to = next_to.or_else(|| to.next());
    }
}

fn compare_entry(path: &RelPath, old: Option<Entry<'_>>, new: Option<Entry<'_>>, visit: &mut dyn FnMut(Change), below: &mut Vec<Pending>) {
    let (old_node, new_node) = (old.map(|entry| entry.node), new.map(|entry| entry.node));
    if old_node == new_node {
        return;
    }
    // A name in a tree was checked when the tree was read. Only a path that grew too long cannot be joined, and no push
    // records such a path.
    let Some(Ok(path)) = old.or(new).map(|entry| path.join(entry.name)) else { return };
    let (from_directory, to_directory) = (directory_of(old_node), directory_of(new_node));
    let same_but_below = matches!((from_directory, to_directory), (Some((mode, _)), Some((new_mode, _))) if mode == new_mode);
    if !same_but_below {
        visit(Change { path: path.clone(), from: old_node.map(OwnedNode::from), to: new_node.map(OwnedNode::from) });
    }
    if from_directory.is_some() || to_directory.is_some() {
        below.push(Pending { path, from: from_directory.map(|(_, id)| id), to: to_directory.map(|(_, id)| id) });
    }
}

fn directory_of(node: Option<Node<'_>>) -> Option<(u16, ObjectId)> {
    match node {
        Some(Node::Directory { mode, id }) => Some((mode, id)),
        _ => None,
    }
}

/// Counts the paths in which two trees differ, as [`ChangeCounter`] does.
pub fn count_changes<S: TreeSource>(source: &S, from: Option<&ObjectId>, to: Option<&ObjectId>) -> Result<ChangeCounts, S::Error> {
    let mut counter = ChangeCounter::default();
    diff(source, from, to, &mut |change| counter.add(&change))?;
    Ok(counter.counts())
}

/// Counts changes as a user counts them: files and links, and directories only where they are all that changed.
#[derive(Default)]
pub struct ChangeCounter {
    counts: ChangeCounts,
}

impl ChangeCounter {
    /// Counts one change.
    pub fn add(&mut self, change: &Change) {
        let is_file = |node: &Option<OwnedNode>| node.as_ref().is_some_and(|node| !node.is_directory());
        match (&change.from, &change.to) {
            (from, to) if is_file(from) && is_file(to) => self.counts.changed += 1,
            (Some(OwnedNode::Directory { .. }), Some(OwnedNode::Directory { .. })) => self.counts.changed += 1,
            (from, to) => {
                self.counts.removed += u64::from(is_file(from));
                self.counts.added += u64::from(is_file(to));
            }
        }
    }

    /// The sums.
    pub fn counts(&self) -> ChangeCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::MemoryTrees;
    use super::*;

    fn changes(trees: &MemoryTrees, from: Option<&ObjectId>, to: Option<&ObjectId>) -> Vec<String> {
        let mut found = Vec::new();
        let sign = |node: &Option<OwnedNode>| match node {
            None => '-',
            Some(OwnedNode::File { .. }) => 'f',
            Some(OwnedNode::Directory { .. }) => 'd',
            Some(OwnedNode::Symlink { .. }) => 'l',
        };
        diff(trees, from, to, &mut |change| found.push(format!("{}{} {}", sign(&change.from), sign(&change.to), change.path))).unwrap();
        found
    }

    #[test]
    fn only_differences_are_found() {
        let mut trees = MemoryTrees::default();
        let old = trees.make(&[("a", "1"), ("d/x", "1"), ("d/y", "1"), ("same/z", "1"), ("turns", "1")]);
        let new = trees.make(&[("b", "1"), ("d/x", "2"), ("d/y", "1"), ("same/z", "1"), ("turns/in", "1")]);
        let expected = ["f- a", "-f b", "fd turns", "ff d/x", "-f turns/in"];
        assert_eq!(changes(&trees, Some(&old), Some(&new)), expected);
        assert!(changes(&trees, Some(&old), Some(&old)).is_empty());
    }

    #[test]
    fn equal_directories_are_not_opened() {
        let mut trees = MemoryTrees::default();
        let old = trees.make(&[("a", "1"), ("same/z", "1")]);
        let new = trees.make(&[("a", "2"), ("same/z", "1")]);
        let same = trees.make(&[("z", "1")]);
        trees.0.remove(&same);
        assert_eq!(changes(&trees, Some(&old), Some(&new)), ["ff a"]);
    }

    #[test]
    fn empty_directories_come_and_go() {
        let mut trees = MemoryTrees::default();
        let old = trees.make(&[("a", "1")]);
        let new = trees.make(&[("a", "1"), ("e/", "")]);
        assert_eq!(changes(&trees, Some(&old), Some(&new)), ["-d e"]);
        assert_eq!(changes(&trees, Some(&new), None), ["f- a", "d- e"]);
    }

    proptest::proptest! {
        #[test]
        fn any_two_directories_differ_where_their_entries_do(
            old in proptest::collection::btree_map("[a-d]{1,2}", "[12]", 0..9),
            new in proptest::collection::btree_map("[a-d]{1,2}", "[12]", 0..9),
        ) {
            fn files(map: &std::collections::BTreeMap<String, String>) -> Vec<(&str, &str)> {
                map.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect()
            }
            let mut trees = MemoryTrees::default();
            let (from, to) = (trees.make(&files(&old)), trees.make(&files(&new)));
            let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let sign = |content: Option<&String>| if content.is_some() { 'f' } else { '-' };
            let differ = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
            let expected: Vec<String> = differ.map(|name| format!("{}{} {name}", sign(old.get(name)), sign(new.get(name)))).collect();
            proptest::prop_assert_eq!(changes(&trees, Some(&from), Some(&to)), expected);
        }
    }
}
