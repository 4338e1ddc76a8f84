//! Writing segments anew without what is dead.
//!
//! Two passes over the old frames: first those that stand alone, and what has lost everything it was a delta against (grouped
//! again), then the deltas in their order. So a base always stands before its deltas, as `format.md` wants it. Chains only get shorter:
//! no delta is deeper than it was, so those in other segments stay right. What they are made against stays, dead or not; so who writes
//! several segments anew begins with the newest.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use super::old_frames::{OldFrame, OldFrames};
use super::{LiveSet, refuse_cancelled};
use crate::disk::TempFile;
use crate::format::chunk_list::ChunkList;
use crate::format::frame::{Coding, Content, FrameHeader, encode_frame};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{DELTA_DEPTH_MAX, GC_ZSTD_LEVEL, GROUP_BYTES_TARGET, GROUP_MEMBER_BYTES_MAX, GROUP_MEMBERS_MAX};
use crate::store::batch::{PendingCoding, PendingFrame};
use crate::store::codec::{Encoded, Encoder};
use crate::store::segments::new_header;
use crate::store::{Location, Reader, Store, StoreError, StoreResult};

/// What to do with frames that could be copied as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Effort {
    /// Copy them.
    #[default]
    Copy,
    /// Compress them anew, harder, and keep what is smaller.
    Recompress,
}

/// A segment that is to take the place of others. Nothing refers to it yet.
#[derive(Debug)]
pub struct Rewritten {
    pub(super) file: TempFile,
    pub(super) nonce: [u8; 8],
    pub(super) inputs: Vec<u32>,
    pub(super) entries: Vec<(ObjectId, Location)>,
    /// What stood in the old segments and does not in the new one.
    dropped: LiveSet,
    old_bytes: u64,
    dropped_objects: u64,
}

impl Rewritten {
    /// The random bytes in the header of the segment that comes.
    pub fn nonce(&self) -> [u8; 8] {
        self.nonce
    }

    /// Bytes of the segments that go.
    pub fn old_bytes(&self) -> u64 {
        self.old_bytes
    }

    /// Bytes of the segment that comes.
    pub fn new_bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// Number of objects that are left out.
    pub fn dropped_objects(&self) -> u64 {
        self.dropped_objects
    }

    /// Whether something would be lost: it may have come to life, or become the base of a delta, while the segment was written.
    pub fn is_outdated(&self, store: &Store, live: &LiveSet) -> StoreResult<bool> {
        Ok(self.dropped.meets(live) || self.dropped.meets(&store.bases_outside(&self.inputs)?))
    }
}

impl Store {
    /// Writes a segment with what lives in `inputs`, which are neighbours in ascending order and do not include the newest segment, and
    /// reads it back.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when something in the old segments is not whole: they are left as they are. [`StoreError::Source`] when
    /// `cancel` was set.
    ///
    /// # Durability
    /// The new segment is durable and has no name yet.
    pub fn rewrite(&self, inputs: &[u32], live: &LiveSet, effort: Effort, cancel: &AtomicBool) -> StoreResult<Rewritten> {
        self.surely(&|| self.write_anew(inputs, live, effort, cancel))
    }

    fn write_anew(&self, inputs: &[u32], live: &LiveSet, effort: Effort, cancel: &AtomicBool) -> StoreResult<Rewritten> {
        let old = OldFrames::read(self, inputs, live, cancel)?;
        let header = new_header(&self.tmp);
        let mut file = self.tmp.temp_file()?;
        file.write(&header)?;
        let mut output = Output {
            store: self,
            old: &old,
            live,
            number: inputs.first().copied().unwrap_or_default(),
            file,
            effort,
            encoder: Encoder::with_level(GC_ZSTD_LEVEL)?,
            reader: self.reader(),
            moved: HashMap::new(),
            entries: Vec::new(),
            group: Vec::new(),
            group_bytes: 0,
        };
        output.write_all(cancel)?;
        let Output { file, entries, .. } = output;
        file.sync_data()?;
        old.hold_against(self, &file, &entries)?;
        let mut nonce = [0; 8];
        nonce.copy_from_slice(&header[12..20]);
        let (dropped, dropped_objects) = old.dropped();
        let old_bytes = inputs.iter().map(|&number| Ok(self.segments.file(number, false)?.bytes()?)).sum::<StoreResult<u64>>()?;
        Ok(Rewritten { file, nonce, inputs: inputs.to_vec(), entries, dropped, old_bytes, dropped_objects })
    }
}

/// Where an object is now, and how many deltas are below it.
#[derive(Clone, Copy)]
struct Place {
    location: Location,
    depth: u8,
}

/// A delta's base that lives.
struct LiveBase {
    old: Location,
    id: ObjectId,
    now: Place,
    /// Whether it stands in the new segment already.
    has_moved: bool,
}

struct Output<'a> {
    store: &'a Store,
    old: &'a OldFrames,
    live: &'a LiveSet,
    number: u32,
    file: TempFile,
    effort: Effort,
    encoder: Encoder,
    reader: Reader<'a>,
    /// Where objects of the old segments went.
    moved: HashMap<Location, Place>,
    entries: Vec<(ObjectId, Location)>,
    /// Contents that wait for a group: where they were, ids and bytes. All of one kind.
    group: Vec<(Location, ObjectId, Vec<u8>)>,
    group_bytes: usize,
}

impl Output<'_> {
    fn write_all(&mut self, cancel: &AtomicBool) -> StoreResult<()> {
        let old = self.old;
        // Groups hold one kind each: first the blobs, then the trees.
        for kind in [ObjectKind::Blob, ObjectKind::Tree] {
            for frame in old.frames.iter().filter(|frame| frame.kind == kind) {
                refuse_cancelled(cancel)?;
                self.write_standing(frame)?;
            }
            self.flush_group(kind)?;
        }
        for frame in old.frames.iter().filter(|frame| frame.kind != ObjectKind::Record) {
            refuse_cancelled(cancel)?;
            self.write_delta(frame)?;
        }
        for frame in old.frames.iter().filter(|frame| frame.kind == ObjectKind::Record) {
            self.copy(frame.location, None)?;
        }
        Ok(())
    }

    /// Writes what needs no base, or has lost all of its bases.
    fn write_standing(&mut self, frame: &OldFrame) -> StoreResult<()> {
        if frame.members.iter().all(|(_, lives)| !lives) {
            return Ok(());
        }
        let header = self.header(frame.location)?;
        if header.depth() > 0 {
            return if self.live_base(frame.location)?.is_none() { self.write_orphan(frame, &header) } else { Ok(()) };
        }
        if frame.members.iter().all(|(_, lives)| *lives) {
            return self.copy_standing(frame);
        }
        let decoded = self.reader.decode_whole(frame.location)?;
        for (member, (id, _)) in (0..).zip(&frame.members).filter(|(_, (_, lives))| *lives) {
            if let Some(range) = decoded.header.member_range(member) {
                self.add_to_group(frame.kind, frame.location.with_member(member), *id, decoded.content[range].to_vec())?;
            }
        }
        Ok(())
    }

    fn copy_standing(&mut self, frame: &OldFrame) -> StoreResult<()> {
        let location = self.copy(frame.location, None)?;
        for (member, (id, _)) in (0..).zip(&frame.members) {
            self.note(frame.location.with_member(member), *id, Place { location: location.with_member(member), depth: 0 });
        }
        Ok(())
    }

    fn write_orphan(&mut self, frame: &OldFrame, header: &FrameHeader) -> StoreResult<()> {
        let (id, _) = frame.members[0];
        let content = self.reader.decode_whole(frame.location)?.content.to_vec();
        if header.content == Content::ChunkList || content.len() > GROUP_MEMBER_BYTES_MAX {
            let encoded = self.encoder.encode(&content, None)?;
            return self.add(&header.content, frame, encoded, &content, None).map(|place| self.note(frame.location, id, place));
        }
        self.add_to_group(frame.kind, frame.location, id, content)
    }

    fn add_to_group(&mut self, kind: ObjectKind, from: Location, id: ObjectId, content: Vec<u8>) -> StoreResult<()> {
        if self.group_bytes + content.len() > GROUP_BYTES_TARGET || self.group.len() == GROUP_MEMBERS_MAX {
            self.flush_group(kind)?;
        }
        self.group_bytes += content.len();
        self.group.push((from, id, content));
        Ok(())
    }

    fn flush_group(&mut self, kind: ObjectKind) -> StoreResult<()> {
        let group = std::mem::take(&mut self.group);
        self.group_bytes = 0;
        if group.is_empty() {
            return Ok(());
        }
        let joined: Vec<u8> = group.iter().flat_map(|(_, _, content)| content).copied().collect();
        let content = match &group[..] {
            [_] => Content::Single,
            _ => Content::Group(group.iter().map(|(_, _, content)| content.len() as u32).collect()),
        };
        let encoded = self.encoder.encode(&joined, None)?;
        let (coding, payload) = pending(encoded, &joined, None);
        let location =
            self.write(&PendingFrame { kind, content, coding, raw_bytes: joined.len() as u32, payload, ids: Vec::new() }, None)?;
        for (member, (from, id, _)) in (0..).zip(group) {
            self.note(from, id, Place { location: location.with_member(member), depth: 0 });
        }
        Ok(())
    }

    /// Writes a delta whose base, or one of the contents below it, lives.
    fn write_delta(&mut self, frame: &OldFrame) -> StoreResult<()> {
        let Some((id, true)) = frame.members.first().copied() else { return Ok(()) };
        let header = self.header(frame.location)?;
        if header.depth() == 0 {
            return Ok(());
        }
        let Some(base) = self.live_base(frame.location)? else { return Ok(()) };
        if self.reader.base_of(frame.location)? == Some(base.old) {
            let location = self.copy(frame.location, Some(&base))?;
            self.note(frame.location, id, Place { location, depth: header.depth() });
            return Ok(());
        }
        let content = self.reader.decode_whole(frame.location)?.content.to_vec();
        let decoded = self.reader.decode(base.old)?;
        let range = decoded.header.member_range(base.old.member()).ok_or(StoreError::Codec("a delta's base has fewer members"))?;
        let encoded = self.encoder.encode(&content, Some(&decoded.content[range]))?;
        let place = self.add(&header.content, frame, encoded, &content, Some(&base))?;
        self.note(frame.location, id, place);
        Ok(())
    }

    /// The nearest content below a delta that lives.
    fn live_base(&mut self, location: Location) -> StoreResult<Option<LiveBase>> {
        let mut at = location;
        for _ in 0..=DELTA_DEPTH_MAX {
            let Some(base) = self.reader.base_of(at)? else { return Ok(None) };
            let (id, lives) = match self.old.member(base) {
                Some(member) => member,
                None => {
                    let id = self.id_at(base)?;
                    (id, self.live.contains(&id))
                }
            };
            if lives {
                let moved = self.moved.get(&base).copied();
                let now = match moved {
                    Some(place) => place,
                    None => Place { location: base, depth: self.header(base)?.depth() },
                };
                return Ok(Some(LiveBase { old: base, id, now, has_moved: moved.is_some() }));
            }
            at = base;
        }
        Err(StoreError::Codec("a chain of deltas is too long"))
    }

    fn id_at(&mut self, location: Location) -> StoreResult<ObjectId> {
        let decoded = self.reader.decode(location)?;
        if decoded.header.content == Content::ChunkList {
            return Ok(ChunkList::decode(&decoded.content)?.whole);
        }
        let range = decoded.header.member_range(location.member()).ok_or(StoreError::Codec("a delta's base has fewer members"))?;
        Ok(ObjectId::of(decoded.header.kind, &decoded.content[range]))
    }

    fn header(&self, location: Location) -> StoreResult<FrameHeader> {
        self.store.with_frame(location, |frame| Ok(frame.header))
    }

    /// Copies a frame, with its base's new place.
    fn copy(&mut self, from: Location, base: Option<&LiveBase>) -> StoreResult<Location> {
        let mut frame = self.store.with_frame(from, |frame| {
            let coding = match (&frame.header.coding, base) {
                (Coding::Raw, _) => PendingCoding::Raw,
                (Coding::Zstd, _) => PendingCoding::Zstd,
                (Coding::Delta { depth, .. }, Some(base)) => {
                    PendingCoding::Delta { base: base.now.location, base_id: base.id, depth: *depth }
                }
                (Coding::Delta { .. }, None) => return Err(StoreError::Codec("a delta has no base")),
            };
            let FrameHeader { kind, content, raw_bytes, .. } = frame.header;
            Ok(PendingFrame { kind, content, coding, raw_bytes, payload: frame.payload.to_vec(), ids: Vec::new() })
        })?;
        if self.effort == Effort::Recompress && frame.kind != ObjectKind::Record {
            self.compress_harder(&mut frame, from, base)?;
        }
        self.write(&frame, base)
    }

    /// Compresses what a frame holds anew against the same base, and takes that if it is smaller.
    fn compress_harder(&mut self, frame: &mut PendingFrame, from: Location, base: Option<&LiveBase>) -> StoreResult<()> {
        let content = self.reader.decode_whole(from)?.content;
        let prefix = match base {
            None => None,
            Some(base) => {
                let decoded = self.reader.decode(base.old)?;
                let range = decoded.header.member_range(base.old.member());
                Some(decoded.content[range.ok_or(StoreError::Codec("a delta's base has fewer members"))?].to_vec())
            }
        };
        let payload = match (frame.coding, self.encoder.encode(&content, prefix.as_deref())?) {
            (PendingCoding::Zstd, Encoded::Zstd(payload)) | (PendingCoding::Delta { .. }, Encoded::Delta(payload)) => payload,
            _ => return Ok(()),
        };
        if payload.len() < frame.payload.len() {
            frame.payload = payload;
        }
        Ok(())
    }

    fn add(&mut self, content: &Content, frame: &OldFrame, encoded: Encoded, bytes: &[u8], base: Option<&LiveBase>) -> StoreResult<Place> {
        let (coding, payload) = pending(encoded, bytes, base);
        let depth = match coding {
            PendingCoding::Delta { depth, .. } | PendingCoding::FarDelta { depth, .. } => depth,
            PendingCoding::Raw | PendingCoding::Zstd => 0,
        };
        let pending =
            PendingFrame { kind: frame.kind, content: content.clone(), coding, raw_bytes: bytes.len() as u32, payload, ids: Vec::new() };
        Ok(Place { location: self.write(&pending, base)?, depth })
    }

    fn write(&mut self, frame: &PendingFrame, base: Option<&LiveBase>) -> StoreResult<Location> {
        let offset = self.file.bytes();
        let location = Location::new(self.number, u32::try_from(offset).map_err(|_| StoreError::Full)?, 0);
        // A base that has not moved yet, though its segment goes, is named by its id.
        let is_base_here = base.is_some_and(|base| base.has_moved);
        let mut bytes = Vec::with_capacity(frame.payload.len() + 64);
        encode_frame(&frame.header(is_base_here.then_some((self.number, offset))), &frame.payload, &mut bytes);
        self.file.write(&bytes)?;
        Ok(location)
    }

    fn note(&mut self, from: Location, id: ObjectId, to: Place) {
        self.moved.insert(from, to);
        self.entries.push((id, to.location));
    }
}

fn pending(encoded: Encoded, content: &[u8], base: Option<&LiveBase>) -> (PendingCoding, Vec<u8>) {
    match (encoded, base) {
        (Encoded::Delta(payload), Some(base)) => {
            (PendingCoding::Delta { base: base.now.location, base_id: base.id, depth: base.now.depth + 1 }, payload)
        }
        (Encoded::Zstd(payload), _) => (PendingCoding::Zstd, payload),
        (Encoded::Raw | Encoded::Delta(_), _) => (PendingCoding::Raw, content.to_vec()),
    }
}
