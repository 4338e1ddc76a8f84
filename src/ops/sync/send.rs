//! Sending what this machine has and the remote lacks: packs with the contents first, then an entry of the log that names them.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::state::{RemoteState, Remotes};
use super::take_in::{last_living, refuse_cancelled};
use super::wanted::{Part, Parts};
use crate::format::record::{Record, RecordBody};
use crate::format::remote::PackRef;
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{REMOTE_ENTRY_RECORDS_BYTES, REMOTE_TRANSFERS};
use crate::ops::{Host, OpsResult, Phase, Workspace};
use crate::remote::{Appended, Remote, RemoteError, RemoteResult, Seen};
use crate::store::{Packer, Store};

/// From so many objects on it is looked whether the other side has some of them under other names.
const LOOK_AROUND_FROM: usize = 32;

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Number of versions.
    pub versions: u64,
    /// Bytes of packs.
    pub bytes: u64,
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
    let packs = send_packs(&workspace.store, &parts, base.as_ref(), remote, host)?;
    let mut sent = Sent { bytes: packs.iter().map(|pack| pack.bytes).sum(), ..Sent::default() };
    let mut packs = Some(packs);
    let mut rest = &own[..];
    while !rest.is_empty() {
        refuse_cancelled(host)?;
        let seen = seen_of(state, remotes, name)?;
        let (records, count) = next_records(rest, &seen);
        let (now, later) = rest.split_at(count);
        match remote.append(&seen, records, packs.take().unwrap_or_default())? {
            Appended::Taken => return Ok(sent),
            Appended::Done(seen) => state.note(&seen, now[now.len() - 1].sequence),
        }
        remotes.put(name, state)?;
        sent.versions += now.iter().filter(|record| matches!(record.body, RecordBody::Version(_))).count() as u64;
        rest = later;
    }
    Ok(Sent { is_all: true, ..sent })
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
    for version in versions {
        if workspace.log().is_deleted(version.number)? {
            continue;
        }
        parts.add(base.as_ref(), &version.root)?;
        base = Some(version.root);
    }
    Ok((parts, shared))
}

/// Packs and sends, several packs at a time. Gives them in the order in which they must be taken in.
fn send_packs(store: &Store, parts: &Parts<'_>, base: Option<&ObjectId>, remote: &Remote, host: &dyn Host) -> OpsResult<Vec<PackRef>> {
    let around = match base {
        Some(base) if parts.found.len() >= LOOK_AROUND_FROM => everything_in(store, base)?,
        _ => HashSet::new(),
    };
    let wanted = with_chunks(store, parts, &around)?;
    let set: HashSet<(ObjectKind, ObjectId)> = wanted.iter().copied().collect();
    let is_there = |id: &ObjectId| parts.former.contains(id) || around.contains(id);
    let mut packer = Packer::new(store, set, &is_there)?;
    let uploads = Uploads { remote, host, done: Mutex::new(Vec::new()), bytes: AtomicU64::new(0), likely: AtomicU64::new(0) };
    let (queue, packs) = crossbeam_channel::bounded::<(usize, Vec<u8>, u64)>(1);
    let packed = std::thread::scope(|scope| -> OpsResult<()> {
        let mut threads = 0;
        let mut number = 0;
        let mut handed_over = 0;
        let mut hand_over = |pack: Option<(Vec<u8>, u64)>, objects_so_far: usize| {
            let Some((bytes, objects)) = pack else { return Ok(()) };
            handed_over += bytes.len() as u64;
            uploads.expect(handed_over, objects_so_far, wanted.len());
            refuse_cancelled(host)?;
            if threads < REMOTE_TRANSFERS / 2 {
                threads += 1;
                let packs = packs.clone();
                let uploads = &uploads;
                scope.spawn(move || packs.iter().for_each(|pack| uploads.send(pack)));
            }
            uploads.refuse_failed()?;
            // The threads take what is queued until the queue is dropped, so this does not wait for ever.
            let _ = queue.send((number, bytes, objects));
            number += 1;
            Ok(())
        };
        let packed = wanted.iter().enumerate().try_for_each(|(before, (kind, id))| {
            let full = packer.add(*kind, id).map_err(crate::ops::OpsError::from)?;
            hand_over(full, before)
        });
        let packed = packed.and_then(|()| hand_over(packer.finish(), wanted.len()));
        drop(queue);
        packed
    });
    packed?;
    uploads.finish()
}

struct Uploads<'a> {
    remote: &'a Remote,
    host: &'a dyn Host,
    done: Mutex<Vec<(usize, RemoteResult<PackRef>)>>,
    bytes: AtomicU64,
    /// How many bytes it will likely be, if the rest is as large as what was packed.
    likely: AtomicU64,
}

impl Uploads<'_> {
    /// So many bytes were packed, of so many of all objects.
    fn expect(&self, bytes: u64, objects: usize, all: usize) {
        let likely = u128::from(bytes) * all as u128 / objects.max(1) as u128;
        self.likely.store(u64::try_from(likely).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn send(&self, (number, bytes, objects): (usize, Vec<u8>, u64)) {
        let length = bytes.len() as u64;
        let sent = self.remote.put_pack(bytes, objects);
        self.host.progress(
            Phase::Sending,
            self.bytes.fetch_add(length, Ordering::Relaxed) + length,
            Some(self.likely.load(Ordering::Relaxed)),
        );
        self.done().push((number, sent));
    }

    fn done(&self) -> std::sync::MutexGuard<'_, Vec<(usize, RemoteResult<PackRef>)>> {
        self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Nothing more needs to be packed once one could not be sent.
    fn refuse_failed(&self) -> RemoteResult<()> {
        let mut done = self.done();
        match done.iter().position(|(_, sent)| sent.is_err()) {
            Some(at) => done.swap_remove(at).1.map(drop),
            None => Ok(()),
        }
    }

    fn finish(self) -> OpsResult<Vec<PackRef>> {
        let mut done = self.done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_by_key(|(number, _)| *number);
        Ok(done.into_iter().map(|(_, sent)| sent).collect::<Result<_, RemoteError>>()?)
    }
}

/// Every tree, content and chunk of a version.
fn everything_in(store: &Store, root: &ObjectId) -> OpsResult<HashSet<ObjectId>> {
    let mut parts = Parts::new(store);
    parts.add(None, root)?;
    Ok(parts.found.iter().map(|part| part.id).collect())
}

/// The objects that are to be sent, the chunks of large ones before them, without those that the other side has.
fn with_chunks(store: &Store, parts: &Parts<'_>, around: &HashSet<ObjectId>) -> OpsResult<Vec<(ObjectKind, ObjectId)>> {
    let mut reader = store.reader();
    let mut former_chunks: HashSet<ObjectId> = HashSet::new();
    if parts.found.iter().any(|part| part.is_large) {
        for former in &parts.former {
            // A former content that cannot be read, or is a tree, has no chunks that would spare us anything.
            former_chunks.extend(reader.chunks(ObjectKind::Blob, former).unwrap_or_default());
        }
    }
    let mut wanted = Vec::new();
    let mut met = HashSet::new();
    for Part { kind, id, is_large } in parts.found.iter().filter(|part| !around.contains(&part.id)) {
        if *is_large {
            let chunks = reader.chunks(*kind, id)?.into_iter();
            wanted
                .extend(chunks.filter(|chunk| !former_chunks.contains(chunk) && met.insert(*chunk)).map(|chunk| (ObjectKind::Blob, chunk)));
        }
        wanted.push((*kind, *id));
    }
    Ok(wanted)
}
