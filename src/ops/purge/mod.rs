//! Removes the contents of paths from every version, because nobody should be able to read them any more.
//!
//! The log and the trees stay as they are, so that every hash still verifies; a record says what is missing. Then the room is
//! collected, and every file of the history is searched for what was to go.

mod needles;
mod plan;
mod proof;

use std::sync::atomic::Ordering;
use std::time::Duration;

pub use plan::{PurgePlace, PurgePlan, PurgedContent};
pub use proof::PurgeProof;

use self::needles::Needles;
use super::snapshot::{self, SnapshotOptions};
use super::workspace::Publishing;
use super::{GcOptions, GcOutcome, Host, OpsError, OpsResult, Workspace, gc};
use crate::disk::LockMode;
use crate::format::record::{PurgeRecord, RecordBody};
use crate::id::ObjectId;
use crate::limits::{PURGE_RETRY_MS, PURGED_CONTENTS_MAX, PURGED_PATHS_BYTES_MAX};
use crate::tree::OwnedNode;

/// What to purge.
#[derive(Clone, Debug)]
pub struct PurgeOptions {
    /// Paths with all that is below them, and patterns; at least one.
    pub paths: Vec<Vec<u8>>,
}

/// What was purged.
#[derive(Clone, Debug)]
pub struct PurgeOutcome {
    /// The contents, and where they stood.
    pub plan: PurgePlan,
    /// What was collected.
    pub collected: GcOutcome,
    /// What the search for them found.
    pub proof: PurgeProof,
    /// Remotes that may have them, until the purge is synced and the remote collected.
    pub remotes: Vec<String>,
}

/// Says what a purge would remove. Changes nothing.
///
/// # Errors
/// Those of [`purge`].
pub fn purge_plan(workspace: &mut Workspace, options: &PurgeOptions, host: &dyn Host) -> OpsResult<PurgePlan> {
    let _looking = workspace.lock_checkout(LockMode::Shared, host)?;
    let present = contents_of_workspace(workspace, host)?;
    let plan = plan::plan(workspace, &options.paths, host)?;
    plan.refuse_if_still_there(workspace, &present)?;
    Ok(plan)
}

/// Removes all contents that the paths had in any version, wherever else they stand too, collects, and searches every file of
/// the history for them.
///
/// # Errors
/// [`OpsError::NothingToPurge`]; [`OpsError::StillThere`] while the workspace or the newest version has one of the contents: the next push
/// would record it again. After [`OpsError::Cancelled`] the versions say what was purged, and the same command goes on.
///
/// # Durability
/// The records are durable before anything is removed. After a crash the same command goes on, or says that nothing is left to purge.
pub fn purge(workspace: &mut Workspace, options: &PurgeOptions, host: &dyn Host) -> OpsResult<PurgeOutcome> {
    let _looking = workspace.lock_checkout(LockMode::Shared, host)?;
    let present = contents_of_workspace(workspace, host)?;
    let (plan, needles) = {
        let mut publishing = workspace.begin_publish(host)?;
        let plan = plan::plan(publishing.workspace(), &options.paths, host)?;
        plan.refuse_if_still_there(publishing.workspace(), &present)?;
        let needles = Needles::of(publishing.workspace(), &plan)?;
        record(&mut publishing, &plan, host)?;
        (plan, needles)
    };
    // It knows paths and ids of former versions, and trusts that their contents stay.
    super::verify::forget_stat_cache(&workspace.local)?;
    let collected = collect(workspace, host)?;
    let proof = proof::prove(workspace, &plan, &needles, host)?;
    let remotes = super::remote_list(workspace)?.into_iter().filter(|remote| remote.entry > 0).map(|remote| remote.name).collect();
    Ok(PurgeOutcome { plan, collected, proof, remotes })
}

/// The contents that the next push would record.
fn contents_of_workspace(workspace: &Workspace, host: &dyn Host) -> OpsResult<Vec<(ObjectId, crate::path::RelPath)>> {
    let snapshot = snapshot::take(workspace, &SnapshotOptions::default(), None, host)?;
    let mut present = Vec::new();
    crate::tree::walk(&snapshot.trees(&workspace.store), &snapshot.tree.root, &(), &mut |path, node| {
        if let OwnedNode::File { id, .. } = node {
            present.push((id, path.clone()));
        }
    })?;
    Ok(present)
}

fn record(publishing: &mut Publishing<'_>, plan: &PurgePlan, host: &dyn Host) -> OpsResult<()> {
    for contents in plan.contents.chunks(PURGED_CONTENTS_MAX) {
        let mut paths: Vec<Vec<u8>> =
            contents.iter().flat_map(|content| &content.places).map(|place| place.path.as_bytes().to_vec()).collect();
        paths.sort_unstable();
        paths.dedup();
        let mut room = PURGED_PATHS_BYTES_MAX;
        paths.retain(|path| {
            let fits = path.len() <= room;
            room -= if fits { path.len() } else { 0 };
            fits
        });
        let batch = publishing.workspace().store.batch()?;
        let record = PurgeRecord { paths, contents: contents.iter().map(|content| content.id).collect() };
        publishing.commit(batch, RecordBody::Purge(record), host)?;
    }
    Ok(())
}

/// Collects everything that is dead, once no other collection is at work.
fn collect(workspace: &mut Workspace, host: &dyn Host) -> OpsResult<GcOutcome> {
    loop {
        match gc(workspace, &GcOptions { all: true, ..GcOptions::default() }, host) {
            Err(OpsError::CollectionAtWork) => std::thread::sleep(Duration::from_millis(PURGE_RETRY_MS)),
            other => return other,
        }
        if host.cancel_flag().load(Ordering::Relaxed) {
            return Err(OpsError::Cancelled);
        }
    }
}
