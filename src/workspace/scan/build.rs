//! Trees of the directories that changed, from the bottom up.

use std::sync::Mutex;

use super::listing::{Content, EntryNode, Listing};
use super::node::{ChangedDir, DirState, NodeId, NodeResult, RecordedDir};
use super::result::Scan;
use super::trust::{AgeRule, DirTrust};
use crate::format::tree::{Entry, Node, Tree, TreeBuilder};
use crate::id::ObjectId;
use crate::path::RelPath;

/// The whole workspace as a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltTree {
    /// Id of the tree of the workspace's root.
    pub root: ObjectId,
    /// Files and links in it.
    pub files: u64,
    /// Bytes of all these files.
    pub bytes: u64,
}

/// Takes the trees of directories that changed: path, tree, and id of the tree that the directory had before.
pub type TreeSink<'a, E> = dyn FnMut(&RelPath, &Tree, Option<ObjectId>) -> Result<(), E> + 'a;

/// Why there are no trees.
#[derive(Debug, thiserror::Error)]
pub enum BuildError<E> {
    /// A file that must be read was neither read nor dropped: a mistake of the caller.
    #[error("{0} was not read")]
    Unread(RelPath),
    /// The stat cache was damaged while it was in use. Scan without it.
    #[error("the stat cache was damaged while it was in use")]
    CacheDamaged,
    /// The caller's own error.
    #[error(transparent)]
    Sink(E),
}

impl Scan {
    /// Builds the trees of all directories that changed and gives each to `sink`, those below before those above. All files
    /// must have been read.
    pub fn build_trees<E>(&mut self, sink: &mut TreeSink<'_, E>) -> Result<BuiltTree, BuildError<E>> {
        self.results = vec![NodeResult::Absent; self.table.nodes.len()];
        for at in (0..self.table.nodes.len()).rev() {
            self.results[at] = self.build(NodeId(at as u32), sink)?;
        }
        match self.results.first() {
            Some(&NodeResult::Recorded(RecordedDir { tree, files, bytes, .. })) => Ok(BuiltTree { root: tree, files, bytes }),
            // A scan without a root is an error, so there is one.
            Some(NodeResult::Absent) | None => Err(BuildError::CacheDamaged),
        }
    }

    fn build<E>(&mut self, id: NodeId, sink: &mut TreeSink<'_, E>) -> Result<NodeResult, BuildError<E>> {
        let node = &self.table.nodes[id.index()];
        if matches!(node.state, DirState::Absent) {
            return Ok(NodeResult::Absent);
        }
        let recorded = |child: NodeId| match self.results[child.index()] {
            NodeResult::Absent => None,
            NodeResult::Recorded(directory) => Some(directory),
        };
        let all_below = |is_same: fn(&RecordedDir) -> bool| node.children().all(|child| recorded(child).is_some_and(|dir| is_same(&dir)));
        if let Some(cached) = node.cached.filter(|_| node.state.has_rows_of_block() && all_below(|dir| dir.is_same_tree)) {
            let is_same_block = matches!(node.state, DirState::Same) && all_below(|dir| dir.is_same_block);
            let (tree, files, bytes) = (cached.tree, cached.files, cached.bytes);
            return Ok(NodeResult::Recorded(RecordedDir { tree, files, bytes, is_same_tree: true, is_same_block }));
        }
        self.load_listing(id).ok_or(BuildError::CacheDamaged)?;
        let (tree, mut directory) = self.build_listed(id)?;
        let earlier = self.table.nodes[id.index()].cached.map(|cached| cached.tree);
        directory.is_same_tree = earlier == Some(directory.tree);
        if !directory.is_same_tree {
            let path = self.path_of(id, b"").ok_or(BuildError::CacheDamaged)?;
            sink(&path, &tree, earlier).map_err(BuildError::Sink)?;
        }
        Ok(NodeResult::Recorded(directory))
    }

    /// Makes sure that a directory has its names in memory, from its block if need be; `None` when that is damaged.
    pub(super) fn load_listing(&mut self, id: NodeId) -> Option<()> {
        let node = &mut self.table.nodes[id.index()];
        if !node.state.has_rows_of_block() {
            return Some(());
        }
        let block = self.cache.as_ref()?.block(node.cached?.at)?;
        let mut listing = Listing::with_capacity(block.row_count());
        block.rows().for_each(|row| listing.push_row(&row));
        listing.shrink();
        let listing = Some(Mutex::new(listing));
        match &mut node.state {
            DirState::Changed(changed) => changed.listing = listing,
            state => {
                let head = block.head();
                let (directory, rules_above, rules, ignore_files) = (head.directory, head.rules_above, head.rules, head.ignore_files);
                // Nothing in it is read any more, so nothing will be asked for trust.
                let trust = DirTrust::never(AgeRule::new(0, 0));
                *state = DirState::Changed(Box::new(ChangedDir { directory, rules_above, rules, ignore_files, trust, listing }));
            }
        }
        Some(())
    }

    fn build_listed<E>(&self, id: NodeId) -> Result<(Tree, RecordedDir), BuildError<E>> {
        let node = &self.table.nodes[id.index()];
        let mut tree = TreeBuilder::new();
        let (mut files, mut bytes) = (0, 0);
        let DirState::Changed(changed) = &node.state else { return Err(BuildError::CacheDamaged) };
        let listing = changed.listing().ok_or(BuildError::CacheDamaged)?;
        for entry in &listing.entries {
            let name = listing.name(entry);
            let node = match &entry.node {
                EntryNode::File(file) => match file.content {
                    Content::Known { id, .. } => {
                        files += 1;
                        bytes += file.key.bytes;
                        Node::File { mode: file.key.mode, bytes: file.key.bytes, id }
                    }
                    Content::ToRead(_) => return Err(BuildError::Unread(self.path_of(id, name).unwrap_or_default())),
                    Content::Dropped => continue,
                },
                EntryNode::Directory { mode, child } => match self.results[(node.first_child + child) as usize] {
                    NodeResult::Recorded(below) => {
                        files += below.files;
                        bytes += below.bytes;
                        Node::Directory { mode: *mode, id: below.tree }
                    }
                    NodeResult::Absent => continue,
                },
                EntryNode::Symlink { target_start, target_bytes, .. } => {
                    files += 1;
                    Node::Symlink { target: listing.target(*target_start, *target_bytes) }
                }
                EntryNode::LeftOut { .. } | EntryNode::Skipped { .. } => continue,
            };
            tree.push(Entry { name, node });
        }
        let tree = tree.finish();
        let directory = RecordedDir { tree: tree.id(), files, bytes, is_same_tree: false, is_same_block: false };
        Ok((tree, directory))
    }
}
