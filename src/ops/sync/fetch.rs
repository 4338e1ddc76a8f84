//! Fetching contents that were left at a remote: of some versions, or all. Frames come by ranges of packs, with the bases of their deltas,
//! are checked as whole packs are, and become part of the store with a record that says nothing.
//!
//! What came stays, whatever happens to the rest: the same again goes on where it was.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::absent::Absent;
use super::open::Open;
use super::state::{self, Remotes};
use super::take_in::{of_remote, refuse_cancelled};
use crate::disk::TempFile;
use crate::format::catalog::{Catalog, CatalogFrame};
use crate::format::record::{RecordBody, VersionNumber};
use crate::format::remote::PackRef;
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{DELTA_DEPTH_MAX, FETCH_BYTES, REMOTE_TRANSFERS};
use crate::ops::reach::purged_by;
use crate::ops::select::PathSelection;
use crate::ops::{Host, OpsError, OpsResult, Phase, RemoteAccess, Workspace};
use crate::remote::{Remote, RemoteError, RemoteResult, Seen};
use crate::store::Incoming;
use crate::tree::{OwnedNode, walk};

/// Which contents are wanted.
#[derive(Clone, Debug)]
pub enum FetchWhat {
    /// Of these versions those that the patterns select; no pattern selects all.
    Versions(Vec<VersionNumber>, Vec<Vec<u8>>),
    /// Of every version.
    All,
}

/// What was fetched.
#[derive(Clone, Debug, Default)]
pub struct FetchOutcome {
    /// From which remotes.
    pub remotes: Vec<String>,
    /// Contents that came.
    pub contents: u64,
    /// Requests to remotes.
    pub requests: u64,
    /// Bytes that came.
    pub received_bytes: u64,
}

/// Fetches contents that are not here. Costs nothing, and contacts nobody, when all of them are.
///
/// # Errors
/// [`OpsError::NotFetched`] when they cannot be fetched, with why.
///
/// # Durability
/// On return they are durable. After an error or a crash those that came stay.
pub fn fetch_contents(workspace: &mut Workspace, what: &FetchWhat, access: &RemoteAccess, host: &dyn Host) -> OpsResult<FetchOutcome> {
    let mut outcome = FetchOutcome::default();
    if state::names(&workspace.store_dir)?.is_empty() {
        return Ok(outcome);
    }
    let mut wanted = wanted(workspace, what)?;
    if wanted.is_empty() {
        return Ok(outcome);
    }
    let remotes = Remotes::lock(workspace, host)?;
    let mut failed = None;
    for name in state::names(&workspace.store_dir)? {
        let fetched = fetch_from(workspace, (&remotes, &name), &wanted, access, host, &mut outcome);
        match fetched {
            Err(OpsError::Cancelled) => return Err(OpsError::Cancelled),
            Err(error) => failed = Some(error),
            Ok(()) => {}
        }
        wanted.retain(|(id, _)| !workspace.store.seems_to_contain(id).unwrap_or(false));
    }
    match (wanted.first(), failed) {
        (Some((_, place)), Some(error)) => {
            let (contents, place) = (wanted.len() as u64, place.clone());
            Err(OpsError::NotFetched { contents, place, why: Box::new(error) })
        }
        _ => Ok(outcome),
    }
}

/// A content, and where it stands, for messages.
type Wanted = (ObjectId, String);

/// The contents that are wanted, are not here, and are at some remote. What is at remotes is read only if something is not here.
fn wanted(workspace: &Workspace, what: &FetchWhat) -> OpsResult<Vec<Wanted>> {
    let purged = purged_by(workspace)?;
    let (rows, selection) = match what {
        FetchWhat::All => (workspace.log.versions_newest_first(None)?, PathSelection::default()),
        FetchWhat::Versions(numbers, patterns) => {
            let rows = numbers.iter().map(|number| workspace.usable_version(*number)).collect::<OpsResult<_>>()?;
            (rows, PathSelection::new(patterns)?)
        }
    };
    let (mut wanted, mut met, mut failed) = (Vec::new(), HashSet::new(), None);
    for row in rows.into_iter().filter(|row| !row.deleted) {
        walk(&workspace.store, &row.record.root, &selection, &mut |path, node| {
            if let OwnedNode::File { id, .. } = node
                && purged.get(&id).is_none_or(|by| *by < row.sequence)
                && met.insert(id)
            {
                match workspace.store.seems_to_contain(&id) {
                    Ok(true) => {}
                    Ok(false) => wanted.push((id, format!("{path} of {}", row.record.number))),
                    Err(error) => failed = Some(error),
                }
            }
        })?;
    }
    failed.map_or(Ok(()), Err)?;
    if !wanted.is_empty() {
        let absent = super::NotFetched::of(workspace)?;
        wanted.retain(|(id, _)| absent.has(id));
    }
    Ok(wanted)
}

/// Fetches from one remote what it has of the wanted.
fn fetch_from(
    workspace: &mut Workspace,
    (remotes, name): (&Remotes, &str),
    wanted: &[Wanted],
    access: &RemoteAccess,
    host: &dyn Host,
    outcome: &mut FetchOutcome,
) -> OpsResult<()> {
    let open = Open::known(remotes, Some(name), access)?;
    let mut absent = Absent::of_remote(remotes, name)?;
    let mut wanted: Vec<ObjectId> = wanted.iter().map(|(id, _)| *id).filter(|id| absent.has(id)).collect();
    let is_from_here = !wanted.is_empty();
    while !wanted.is_empty() {
        refuse_cancelled(host)?;
        let rest = match fetch_round(workspace, &open.remote, &absent, &wanted, host) {
            Err(OpsError::Remote(RemoteError::Missing { .. } | RemoteError::Lacking { .. })) => {
                // Packs were merged, or what deltas are made against was here once: where everything is now is asked.
                absent.replace(everything(&open.remote, host)?);
                fetch_round(workspace, &open.remote, &absent, &wanted, host)?
            }
            other => other?,
        };
        outcome.contents += (wanted.len() - rest.len()) as u64;
        absent.forget_present(&workspace.store)?;
        absent.save(remotes, name)?;
        wanted = rest;
    }
    let traffic = open.remote.traffic();
    outcome.requests += traffic.requests;
    outcome.received_bytes += traffic.received;
    if is_from_here {
        outcome.remotes.push(name.to_owned());
    }
    Ok(())
}

/// Where everything is that the remote has.
pub fn everything(remote: &Remote, host: &dyn Host) -> OpsResult<Catalog> {
    let mut absent = Absent::default();
    let found = remote.all_behind(&Seen::NOTHING, u64::MAX)?;
    // A pack that is not there any more is in no summary either: it was merged in this moment.
    for entry in found.iter().map(|found| &found.entry) {
        for catalog in &entry.catalogs {
            refuse_cancelled(host)?;
            absent.add(remote.get_catalog(catalog)?);
        }
        for pack in &entry.packs {
            refuse_cancelled(host)?;
            let (_, frames) = remote.get_frames(pack)?;
            frames.into_iter().for_each(|(frame, base)| absent.push(*pack, frame, base));
        }
    }
    Ok(absent.into_catalog())
}

/// Fetches as many of the wanted contents as go together, and gives those that are left.
fn fetch_round(
    workspace: &mut Workspace,
    remote: &Remote,
    absent: &Absent,
    wanted: &[ObjectId],
    host: &dyn Host,
) -> OpsResult<Vec<ObjectId>> {
    let batch = workspace.begin_batch(host)?;
    let count = {
        let mut unwanted: HashSet<ObjectId> = purged_by(workspace)?.into_keys().collect();
        wanted.iter().for_each(|id| _ = unwanted.remove(id));
        let mut incoming = Incoming::new(&workspace.store, unwanted)?;
        let (frames, count) = frames_for(workspace, absent, wanted)?;
        take_parts(workspace, remote, &mut incoming, &frames, host)?;
        loop {
            let chunks = incoming.wanting_chunks().map_err(of_remote)?;
            if chunks.is_empty() {
                break;
            }
            let (frames, _) = frames_for(workspace, absent, &chunks)?;
            take_parts(workspace, remote, &mut incoming, &frames, host)?;
        }
        incoming.check_large(&|_| false).map_err(of_remote)?;
        incoming.fill(&batch)?;
        count
    };
    batch.prepare()?;
    workspace.begin_publish(host)?.commit(batch, RecordBody::Collect, host)?;
    Ok(wanted[count..].to_vec())
}

/// The chunks of contents, of each in order, none of one that is stored whole. Nothing becomes part of the store.
pub fn chunks_of(
    workspace: &Workspace,
    remote: &Remote,
    located: &Absent,
    contents: &[ObjectId],
    host: &dyn Host,
) -> OpsResult<Vec<Vec<ObjectId>>> {
    let (mut rest, mut chunks) = (contents, Vec::with_capacity(contents.len()));
    while !rest.is_empty() {
        let mut incoming = Incoming::new(&workspace.store, HashSet::new())?;
        let (frames, count) = frames_for(workspace, located, rest)?;
        take_parts(workspace, remote, &mut incoming, &frames, host)?;
        let mut reader = workspace.store.reader();
        for id in &rest[..count] {
            chunks.push(reader.chunks(ObjectKind::Blob, id).map_err(of_remote)?);
        }
        rest = &rest[count..];
    }
    Ok(chunks)
}

/// Makes contents readable through `incoming`, without what is unwanted in it.
pub fn take_contents(
    workspace: &Workspace,
    remote: &Remote,
    located: &Absent,
    (incoming, contents): (&mut Incoming<'_>, &[ObjectId]),
    host: &dyn Host,
) -> OpsResult<usize> {
    let (frames, count) = frames_for(workspace, located, contents)?;
    take_parts(workspace, remote, incoming, &frames, host)?;
    Ok(count)
}

/// A frame to be fetched.
type Part<'a> = (&'a PackRef, &'a CatalogFrame);

/// The frames that hold objects, each behind what it is a delta against, until it is many bytes; and of how many objects.
fn frames_for<'a>(workspace: &Workspace, absent: &'a Absent, wanted: &[ObjectId]) -> OpsResult<(Vec<Part<'a>>, usize)> {
    let (mut frames, mut met) = (Vec::new(), HashSet::new());
    let mut bytes = 0;
    for (count, id) in wanted.iter().enumerate() {
        if bytes > FETCH_BYTES {
            return Ok((frames, count));
        }
        let mut chain: Vec<Part<'a>> = Vec::new();
        let mut next = Some(*id);
        while let Some(id) = next {
            let is_here = workspace.store.seems_to_contain(&id)?;
            if is_here || chain.len() > usize::from(DELTA_DEPTH_MAX) {
                break;
            }
            let part = absent.frame_of(&id).ok_or_else(|| RemoteError::Lacking { what: format!("content {id}") })?;
            next = part.1.base;
            chain.push(part);
        }
        for part in chain.into_iter().rev() {
            if met.insert((part.0.id, part.1.frame.offset)) {
                bytes += u64::from(part.1.frame.bytes);
                frames.push(part);
            }
        }
    }
    Ok((frames, wanted.len()))
}

/// Fetches frames, several packs at a time, and takes them in, in their order.
fn take_parts(workspace: &Workspace, remote: &Remote, incoming: &mut Incoming<'_>, frames: &[Part<'_>], host: &dyn Host) -> OpsResult<()> {
    let mut ranges: BTreeMap<ObjectId, (PackRef, Vec<Range<u64>>)> = BTreeMap::new();
    for (pack, frame) in frames {
        let start = u64::from(frame.frame.offset);
        ranges.entry(pack.id).or_insert_with(|| (**pack, Vec::new())).1.push(start..start + u64::from(frame.frame.bytes));
    }
    ranges.values_mut().for_each(|(_, ranges)| ranges.sort_unstable_by_key(|range| range.start));
    let packs: Vec<(PackRef, Vec<Range<u64>>)> = ranges.into_values().collect();
    let mut places: BTreeMap<(ObjectId, u64), (usize, u64)> = BTreeMap::new();
    for ((pack, ranges), fetched) in packs.iter().zip(get_all(remote, workspace, &packs, host)) {
        refuse_cancelled(host)?;
        let (file, offsets) = fetched?;
        let file = incoming.adopt(file)?;
        places.extend(ranges.iter().zip(offsets).map(|(range, offset)| ((pack.id, range.start), (file, offset))));
    }
    for (pack, frame) in frames {
        let Some((file, offset)) = places.get(&(pack.id, u64::from(frame.frame.offset))) else { continue };
        incoming.add_part(*file, *offset, &frame.frame).map_err(of_remote)?;
    }
    Ok(())
}

/// Ranges of packs in temporary files, with where they begin there.
fn get_all(
    remote: &Remote,
    workspace: &Workspace,
    packs: &[(PackRef, Vec<Range<u64>>)],
    host: &dyn Host,
) -> Vec<RemoteResult<(TempFile, Vec<u64>)>> {
    let (next, done_bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let total: u64 = packs.iter().flat_map(|(_, ranges)| ranges).map(|range| range.end - range.start).sum();
    let slots: Vec<Mutex<Option<_>>> = packs.iter().map(|_| Mutex::new(None)).collect();
    let tmp = workspace.store.tmp();
    let work = || {
        while let Some((pack, ranges)) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if host.cancel_flag().load(Ordering::Relaxed) {
                return;
            }
            let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            let got = remote.get_parts(pack, ranges, tmp);
            host.progress(Phase::Receiving, done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes, Some(total));
            let at = packs.iter().position(|(other, _)| other.id == pack.id).unwrap_or_default();
            *slots[at].lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(got);
        }
    };
    std::thread::scope(|scope| (0..REMOTE_TRANSFERS.min(packs.len())).for_each(|_| drop(scope.spawn(work))));
    let stopped = || Err(RemoteError::Unreachable { action: "read", key: "packs".to_owned(), why: "stopped".to_owned() });
    slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).unwrap_or_else(stopped)).collect()
}
