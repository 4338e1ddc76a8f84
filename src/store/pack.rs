//! Packing objects for another store: their frames as they are, each with its base named by id.
//!
//! A delta is sent as one only if its base is sent too, or known to be on the other side; else the content stands alone. A group of
//! which less than half is wanted is not sent as a whole.

use std::collections::HashSet;

use super::codec::{Encoded, Encoder};
use super::{Location, Reader, Store, StoreError, StoreResult};
use crate::format::frame::{Base, Coding, Content, FrameHeader, encode_frame};
use crate::format::pack::PackBuilder;
use crate::format::remote::Stamp;
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{DELTA_DEPTH_MAX, PACK_BYTES_TARGET, PACK_OBJECTS_MAX};

/// Packs objects of a store.
pub struct Packer<'a> {
    store: &'a Store,
    reader: Reader<'a>,
    encoder: Encoder,
    builder: PackBuilder,
    wanted: HashSet<(ObjectKind, ObjectId)>,
    /// Whether the other side has a content that a delta may be made against.
    is_there: &'a dyn Fn(&ObjectId) -> bool,
    packed: HashSet<(ObjectKind, ObjectId)>,
}

impl<'a> Packer<'a> {
    /// Packs `wanted`, with a stamp, for a store that has what `is_there` says.
    pub fn new(
        store: &'a Store,
        wanted: HashSet<(ObjectKind, ObjectId)>,
        is_there: &'a dyn Fn(&ObjectId) -> bool,
        stamp: Stamp,
    ) -> StoreResult<Self> {
        let (reader, encoder, builder) = (store.reader(), Encoder::new()?, PackBuilder::new(stamp));
        Ok(Self { store, reader, encoder, builder, wanted, is_there, packed: HashSet::new() })
    }

    /// Adds one of the wanted objects, and its base before it. Gives a pack, and the number of objects in it, once one is full.
    ///
    /// # Errors
    /// [`StoreError::Missing`] and [`StoreError::Damaged`]: nothing is sent that is not what its id says.
    pub fn add(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<Option<(Vec<u8>, u64)>> {
        // The chain of deltas below it, as far as the other side lacks it.
        let mut chain = vec![*id];
        while let Some(base) = self.wanted_base(kind, &chain[chain.len() - 1])? {
            if chain.len() > usize::from(DELTA_DEPTH_MAX) {
                return Err(StoreError::Codec("a chain of deltas is too long"));
            }
            chain.push(base);
        }
        while let Some(id) = chain.pop() {
            if !self.packed.contains(&(kind, id)) {
                self.pack(kind, &id)?;
            }
        }
        let is_full = self.builder.bytes() >= PACK_BYTES_TARGET || self.builder.objects() >= PACK_OBJECTS_MAX;
        Ok(if is_full { self.finish() } else { None })
    }

    /// What was added since the last full pack; `None` when that is nothing.
    pub fn finish(&mut self) -> Option<(Vec<u8>, u64)> {
        self.builder.finish_if_any()
    }

    /// The base of an object that must be packed before it.
    fn wanted_base(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<Option<ObjectId>> {
        if self.packed.contains(&(kind, *id)) {
            return Ok(None);
        }
        let location = self.locate(kind, id)?;
        let base = self.base_id(location)?;
        Ok(base.filter(|base| self.wanted.contains(&(kind, *base)) && !self.packed.contains(&(kind, *base))))
    }

    /// Where a whole object is: its id has been computed.
    fn locate(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<Location> {
        self.reader.locate(kind, id)?.ok_or(StoreError::Missing { kind, id: *id })
    }

    fn base_id(&mut self, location: Location) -> StoreResult<Option<ObjectId>> {
        let header = self.store.with_frame(location, |frame| Ok(frame.header))?;
        match header.coding {
            Coding::Delta { base: Base::Far(id), .. } => Ok(Some(id)),
            Coding::Delta { .. } => match self.reader.base_of(location)? {
                None => Ok(None),
                Some(base) => Ok(self.reader.ids_in(base)?.get(usize::from(base.member())).copied()),
            },
            Coding::Raw | Coding::Zstd => Ok(None),
        }
    }

    fn pack(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<()> {
        let location = self.locate(kind, id)?;
        let header = self.store.with_frame(location, |frame| Ok(frame.header))?;
        match (&header.coding, &header.content) {
            (Coding::Delta { depth, .. }, _) => match self.base_id(location)? {
                Some(base) if self.packed.contains(&(kind, base)) || (self.is_there)(&base) => {
                    let coding = Coding::Delta { base: Base::Far(base), depth: *depth };
                    self.copy(location, FrameHeader { coding, ..header }, vec![*id])
                }
                _ => self.pack_alone(kind, id, location),
            },
            (_, Content::Group(lengths)) => {
                let ids = self.reader.ids_in(location)?;
                let is_wanted = |id: &ObjectId| self.wanted.contains(&(kind, *id)) && !self.packed.contains(&(kind, *id));
                let wanted_bytes: u64 = ids.iter().zip(lengths).filter(|(id, _)| is_wanted(id)).map(|(_, &bytes)| u64::from(bytes)).sum();
                let is_worth_it = 2 * wanted_bytes >= u64::from(header.raw_bytes);
                if is_worth_it { self.copy(location, header, ids) } else { self.pack_alone(kind, id, location) }
            }
            _ => self.copy(location, header, vec![*id]),
        }
    }

    /// Packs a frame as it is stored, with another header.
    fn copy(&mut self, location: Location, header: FrameHeader, ids: Vec<ObjectId>) -> StoreResult<()> {
        let payload = self.store.with_frame(location, |frame| Ok(frame.payload.to_vec()))?;
        self.push(&header, &payload, ids);
        Ok(())
    }

    fn pack_alone(&mut self, kind: ObjectKind, id: &ObjectId, location: Location) -> StoreResult<()> {
        let decoded = self.reader.decode(location)?;
        let range = decoded.header.member_range(location.member()).ok_or(StoreError::Codec("a frame has fewer members"))?;
        let content = &decoded.content[range];
        let (coding, payload) = match self.encoder.encode(content, None)? {
            Encoded::Zstd(payload) => (Coding::Zstd, payload),
            Encoded::Raw | Encoded::Delta(_) => (Coding::Raw, content.to_vec()),
        };
        let is_list = decoded.header.content == Content::ChunkList;
        let (content, raw_bytes) = (if is_list { Content::ChunkList } else { Content::Single }, content.len() as u32);
        let header = FrameHeader { kind, content, coding, raw_bytes, stored_bytes: payload.len() as u32 };
        self.push(&header, &payload, vec![*id]);
        Ok(())
    }

    fn push(&mut self, header: &FrameHeader, payload: &[u8], ids: Vec<ObjectId>) {
        let mut frame = Vec::with_capacity(payload.len() + 64);
        encode_frame(header, payload, &mut frame);
        self.packed.extend(ids.iter().map(|&id| (header.kind, id)));
        self.builder.push(header.kind, ids, &frame);
    }
}
