//! Which objects the history still reaches: everything that a version which was not deleted, or a checkout at work, needs.

use std::sync::atomic::Ordering;

use super::{Host, OpsError, OpsResult, Phase, Workspace};
use crate::format::record::RecordBody;
use crate::format::tree::Node;
use crate::id::ObjectId;
use crate::store::LiveSet;
use crate::tree::TreeSource;
use crate::workspace::checkout::read_journal;

/// Objects that were found to be reached. Versions can be added as they are made.
#[derive(Debug, Default)]
pub struct Reach {
    live: LiveSet,
    /// Up to which record of the log the versions are known.
    sequence: u64,
    trees: u64,
}

impl Reach {
    /// Everything that is reached now.
    ///
    /// # Errors
    /// Those of reading: without every tree nothing can be said to be out of reach.
    pub fn of(workspace: &Workspace, host: &dyn Host) -> OpsResult<Self> {
        let mut reach = Self::default();
        reach.add_new(workspace, host)?;
        Ok(reach)
    }

    /// The objects.
    pub fn live(&self) -> &LiveSet {
        &self.live
    }

    /// Adds what came since the last look.
    pub fn add_new(&mut self, workspace: &Workspace, host: &dyn Host) -> OpsResult<()> {
        let head = workspace.log.head()?;
        for row in workspace.log.versions_newest_first(None)? {
            if row.sequence > self.sequence && !row.deleted {
                self.mark(workspace, &row.record.root, host)?;
            }
        }
        for root in pending_roots(workspace)? {
            self.mark(workspace, &root, host)?;
        }
        workspace.store.mark_chunks(&mut self.live)?;
        self.sequence = head.sequence;
        Ok(())
    }

    /// Marks a tree and everything below it. What was marked before is not opened again.
    fn mark(&mut self, workspace: &Workspace, root: &ObjectId, host: &dyn Host) -> OpsResult<()> {
        let mut pending = vec![*root];
        while let Some(id) = pending.pop() {
            if !self.live.insert(&id) {
                continue;
            }
            if host.cancel_flag().load(Ordering::Relaxed) {
                return Err(OpsError::Cancelled);
            }
            self.trees += 1;
            host.progress(Phase::Marking, self.trees, None);
            for entry in workspace.store.tree(&id)?.entries() {
                match entry.node {
                    Node::Directory { id, .. } => pending.push(id),
                    Node::File { id, .. } => _ = self.live.insert(&id),
                    Node::Symlink { .. } => {}
                }
            }
        }
        Ok(())
    }
}

/// The trees that a checkout at work needs: those that its journal names, and that of a restore whose version is not made yet.
fn pending_roots(workspace: &Workspace) -> OpsResult<Vec<ObjectId>> {
    let journal = read_journal(&workspace.local)?;
    let mut roots: Vec<ObjectId> = journal.iter().flat_map(|journal| [journal.from, journal.to]).collect();
    for record in workspace.log.records()?.into_iter().rev() {
        match record.body {
            RecordBody::Version(_) => break,
            RecordBody::Restore(root) => roots.push(root),
            _ => {}
        }
    }
    Ok(roots)
}
