//! What purges took away, for those that look at versions: a path whose content was purged is no damage. It is named, and the rest
//! goes on without it.

use std::collections::HashMap;

use super::path_tree::Paths;
use super::{OpsError, OpsResult, Workspace};
use crate::format::tree::{Node, Tree, TreeBuilder};
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::store::{Store, StoreResult};
use crate::tree::{OwnedNode, Selection, TreeSource, walk};
use crate::version_log::{VersionLog, VersionRow};

/// The contents that were purged and that the store does not hold: what was recorded again later is there for all versions.
#[derive(Clone, Debug, Default)]
pub struct Purged {
    /// By content the last purge that names it, by its place in the log.
    gone: HashMap<ObjectId, u64>,
}

impl Purged {
    /// Those of a workspace, as they are now.
    pub fn of(workspace: &Workspace) -> OpsResult<Self> {
        Self::in_log(&workspace.log, &workspace.store)
    }

    /// Those that a log names.
    pub(super) fn in_log(log: &VersionLog, store: &Store) -> OpsResult<Self> {
        let mut gone = HashMap::new();
        for (sequence, purge) in log.purges()? {
            for id in purge.contents {
                if !store.seems_to_contain(&id)? {
                    gone.insert(id, sequence);
                }
            }
        }
        Ok(Self { gone })
    }

    /// Whether nothing is gone.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty()
    }

    /// Whether a content is gone.
    pub fn has(&self, id: &ObjectId) -> bool {
        self.gone.contains_key(id)
    }

    /// Whether a node is a file whose content is gone.
    pub fn has_node(&self, node: &OwnedNode) -> bool {
        matches!(node, OwnedNode::File { id, .. } if self.has(id))
    }

    /// The paths without the files whose contents are gone.
    pub(super) fn remaining(&self, mut paths: Paths) -> Paths {
        paths.retain(|_, node| !self.has_node(node));
        paths
    }

    /// Whether a content is gone because a purge took it from a version, which was made at this place in the log. A later version
    /// that lacks it is damaged.
    pub fn explains(&self, id: &ObjectId, version_sequence: u64) -> bool {
        self.gone.get(id).is_some_and(|by| *by > version_sequence)
    }

    /// The selected paths below a tree whose contents are gone, in order.
    pub fn paths_below(&self, store: &Store, root: &ObjectId, selection: &dyn Selection) -> OpsResult<Vec<RelPath>> {
        let mut paths = Vec::new();
        if !self.is_empty() {
            walk(store, root, selection, &mut |path, node| {
                if self.has_node(&node) {
                    paths.push(path.clone());
                }
            })?;
        }
        paths.sort_unstable();
        Ok(paths)
    }
}

/// The paths of a version whose contents were purged, in order. Of a version that was deleted nothing is known.
pub fn purged_paths(workspace: &Workspace, row: &VersionRow) -> OpsResult<Vec<RelPath>> {
    if row.deleted { Ok(Vec::new()) } else { Purged::of(workspace)?.paths_below(&workspace.store, &row.record.root, &()) }
}

/// The trees of a store without the files whose contents were purged: for whoever writes out what a version still has.
#[derive(Clone, Copy, Debug)]
pub struct RemainingTrees<'a> {
    /// The store.
    pub store: &'a Store,
    /// What is gone.
    pub purged: &'a Purged,
}

impl TreeSource for RemainingTrees<'_> {
    type Error = crate::store::StoreError;

    fn tree(&self, id: &ObjectId) -> StoreResult<Tree> {
        let tree = self.store.tree(id)?;
        let is_gone = |node: &Node<'_>| matches!(node, Node::File { id, .. } if self.purged.has(id));
        if self.purged.is_empty() || !tree.entries().any(|entry| is_gone(&entry.node)) {
            return Ok(tree);
        }
        let mut remaining = TreeBuilder::new();
        tree.entries().filter(|entry| !is_gone(&entry.node)).for_each(|entry| remaining.push(entry));
        Ok(remaining.finish())
    }
}

impl OpsError {
    /// That a content which was asked for is gone.
    pub(super) fn purged(row: &VersionRow, path: &RelPath) -> Self {
        Self::Purged { number: row.record.number, path: path.clone() }
    }
}
