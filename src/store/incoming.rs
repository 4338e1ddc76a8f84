//! Taking in packs of other stores. Every frame is decoded and every id computed before anything is published; until then what came
//! lies in temporary files and can be read like the rest of the store.
//!
//! What is wanting: a machine need not have every content. A frame whose base, or whose chunks, are elsewhere and known to be there is
//! given back instead of taken in; then it is not here either.
//!
//! Depths: a delta was made against a base of some depth in another store. Here the base may be deeper; then the delta's content is
//! stored alone, so that along each chain depths fall, as `format.md` wants it.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use super::batch::{PendingCoding, PendingFrame};
use super::codec::{Encoded, Encoder};
use super::segments::Adopted;
use super::{Batch, Location, Reader, Store, StoreError, StoreResult};
use crate::disk::{Map, TempFile};
use crate::format::FormatError;
use crate::format::frame::{Base, Coding, Content, Frame, FrameHeader, encode_frame};
use crate::format::pack::{PackFrame, decode_pack};
use crate::id::{ObjectId, ObjectKind};

const WHAT: &str = "pack";

/// A frame that came and is not taken in, because it needs what is known to be elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// In which of the files, in the order in which they were added.
    pub file: usize,
    /// The frame.
    pub frame: PackFrame,
    /// What it is a delta against.
    pub base: Option<ObjectId>,
}

/// A chunk list that came.
struct List {
    location: Location,
    waiting: Waiting,
}

/// Packs that are being taken in. Dropped before [`Incoming::fill`], it leaves no trace.
pub struct Incoming<'s> {
    store: &'s Store,
    reader: Reader<'s>,
    files: Vec<(TempFile, Adopted<'s>)>,
    /// Contents that are stored alone because their deltas do not fit here.
    alone: Option<(TempFile, Adopted<'s>)>,
    encoder: Encoder,
    /// What is to be published, in order.
    frames: Vec<(Location, Vec<ObjectId>)>,
    lists: Vec<List>,
    /// Objects that came and are not taken in.
    waiting: HashSet<ObjectId>,
    /// Objects that are not to be stored, though others may be deltas against them.
    unwanted: HashSet<ObjectId>,
}

impl<'s> Incoming<'s> {
    /// Nothing has come yet. The caller holds a pin, and nobody else takes packs in with the same [`Store`].
    /// What is `unwanted` does not become part of the store.
    pub fn new(store: &'s Store, unwanted: HashSet<ObjectId>) -> StoreResult<Self> {
        let (files, frames, lists, waiting) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
        Ok(Self { store, reader: store.reader(), files, alone: None, encoder: Encoder::new()?, frames, lists, waiting, unwanted })
    }

    /// Checks a pack, whose bytes are those of its id, and makes its objects readable. Their bases must be in it, in one before it, or in
    /// the store; or else `is_elsewhere`, and then the frames that need them are given back.
    ///
    /// # Errors
    /// Whatever is wrong with it; then everything that came is to be dropped.
    pub fn add(&mut self, file: TempFile, is_elsewhere: &dyn Fn(&ObjectId) -> bool) -> StoreResult<Vec<Waiting>> {
        let number = self.adopt(file)?;
        let map = self.map_of(number)?;
        let mut waiting = Vec::new();
        for frame in decode_pack(&map)? {
            waiting.extend(self.add_frame(number, u64::from(frame.offset), &frame, is_elsewhere)?);
        }
        Ok(waiting)
    }

    /// Makes a file with parts of packs readable, of which nothing is known yet. Gives its place among the files.
    pub fn adopt(&mut self, file: TempFile) -> StoreResult<usize> {
        let adopted = self.store.segments.adopt(Arc::new(file.map()?))?;
        self.files.push((file, adopted));
        Ok(self.files.len() - 1)
    }

    /// Checks a frame that begins at `offset` of a file and makes its objects readable. Its base must be here already.
    pub fn add_part(&mut self, file: usize, offset: u64, frame: &PackFrame) -> StoreResult<()> {
        self.add_frame(file, offset, frame, &|_| false).map(drop)
    }

    fn map_of(&self, file: usize) -> StoreResult<Arc<Map>> {
        let number = self.files.get(file).map_or(0, |(_, adopted)| adopted.number());
        self.store.segments.map(number, 0)?.ok_or(StoreError::Codec("a pack is not there"))
    }

    fn add_frame(
        &mut self,
        file: usize,
        offset: u64,
        entry: &PackFrame,
        is_elsewhere: &dyn Fn(&ObjectId) -> bool,
    ) -> StoreResult<Option<Waiting>> {
        let (map, number) = (self.map_of(file)?, self.files[file].1.number());
        let offset = u32::try_from(offset).map_err(|_| StoreError::Full)?;
        let end = (offset as usize).saturating_add(entry.bytes as usize);
        let bytes = map.get(offset as usize..end).ok_or(malformed("a frame lies beyond its end"))?;
        let header = checked_header(bytes, entry)?;
        let location = Location::new(number, offset, 0);
        if self.is_known(entry)? {
            return Ok(None);
        }
        let base = if let Coding::Delta { base: Base::Far(id), .. } = header.coding { Some(id) } else { None };
        let waiting = Waiting { file, frame: entry.clone(), base };
        if let Some(base) = base.filter(|base| self.waiting.contains(base) || !self.store.seems_settled(base).unwrap_or(true)) {
            if header.kind != ObjectKind::Blob || !(self.waiting.contains(&base) || is_elsewhere(&base)) {
                return Err(StoreError::Missing { kind: header.kind, id: base });
            }
            self.waiting.extend(entry.ids.iter().copied());
            return Ok(Some(waiting));
        }
        let fits = base.is_none_or(|base| !self.unwanted.contains(&base)) && self.base_fits(location, &header)?;
        if self.reader.ids_in(location)? != entry.ids {
            return Err(malformed("its table names other objects than it holds"));
        }
        if entry.ids.iter().any(|id| self.unwanted.contains(id)) {
            return self.pass_over(location, &header, waiting);
        }
        let location = if fits { location } else { self.store_alone(location, &header, 0)? };
        if header.content == Content::ChunkList {
            self.lists.push(List { location, waiting });
        }
        self.make_readable(location, &entry.ids);
        self.frames.push((location, entry.ids.clone()));
        Ok(None)
    }

    fn make_readable(&self, location: Location, ids: &[ObjectId]) {
        let mut incoming = self.store.incoming.write().unwrap_or_else(PoisonError::into_inner);
        for (member, &id) in (0..).zip(ids) {
            incoming.entry(id).or_insert(location.with_member(member));
        }
    }

    /// Makes a frame readable for deltas and takes in only what is wanted of it.
    fn pass_over(&mut self, location: Location, header: &FrameHeader, waiting: Waiting) -> StoreResult<Option<Waiting>> {
        for (member, id) in (0..).zip(&waiting.frame.ids) {
            if !self.unwanted.contains(id) {
                let alone = self.store_alone(location.with_member(member), header, member)?;
                self.make_readable(alone, &[*id]);
                self.frames.push((alone, vec![*id]));
            }
        }
        self.make_readable(location, &waiting.frame.ids);
        Ok(Some(waiting))
    }

    /// Whether all objects of a frame are here already, whole. For chunk lists that is not asked, since their chunks may be coming.
    fn is_known(&mut self, entry: &PackFrame) -> StoreResult<bool> {
        for id in &entry.ids {
            if !self.store.seems_settled(id)? || self.reader.locate(entry.kind, id)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a frame's base, if it has one, has a smaller depth than it.
    fn base_fits(&mut self, location: Location, header: &FrameHeader) -> StoreResult<bool> {
        match self.reader.base_of(location)? {
            None => Ok(true),
            Some(base) => Ok(self.store.with_frame(base, |frame| Ok(frame.header.depth()))? < header.depth()),
        }
    }

    /// Stores one object of a frame as a frame that stands alone.
    fn store_alone(&mut self, location: Location, header: &FrameHeader, member: u16) -> StoreResult<Location> {
        let decoded = self.reader.decode_whole(location)?;
        let range = header.member_range(member).ok_or(StoreError::Codec("a frame has fewer members"))?;
        let content = &decoded.content[range];
        let (coding, payload) = match self.encoder.encode(content, None)? {
            Encoded::Zstd(payload) => (Coding::Zstd, payload),
            Encoded::Raw | Encoded::Delta(_) => (Coding::Raw, content.to_vec()),
        };
        let is_list = header.content == Content::ChunkList;
        let (content, raw_bytes) = (if is_list { Content::ChunkList } else { Content::Single }, content.len() as u32);
        let header = FrameHeader { kind: header.kind, content, coding, raw_bytes, stored_bytes: payload.len() as u32 };
        let mut bytes = Vec::new();
        encode_frame(&header, &payload, &mut bytes);
        let (mut file, adopted) = match self.alone.take() {
            Some(last) => last,
            None => {
                let file = self.store.tmp.temp_file()?;
                let adopted = self.store.segments.adopt(Arc::new(file.map()?))?;
                (file, adopted)
            }
        };
        let offset = u32::try_from(file.bytes()).map_err(|_| StoreError::Full)?;
        file.write(&bytes)?;
        adopted.replace(Arc::new(file.map()?));
        let location = Location::new(adopted.number(), offset, 0);
        self.alone = Some((file, adopted));
        Ok(location)
    }

    /// The chunks that are not here of the large contents that came.
    pub fn wanting_chunks(&mut self) -> StoreResult<Vec<ObjectId>> {
        let mut wanting = Vec::new();
        for list in &self.lists {
            for chunk in self.reader.chunks(list.waiting.frame.kind, &list.waiting.frame.ids[0])? {
                if !self.store.seems_settled(&chunk)? {
                    wanting.push(chunk);
                }
            }
        }
        Ok(wanting)
    }

    /// Checks that every large content that came has all its chunks and that they add up to it. One that lacks chunks which are
    /// elsewhere is given back.
    pub fn check_large(&mut self, is_elsewhere: &dyn Fn(&ObjectId) -> bool) -> StoreResult<Vec<Waiting>> {
        let (mut waiting, mut given_back) = (Vec::new(), HashSet::new());
        for list in std::mem::take(&mut self.lists) {
            let (kind, id) = (list.waiting.frame.kind, list.waiting.frame.ids[0]);
            let needs_waiting = list.waiting.base.is_some_and(|base| self.waiting.contains(&base));
            if needs_waiting || kind == ObjectKind::Blob && self.lacks_chunks(kind, &id, is_elsewhere)? {
                self.waiting.insert(id);
                self.store.incoming.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
                given_back.insert(list.location);
                waiting.push(list.waiting);
            } else {
                self.reader.stream(kind, &id, &mut |_| Ok(()))?;
            }
        }
        self.frames.retain(|(location, _)| !given_back.contains(location));
        // Nothing more is made against them.
        let mut incoming = self.store.incoming.write().unwrap_or_else(PoisonError::into_inner);
        self.unwanted.iter().for_each(|id| _ = incoming.remove(id));
        Ok(waiting)
    }

    /// Whether a large content lacks chunks, all of which are elsewhere.
    fn lacks_chunks(&mut self, kind: ObjectKind, id: &ObjectId, is_elsewhere: &dyn Fn(&ObjectId) -> bool) -> StoreResult<bool> {
        let mut lacks = false;
        for chunk in self.reader.chunks(kind, id)? {
            if !self.store.seems_settled(&chunk)? {
                if !is_elsewhere(&chunk) && !self.waiting.contains(&chunk) {
                    return Err(StoreError::Missing { kind: ObjectKind::Blob, id: chunk });
                }
                lacks = true;
            }
        }
        Ok(lacks)
    }

    /// Puts what came into a batch, to be published with the records that refer to it.
    pub fn fill(&self, batch: &Batch) -> StoreResult<()> {
        for (location, ids) in &self.frames {
            batch.add(self.store.with_frame(*location, |frame| pending(frame, ids.clone()))?)?;
        }
        Ok(())
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        self.store.incoming.write().unwrap_or_else(PoisonError::into_inner).clear();
        // They may have decoded frames under numbers that others will have.
        self.store.idle_readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn pending(frame: Frame<'_>, ids: Vec<ObjectId>) -> StoreResult<PendingFrame> {
    let FrameHeader { kind, content, coding, raw_bytes, .. } = frame.header;
    let coding = match coding {
        Coding::Raw => PendingCoding::Raw,
        Coding::Zstd => PendingCoding::Zstd,
        Coding::Delta { base: Base::Far(base_id), depth } => PendingCoding::FarDelta { base_id, depth },
        Coding::Delta { .. } => return Err(malformed("a base is named by its place")),
    };
    Ok(PendingFrame { kind, content, coding, raw_bytes, payload: frame.payload.to_vec(), ids })
}

/// The header of a frame, which is what the table says and refers to nothing by its place.
fn checked_header(bytes: &[u8], entry: &PackFrame) -> StoreResult<FrameHeader> {
    let frame = Frame::parse_checked(bytes)?;
    if frame.frame_bytes != bytes.len() || frame.header.kind != entry.kind || frame.header.members() != entry.ids.len() {
        return Err(malformed("its table does not fit its frames"));
    }
    if let Coding::Delta { base: Base::Near { .. }, .. } = frame.header.coding {
        return Err(malformed("a base is named by its place"));
    }
    Ok(frame.header)
}

fn malformed(why: &'static str) -> StoreError {
    StoreError::Format(FormatError::Malformed { what: WHAT, why })
}
