//! Collecting a remote: many small packs become few large ones, contents that were purged or that no version has any more go, and the
//! entries of the log are put together for those who come late.
//!
//! Everything new is written under names that nobody knows yet; then one summary, created only if absent, makes it count. A process
//! that dies before has changed nothing, one that dies after has only removals left to do, which the next one does.

mod inventory;
mod merge;
mod remove;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use super::attempt::Attempt;
use super::open::Open;
use super::state::Remotes;
use super::{SyncOutcome, fetch_all, reset_if_older, seen_of};
use crate::format::remote::PackRef;
use crate::format::summary::{Summary, encode_bundle};
use crate::id::ObjectId;
use crate::limits::{BUNDLE_BYTES_TARGET, SUMMARY_FROM_ENTRIES};
use crate::ops::reach::{Reach, purged_by};
use crate::ops::{Host, OpsResult, RemoteAccess, Workspace};
use crate::remote::{Creation, Remote, RemoteError};
use crate::store::LiveSet;
use inventory::Inventory;

/// How to collect a remote.
#[derive(Clone, Debug, Default)]
pub struct RemoteGcOptions {
    /// The remote; else the only one there is, or `origin`.
    pub remote: Option<String>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// How long what nothing names stays, in milliseconds of the storage's clock: a sync may be about to name it.
    pub grace_ms: i64,
}

/// What was done to a remote, or would be.
#[derive(Clone, Debug, Default)]
pub struct RemoteGcOutcome {
    /// Name of the remote.
    pub remote: String,
    /// Packs that hold the history before and after.
    pub packs: (u64, u64),
    /// Bytes of them before and after.
    pub bytes: (u64, u64),
    /// Contents that were dropped, because they were purged or no version has them.
    pub dropped_objects: u64,
    /// Whether a summary was made.
    pub summarized: bool,
    /// Objects of the storage that nothing names and that were removed, and their bytes.
    pub removed: (u64, u64),
    /// Those that are too young to be removed.
    pub waiting: (u64, u64),
    /// Requests to the remote.
    pub requests: u64,
    /// Bytes that came.
    pub received_bytes: u64,
    /// Bytes that went.
    pub sent_bytes: u64,
}

/// What of the remote is of use.
pub(super) struct Use {
    /// What a version reaches.
    pub live: LiveSet,
    /// What was purged, and no version has anew.
    pub purged: HashSet<ObjectId>,
}

/// Collects a remote. Whatever the others are doing meanwhile, they lose nothing: what they have named stays until something that has
/// the same takes its place, and what they are about to name is younger than the grace period.
///
/// # Errors
/// Those of a sync; what is new there has been fetched first.
///
/// # Durability
/// After an error or a crash the remote has everything that its versions consist of.
pub fn remote_gc(
    workspace: &mut Workspace,
    options: &RemoteGcOptions,
    access: &RemoteAccess,
    host: &dyn Host,
) -> OpsResult<RemoteGcOutcome> {
    let remotes = Remotes::lock(workspace, host)?;
    let mut open = Open::known(&remotes, options.remote.as_deref(), access)?;
    reset_if_older(workspace, &mut open.state)?;
    open.remote.check_seen(&seen_of(&open.state, &remotes, &open.name)?)?;
    if !options.dry_run {
        fetch_all(workspace, &remotes, &mut open, &mut SyncOutcome::default(), host)?;
    }
    let mut outcome = collect(workspace, &open.remote, open.state.entry, options, host)?;
    let traffic = open.remote.traffic();
    (outcome.requests, outcome.received_bytes, outcome.sent_bytes) = (traffic.requests, traffic.received, traffic.sent);
    outcome.remote = open.name;
    Ok(outcome)
}

/// Collects a remote whose log is known up to this entry.
pub(super) fn collect(
    workspace: &mut Workspace,
    remote: &Remote,
    entry: u64,
    options: &RemoteGcOptions,
    host: &dyn Host,
) -> OpsResult<RemoteGcOutcome> {
    let mut outcome = RemoteGcOutcome::default();
    let inventory = Inventory::read(remote, entry, workspace.store.tmp(), host)?;
    let in_use = use_of(workspace, remote, &inventory, host)?;
    let plan = merge::plan(&inventory, &in_use);
    outcome.packs.0 = inventory.packs().count() as u64;
    outcome.bytes.0 = inventory.packs().map(|pack| pack.bytes).sum();
    outcome.dropped_objects = plan.dropped_objects;
    (outcome.packs.1, outcome.bytes.1) = outcome.packs;
    outcome.summarized = plan.is_worth_it() || inventory.entries.len() >= SUMMARY_FROM_ENTRIES;
    if options.dry_run {
        outcome.bytes.1 = outcome.bytes.0.saturating_sub(plan.dropped_bytes);
        outcome.packs.1 = plan.packs_after();
    } else if outcome.summarized {
        let attempt = Attempt::new(host.now_ms());
        let merged = merge::merge(workspace, remote, &inventory, &in_use, (plan, &attempt), host)?;
        outcome.packs.1 = merged.packs().count() as u64;
        outcome.bytes.1 = merged.packs().map(|pack| pack.bytes).sum();
        let summary = Summary {
            repository: remote.repository(),
            number: inventory.summary.as_ref().map_or(1, |summary| summary.number + 1),
            entry: inventory.last.0,
            entry_id: inventory.last.1,
            bundles: bundles(remote, &inventory, &attempt)?,
            packs: merged.whole,
            catalogs: merge::put_catalogs(remote, &merged.listed, &attempt)?,
        };
        super::refuse_cancelled(host)?;
        attempt.check_in_time(host.now_ms())?;
        if remote.create_summary(&summary)? == Creation::Exists {
            return Err(RemoteError::Collected.into());
        }
    }
    (outcome.removed, outcome.waiting) = remove::remove(remote, &in_use.purged, options, host)?;
    Ok(outcome)
}

/// Bundles with all entries: large ones stay, what is behind them is put together anew.
fn bundles(remote: &Remote, inventory: &Inventory, attempt: &Attempt) -> OpsResult<Vec<PackRef>> {
    let old = inventory.summary.as_ref().map_or(&[][..], |summary| &summary.bundles);
    let kept = old.iter().take_while(|bundle| bundle.bytes >= BUNDLE_BYTES_TARGET as u64 / 2).count();
    let (mut bundles, mut entries, mut bytes) = (old[..kept].to_vec(), Vec::new(), 0);
    let mut open = Vec::new();
    for bundle in &old[kept..] {
        open.extend(remote.get_bundle(bundle)?);
    }
    for entry in open.into_iter().chain(inventory.entries.iter().cloned()) {
        bytes += entry.len();
        entries.push(entry);
        if bytes >= BUNDLE_BYTES_TARGET {
            bundles.push(put_bundle(remote, &std::mem::take(&mut entries), attempt)?);
            bytes = 0;
        }
    }
    if !entries.is_empty() {
        bundles.push(put_bundle(remote, &entries, attempt)?);
    }
    Ok(bundles)
}

fn put_bundle(remote: &Remote, entries: &[Vec<u8>], attempt: &Attempt) -> OpsResult<PackRef> {
    Ok(remote.put_pack(encode_bundle(entries, attempt.stamp()), entries.len() as u64, attempt.is_resumed())?)
}

/// Finds out what is of use, with the chunks of large contents, be they here or not.
fn use_of(workspace: &mut Workspace, remote: &Remote, inventory: &Inventory, host: &dyn Host) -> OpsResult<Use> {
    let mut live = Reach::of(workspace, host)?.into_live();
    let purged: HashSet<ObjectId> = purged_by(workspace)?.into_keys().filter(|id| !live.contains(id)).collect();
    let mut parts = super::wanted::Parts::new(&workspace.store);
    for row in workspace.log.versions_newest_first(None)?.into_iter().filter(|row| !row.deleted) {
        parts.add(None, &row.record.root)?;
    }
    let mut lists: Vec<ObjectId> = Vec::new();
    for part in parts.found.iter().filter(|part| part.is_large()) {
        if live.contains(&part.id) && !workspace.store.seems_to_contain(&part.id)? && inventory.located.has(&part.id) {
            lists.push(part.id);
        }
    }
    let count = lists.len();
    lists.extend(purged.iter().filter(|id| inventory.located.has(id)));
    let chunks = super::fetch::chunks_of(workspace, remote, &inventory.located, &lists, host)?;
    chunks[..count].iter().flatten().for_each(|chunk| _ = live.insert(chunk));
    let purged_chunks = chunks[count..].iter().flatten().filter(|chunk| !live.contains(chunk));
    let purged = purged.iter().chain(purged_chunks).copied().collect();
    Ok(Use { live, purged })
}
