//! Taking in packs of other stores. Every frame is decoded and every id computed before anything is published; until then what came
//! lies in temporary files and can be read like the rest of the store.
//!
//! Depths: a delta was made against a base of some depth in another store. Here the base may be deeper; then the delta's content is
//! stored alone, so that along each chain depths fall, as `format.md` wants it.

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
    lists: Vec<(ObjectKind, ObjectId)>,
}

impl<'s> Incoming<'s> {
    /// Nothing has come yet. The caller holds a pin, and nobody else takes packs in with the same [`Store`].
    pub fn new(store: &'s Store) -> StoreResult<Self> {
        let (files, frames, lists) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { store, reader: store.reader(), files, alone: None, encoder: Encoder::new()?, frames, lists })
    }

    /// Checks a pack, whose bytes are those of its id, and makes its objects readable. Their bases must be in it, in one before it, or in
    /// the store.
    ///
    /// # Errors
    /// Whatever is wrong with it; then everything that came is to be dropped.
    pub fn add(&mut self, file: TempFile) -> StoreResult<()> {
        let map = Arc::new(file.map()?);
        let adopted = self.store.segments.adopt(map.clone())?;
        let number = adopted.number();
        self.files.push((file, adopted));
        for frame in decode_pack(&map)? {
            self.add_frame(&map, number, &frame)?;
        }
        Ok(())
    }

    fn add_frame(&mut self, map: &Map, number: u32, entry: &PackFrame) -> StoreResult<()> {
        let bytes = &map[entry.offset as usize..][..entry.bytes as usize];
        let header = checked_header(bytes, entry)?;
        let location = Location::new(number, entry.offset, 0);
        if self.is_known(entry)? {
            return Ok(());
        }
        let fits = self.base_fits(location, &header)?;
        if self.reader.ids_in(location)? != entry.ids {
            return Err(malformed("its table names other objects than it holds"));
        }
        let location = if fits { location } else { self.store_alone(location, &header)? };
        if header.content == Content::ChunkList {
            self.lists.push((header.kind, entry.ids[0]));
        }
        let mut incoming = self.store.incoming.write().unwrap_or_else(PoisonError::into_inner);
        for (member, &id) in (0..).zip(&entry.ids) {
            incoming.entry(id).or_insert(Location::new(location.segment(), location.offset(), member));
        }
        drop(incoming);
        self.frames.push((location, entry.ids.clone()));
        Ok(())
    }

    /// Whether all objects of a frame are here already, whole. For chunk lists that is not asked, since their chunks may be coming.
    fn is_known(&mut self, entry: &PackFrame) -> StoreResult<bool> {
        for id in &entry.ids {
            if !self.store.seems_to_contain(id)? || self.reader.locate(entry.kind, id)?.is_none() {
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

    fn store_alone(&mut self, location: Location, header: &FrameHeader) -> StoreResult<Location> {
        let content = self.reader.decode_whole(location)?.content;
        let (coding, payload) = match self.encoder.encode(&content, None)? {
            Encoded::Zstd(payload) => (Coding::Zstd, payload),
            Encoded::Raw | Encoded::Delta(_) => (Coding::Raw, content.to_vec()),
        };
        let header = FrameHeader { coding, stored_bytes: payload.len() as u32, ..header.clone() };
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

    /// Checks that every large content that came has all its chunks and that they add up to it.
    pub fn check_large(&mut self) -> StoreResult<()> {
        for (kind, id) in std::mem::take(&mut self.lists) {
            self.reader.stream(kind, &id, &mut |_| Ok(()))?;
        }
        Ok(())
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
