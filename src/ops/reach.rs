//! Which objects the history still reaches: everything that a version which was not deleted, or a checkout at work, needs.
//!
//! What a purge names is out of reach of the versions before it. A version after it that has the same content has it anew.

use std::collections::HashMap;
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
    /// Trees that were gone through with no more left out than now.
    opened: LiveSet,
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

    /// The objects, for whoever adds others.
    pub fn into_live(self) -> LiveSet {
        self.live
    }

    /// Adds what came since the last look.
    pub fn add_new(&mut self, workspace: &Workspace, host: &dyn Host) -> OpsResult<()> {
        let head = workspace.log.head()?;
        let purged_by = purged_by(workspace)?;
        if !purged_by.is_empty() {
            // What was passed over in an older version may be reached by a newer one with the same tree.
            self.opened = LiveSet::default();
        }
        // The newest first: it has the least to leave out, so a tree that it shares with older ones need not be opened again.
        let mut roots = pending_roots(workspace)?;
        let rows = workspace.log.versions_newest_first(None)?;
        roots.extend(rows.iter().filter(|row| row.sequence > self.sequence && !row.deleted).map(|row| (row.sequence, row.record.root)));
        for (sequence, root) in roots {
            self.mark(workspace, &root, &|id| purged_by.get(id).is_some_and(|by| *by > sequence), host)?;
        }
        workspace.store.mark_chunks(&mut self.live)?;
        self.sequence = head.sequence;
        Ok(())
    }

    /// Marks a tree and everything below it but for what is purged. What was opened before is not opened again.
    fn mark(&mut self, workspace: &Workspace, root: &ObjectId, is_purged: &dyn Fn(&ObjectId) -> bool, host: &dyn Host) -> OpsResult<()> {
        let mut pending = vec![*root];
        while let Some(id) = pending.pop() {
            if !self.opened.insert(&id) {
                continue;
            }
            self.live.insert(&id);
            if host.cancel_flag().load(Ordering::Relaxed) {
                return Err(OpsError::Cancelled);
            }
            self.trees += 1;
            host.progress(Phase::Marking, self.trees, None);
            for entry in workspace.store.tree(&id)?.entries() {
                match entry.node {
                    Node::Directory { id, .. } => pending.push(id),
                    Node::File { id, .. } if !is_purged(&id) => _ = self.live.insert(&id),
                    Node::File { .. } | Node::Symlink { .. } => {}
                }
            }
        }
        Ok(())
    }
}

/// The contents that were purged, with the last record that says so.
pub(super) fn purged_by(workspace: &Workspace) -> OpsResult<HashMap<ObjectId, u64>> {
    let purges = workspace.log.purges()?;
    Ok(purges.into_iter().flat_map(|(sequence, purge)| purge.contents.into_iter().map(move |id| (id, sequence))).collect())
}

/// The trees that a checkout at work needs, each with the place in the log from which on it does, the last first: those that its
/// journal names, and that of a restore whose version is not made yet.
fn pending_roots(workspace: &Workspace) -> OpsResult<Vec<(u64, ObjectId)>> {
    let journal = read_journal(&workspace.local)?;
    let mut roots: Vec<(u64, ObjectId)> =
        journal.iter().flat_map(|journal| [journal.from, journal.to]).map(|root| (u64::MAX, root)).collect();
    for record in workspace.log.records()?.into_iter().rev() {
        match record.body {
            RecordBody::Version(_) => break,
            RecordBody::Restore(root) => roots.push((record.sequence, root)),
            _ => {}
        }
    }
    Ok(roots)
}
