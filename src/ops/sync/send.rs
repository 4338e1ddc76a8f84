//! Sending what this machine has and the remote lacks: packs with the contents first, then an entry of the log that names them.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::absent::Absent;
use super::attempt::Attempt;
use super::state::{RemoteState, Remotes};
use super::take_in::{last_living, refuse_cancelled};
use super::wanted::{Part, Parts};
use crate::format::catalog::{Catalog, frames_of_pack};
use crate::format::pack::{PackBuilder, PackFrame, decode_pack};
use crate::format::record::{Record, RecordBody};
use crate::format::remote::{PackRef, Stamp};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{CATALOG_OBJECTS_MAX, PACK_LOOK_FIRST_BYTES, PACK_MIXED_BYTES_MAX, REMOTE_ENTRY_RECORDS_BYTES, REMOTE_TRANSFERS};
use crate::ops::{Host, OpsResult, Phase, Workspace};
use crate::remote::{Appended, Remote, Seen};
use crate::store::{Packer, Store, StoreError};

/// From so many objects on it is looked whether the other side has some of them under other names.
const LOOK_AROUND_FROM: usize = 32;

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Number of versions.
    pub versions: u64,
    /// Whether all there was is in the log of the remote; otherwise somebody else was faster.
    pub is_all: bool,
}

/// Sends what the remote lacks.
///
/// # Durability
/// What is in the remote's log stays there whatever happens here. What is known of the remote is noted after each entry; a process that
/// dies before that finds its own records there.
pub fn send(
    workspace: &Workspace,
    (remotes, name, state): (&Remotes, &str, &mut RemoteState),
    remote: &Remote,
    host: &dyn Host,
) -> OpsResult<Sent> {
    let own = unshared(workspace, state.local)?;
    if own.is_empty() {
        return Ok(Sent { is_all: true, ..Sent::default() });
    }
    let _pin = workspace.store.pin()?;
    let (parts, base) = parts_of(workspace, &own)?;
    let absent = absent_of(workspace, &parts, remotes, name)?;
    let purged = workspace.log.purges()?.into_iter().flat_map(|(_, purge)| purge.contents).collect();
    let attempt = state.begin_attempt(host.now_ms());
    // What is little is sent again as fast as it is looked for.
    if !attempt.is_resumed() && parts.found.iter().map(|part| part.bytes).sum::<u64>() >= PACK_LOOK_FIRST_BYTES as u64 {
        remotes.put(name, state)?;
    }
    let to = Recipient { remote, absent: &absent, purged: &purged, attempt: &attempt, host };
    let named = send_packs(&workspace.store, &parts, base.as_ref(), &to)?;
    let mut sent = Sent::default();
    let mut packs = Some((named.packs, named.catalogs));
    let mut rest = &own[..];
    while !rest.is_empty() {
        refuse_cancelled(host)?;
        let seen = seen_of(state, remotes, name)?;
        let (records, count) = next_records(rest, &seen);
        let (now, later) = rest.split_at(count);
        attempt.check_in_time(host.now_ms())?;
        match remote.append(&seen, records, packs.take().unwrap_or_default())? {
            Appended::Taken => return Ok(sent),
            Appended::Done(seen) => state.note(&seen, now[now.len() - 1].sequence),
        }
        state.end_attempt();
        remotes.put(name, state)?;
        sent.versions += now.iter().filter(|record| matches!(record.body, RecordBody::Version(_))).count() as u64;
        rest = later;
    }
    Ok(Sent { is_all: true, ..sent })
}

/// What is at the remote and not here, if any of these contents are not here.
fn absent_of(workspace: &Workspace, parts: &Parts<'_>, remotes: &Remotes, name: &str) -> OpsResult<Absent> {
    for part in parts.found.iter().filter(|part| part.kind == ObjectKind::Blob) {
        if !workspace.store.seems_to_contain(&part.id)? {
            return Absent::of_remote(remotes, name);
        }
    }
    Ok(Absent::default())
}

/// This machine's records behind the last that is shared, without those that are its own business.
pub fn unshared(workspace: &Workspace, local: u64) -> OpsResult<Vec<Record>> {
    let mut own = workspace.log().counting_behind(local)?;
    own.retain(|record| record.body.is_shared());
    Ok(own)
}

pub fn seen_of(state: &RemoteState, remotes: &Remotes, name: &str) -> OpsResult<Seen> {
    state.seen().map_err(|why| crate::ops::OpsError::Settings { path: remotes.path_of(name), why })
}

/// Records as they stand in the remote's log, as many as fit into one entry, and how many that are.
fn next_records(own: &[Record], seen: &Seen) -> (Vec<Record>, usize) {
    let (mut previous, mut bytes, mut records) = (seen.record_id, 0, Vec::new());
    for (sequence, record) in (seen.record_sequence + 1..).zip(own) {
        let record = Record { sequence, previous, ..record.clone() };
        let encoded = record.encode();
        bytes += encoded.len();
        if bytes > REMOTE_ENTRY_RECORDS_BYTES && !records.is_empty() {
            break;
        }
        previous = Record::id_of(&encoded);
        records.push(record);
    }
    let count = records.len();
    (records, count)
}

/// The objects of the versions among these records that are not deleted again, and the tree of the version that the other side has.
fn parts_of<'a>(workspace: &'a Workspace, own: &[Record]) -> OpsResult<(Parts<'a>, Option<ObjectId>)> {
    let versions: Vec<_> =
        own.iter().filter_map(|record| if let RecordBody::Version(version) = &record.body { Some(version) } else { None }).collect();
    let mut parts = Parts::new(workspace.store());
    let Some(first) = versions.first() else { return Ok((parts, None)) };
    let shared = last_living(workspace, first.number.0 - 1)?.map(|version| version.root);
    let mut base = shared;
    let rows = workspace.log().versions_newest_first(None)?;
    // A version that was brought back is there already.
    let there: HashSet<ObjectId> =
        rows.iter().filter(|row| row.record.number < first.number && !row.deleted).map(|row| row.record.root).collect();
    for version in versions {
        if workspace.log().is_deleted(version.number)? {
            continue;
        }
        if there.contains(&version.root) {
            base = Some(version.root);
            continue;
        }
        parts.add(base.as_ref(), &version.root)?;
        base = Some(version.root);
    }
    Ok((parts, shared))
}

/// Packs and sends, several packs at a time. Gives the packs that everybody needs, in the order in which they must be taken in, and the
/// catalogs of the others.
fn send_packs(store: &Store, parts: &Parts<'_>, base: Option<&ObjectId>, to: &Recipient<'_>) -> OpsResult<Named> {
    let around = match base {
        Some(base) if parts.found.len() >= LOOK_AROUND_FROM => everything_in(store, base)?,
        _ => HashSet::new(),
    };
    let wanted = with_chunks(store, parts, &around, to)?;
    let set: HashSet<(ObjectKind, ObjectId)> = wanted.trees.iter().chain(&wanted.contents).copied().collect();
    let is_there = |id: &ObjectId| (parts.former.contains(id) || around.contains(id)) && !to.purged.contains(id);
    let mut packer = Packer::new(store, set, &is_there, to.attempt.stamp())?;
    let uploads = Uploads::new(to);
    std::thread::scope(|scope| -> OpsResult<()> {
        let (queue, packs) = crossbeam_channel::bounded::<Pack>(1);
        let mut threads = 0;
        let (all, packed, mut bytes) = (wanted.trees.len() + wanted.contents.len(), Cell::new(0), 0);
        let mut hand_over = |pack: Pack| -> OpsResult<()> {
            refuse_cancelled(to.host)?;
            bytes += pack.bytes.len() as u64;
            uploads.expect(bytes, packed.get(), all);
            if threads < REMOTE_TRANSFERS / 2 {
                threads += 1;
                let (packs, uploads) = (packs.clone(), &uploads);
                scope.spawn(move || packs.iter().for_each(|pack| uploads.send(pack)));
            }
            uploads.refuse_failed()?;
            // The threads take what is queued until the queue is dropped, so this does not wait for ever.
            let _ = queue.send(pack);
            Ok(())
        };
        let mut sorter = Sorter { stamp: to.attempt.stamp(), ..Sorter::default() };
        for (is_tree, objects) in [(true, &wanted.trees), (false, &wanted.contents)] {
            for (kind, id) in objects {
                let full = packer.add(*kind, id)?;
                packed.set(packed.get() + 1);
                sorter.take(full, is_tree).into_iter().try_for_each(&mut hand_over)?;
            }
            sorter.take(packer.finish(), is_tree).into_iter().try_for_each(&mut hand_over)?;
        }
        sorter.finish()?.into_iter().try_for_each(&mut hand_over)
    })?;
    uploads.finish()
}

/// A pack to be sent.
struct Pack {
    number: usize,
    bytes: Vec<u8>,
    objects: u64,
    /// Whether a catalog says what is in it.
    is_listed: bool,
}

/// Keeps the first two packs back until it is known whether they are one: what is small goes in one pack.
#[derive(Default)]
struct Sorter {
    held: Vec<Pack>,
    number: usize,
    stamp: Stamp,
}

impl Sorter {
    /// Takes a pack; gives those that are to be sent.
    fn take(&mut self, pack: Option<(Vec<u8>, u64)>, is_tree: bool) -> Vec<Pack> {
        let Some((bytes, objects)) = pack else { return Vec::new() };
        self.held.push(Pack { number: self.number, bytes, objects, is_listed: !is_tree });
        self.number += 1;
        let is_small = self.held.len() <= 2 && self.number <= 2 && self.held_bytes() <= PACK_MIXED_BYTES_MAX;
        if is_small { Vec::new() } else { std::mem::take(&mut self.held) }
    }

    fn held_bytes(&self) -> usize {
        self.held.iter().map(|pack| pack.bytes.len()).sum()
    }

    /// What is left: a single small pack, of all that there is.
    fn finish(self) -> OpsResult<Option<Pack>> {
        let mut held = self.held.into_iter();
        let Some(first) = held.next() else { return Ok(None) };
        let Some(second) = held.next() else { return Ok(Some(Pack { is_listed: false, ..first })) };
        let mut joined = PackBuilder::new(self.stamp);
        for pack in [&first, &second] {
            for frame in decode_pack(&pack.bytes).map_err(StoreError::from)? {
                joined.push(frame.kind, frame.ids, &pack.bytes[frame.offset as usize..][..frame.bytes as usize]);
            }
        }
        Ok(Some(Pack { bytes: joined.finish(), objects: first.objects + second.objects, is_listed: false, ..first }))
    }
}

/// To whom packs are sent.
pub struct Recipient<'a> {
    /// The remote.
    pub remote: &'a Remote,
    /// What it has and this machine has not.
    pub absent: &'a Absent,
    /// What was purged: nobody need have it any more.
    pub purged: &'a HashSet<ObjectId>,
    /// In which attempt.
    pub attempt: &'a Attempt,
    /// The surroundings.
    pub host: &'a dyn Host,
}

/// What an entry names.
#[derive(Debug, Default)]
pub struct Named {
    packs: Vec<PackRef>,
    catalogs: Vec<PackRef>,
}

struct Uploads<'a> {
    to: &'a Recipient<'a>,
    done: Mutex<Vec<(usize, OpsResult<Sending>)>>,
    bytes: AtomicU64,
    /// How many bytes it will likely be, if the rest is as large as what was packed.
    likely: AtomicU64,
}

/// A pack that was sent, and what a catalog says about it.
struct Sending {
    pack: PackRef,
    frames: Option<Vec<(PackFrame, Option<ObjectId>)>>,
}

impl<'a> Uploads<'a> {
    fn new(to: &'a Recipient<'a>) -> Self {
        Self { to, done: Mutex::new(Vec::new()), bytes: AtomicU64::new(0), likely: AtomicU64::new(0) }
    }

    /// So many bytes were packed, of so many of all objects.
    fn expect(&self, bytes: u64, objects: usize, all: usize) {
        let likely = u128::from(bytes) * all as u128 / objects.max(1) as u128;
        self.likely.store(u64::try_from(likely).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn send(&self, pack: Pack) {
        let (length, number) = (pack.bytes.len() as u64, pack.number);
        let sent = self.sent(pack);
        self.to.host.progress(
            Phase::Sending,
            self.bytes.fetch_add(length, Ordering::Relaxed) + length,
            Some(self.likely.load(Ordering::Relaxed)),
        );
        self.done().push((number, sent));
    }

    fn sent(&self, pack: Pack) -> OpsResult<Sending> {
        let frames = if pack.is_listed { Some(frames_of_pack(&pack.bytes).map_err(StoreError::from)?) } else { None };
        let pack = self.to.remote.put_pack(pack.bytes, pack.objects, self.to.attempt.is_resumed())?;
        Ok(Sending { pack, frames })
    }

    fn done(&self) -> std::sync::MutexGuard<'_, Vec<(usize, OpsResult<Sending>)>> {
        self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Nothing more needs to be packed once one could not be sent.
    fn refuse_failed(&self) -> OpsResult<()> {
        let mut done = self.done();
        match done.iter().position(|(_, sent)| sent.is_err()) {
            Some(at) => done.swap_remove(at).1.map(drop),
            None => Ok(()),
        }
    }

    /// Sends the catalogs, and names everything.
    fn finish(self) -> OpsResult<Named> {
        let Self { to, done, .. } = self;
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_by_key(|(number, _)| *number);
        let (mut named, mut catalog) = (Named::default(), Catalog::default());
        let put_catalog = |catalog: Catalog, named: &mut Named| -> OpsResult<()> {
            let catalog = Catalog { stamp: to.attempt.stamp(), ..catalog };
            let sent = to.remote.put_pack(catalog.encode(), catalog.objects(), to.attempt.is_resumed())?;
            named.catalogs.push(sent);
            Ok(())
        };
        for (_, sent) in done {
            match sent? {
                Sending { pack, frames: None } => named.packs.push(pack),
                Sending { pack, frames: Some(frames) } => {
                    if catalog.objects() + pack.objects > CATALOG_OBJECTS_MAX && !catalog.frames.is_empty() {
                        put_catalog(std::mem::take(&mut catalog), &mut named)?;
                    }
                    catalog.push(pack, frames);
                }
            }
        }
        if !catalog.frames.is_empty() {
            put_catalog(catalog, &mut named)?;
        }
        Ok(named)
    }
}

/// Every tree, content and chunk of a version.
fn everything_in(store: &Store, root: &ObjectId) -> OpsResult<HashSet<ObjectId>> {
    let mut parts = Parts::new(store);
    parts.add(None, root)?;
    Ok(parts.found.iter().map(|part| part.id).collect())
}

/// The objects that are to be sent, the chunks of large ones before them.
#[derive(Default)]
struct Wanted {
    /// Trees, and what they consist of.
    trees: Vec<(ObjectKind, ObjectId)>,
    contents: Vec<(ObjectKind, ObjectId)>,
}

/// The objects that are to be sent, without those that the other side has.
fn with_chunks(store: &Store, parts: &Parts<'_>, around: &HashSet<ObjectId>, to: &Recipient<'_>) -> OpsResult<Wanted> {
    let mut reader = store.reader();
    let mut former_chunks: HashSet<ObjectId> = HashSet::new();
    if parts.found.iter().any(Part::is_large) {
        let found: HashSet<&ObjectId> = parts.found.iter().map(|part| &part.id).collect();
        for former in &parts.former {
            // A former content that cannot be read, or is a tree, has no chunks that would spare us anything. One that is sent too is
            // not there yet.
            if !found.contains(former) && store.seems_to_contain(former)? {
                former_chunks.extend(reader.chunks(ObjectKind::Blob, former).unwrap_or_default());
            }
        }
    }
    let mut wanted = Wanted::default();
    let mut met = HashSet::new();
    for part @ Part { kind, id, .. } in parts.found.iter().filter(|part| !around.contains(&part.id)) {
        if *kind == ObjectKind::Blob && !store.seems_to_contain(id)? && (to.purged.contains(id) || to.absent.has(id)) {
            continue;
        }
        let list = if *kind == ObjectKind::Tree { &mut wanted.trees } else { &mut wanted.contents };
        if part.is_large() {
            let chunks = reader.chunks(*kind, id)?.into_iter();
            list.extend(chunks.filter(|chunk| !former_chunks.contains(chunk) && met.insert(*chunk)).map(|chunk| (ObjectKind::Blob, chunk)));
        }
        list.push((*kind, *id));
    }
    Ok(wanted)
}
