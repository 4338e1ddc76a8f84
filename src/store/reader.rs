//! Reads objects: finds their frames, decodes chains of deltas, and checks every object against its id.

use std::sync::Arc;

use super::decoded::{Decoded, Extent, ReaderState};
use super::{Location, Store, StoreError, StoreResult};
use crate::disk::Map;
use crate::format::chunk_list::ChunkList;
use crate::format::frame::{Base, Coding, Content, Frame};
use crate::format::tree::Tree;
use crate::id::{IdHasher, ObjectId, ObjectKind};
use crate::limits::DELTA_DEPTH_MAX;

/// Takes the pieces of a content.
pub type Sink<'a> = dyn FnMut(&[u8]) -> std::io::Result<()> + 'a;

/// Reads objects of a store; one for each thread.
#[derive(Debug)]
pub struct Reader<'s> {
    store: &'s Store,
    state: ReaderState,
    /// Finds only what something can be built upon.
    is_builder: bool,
}

impl<'s> Reader<'s> {
    pub(super) fn new(store: &'s Store, state: ReaderState) -> Self {
        Self { store, state, is_builder: false }
    }

    /// A reader for those who store only what is not there: see [`Store::seems_settled`].
    pub(super) fn of_builder(store: &'s Store, state: ReaderState) -> Self {
        Self { store, state, is_builder: true }
    }

    fn candidates(&self, id: &ObjectId) -> Vec<Location> {
        if self.is_builder { self.store.settled_candidates(id) } else { self.store.candidates(id) }
    }

    pub(super) fn into_state(self) -> ReaderState {
        self.state
    }

    /// The whole content of an object of at most `bytes_max` bytes.
    pub fn read(&mut self, kind: ObjectKind, id: &ObjectId, bytes_max: u64) -> StoreResult<Vec<u8>> {
        let mut content = Vec::new();
        let mut too_large = None;
        let result = self.stream(kind, id, &mut |piece| {
            let bytes = (content.len() + piece.len()) as u64;
            if bytes > bytes_max {
                too_large = Some(bytes);
                return Err(std::io::ErrorKind::FileTooLarge.into());
            }
            content.extend_from_slice(piece);
            Ok(())
        });
        if let Some(bytes) = too_large {
            return Err(StoreError::TooLarge { bytes, bytes_max });
        }
        result.map(|()| content)
    }

    /// A tree, of which much may stand in another one as well: see [`Tree::decode_beside`].
    pub fn tree_beside(&mut self, id: &ObjectId, other: &Tree) -> StoreResult<Tree> {
        let bytes = self.read(ObjectKind::Tree, id, u64::MAX)?;
        Tree::decode_beside(&bytes, other).map_err(|error| damaged(ObjectKind::Tree, id, &error.to_string()))
    }

    /// Hands the content of an object to `sink` in pieces. Only when this succeeds were the pieces the object's content:
    /// what has been passed on before an error must be thrown away.
    pub fn stream(&mut self, kind: ObjectKind, id: &ObjectId, sink: &mut Sink<'_>) -> StoreResult<()> {
        match self.find(kind, id)? {
            Verified::Object(decoded, range) => sink(&decoded.content[range]).map_err(StoreError::Sink),
            Verified::Chunks(list) => self.stream_chunks(kind, id, &list, sink),
        }
    }

    /// The content that a chunk list is said to be of, piece by piece, held against its id in the end.
    pub(super) fn stream_chunks(&mut self, kind: ObjectKind, id: &ObjectId, list: &ChunkList, sink: &mut Sink<'_>) -> StoreResult<()> {
        let mut hasher = IdHasher::new(kind);
        for chunk in &list.chunks {
            let Verified::Object(decoded, range) = self.find(ObjectKind::Blob, &chunk.id)? else {
                return Err(damaged(kind, id, "a chunk is a chunk list itself"));
            };
            let piece = &decoded.content[range];
            if piece.len() != chunk.bytes as usize {
                return Err(damaged(kind, id, "a chunk has another length than its list says"));
            }
            hasher.update(piece);
            sink(piece).map_err(StoreError::Sink)?;
        }
        if hasher.finish() == *id { Ok(()) } else { Err(damaged(kind, id, "its chunks do not add up to it")) }
    }

    /// Whether an object is there, whole.
    pub(super) fn contains(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<bool> {
        match self.stream(kind, id, &mut |_| Ok(())) {
            Ok(()) => Ok(true),
            Err(StoreError::Disk(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    /// Whether a content that is here can have so many bytes, by what is said of it where it lies. The content is not read; what cannot
    /// be read says nothing against it.
    pub fn may_have_length(&mut self, id: &ObjectId, bytes: u64) -> bool {
        self.candidates(id).into_iter().any(|location| self.length_at(location).map_or(true, |found| found == bytes))
    }

    fn length_at(&mut self, location: Location) -> StoreResult<u64> {
        let header = self.store.with_frame(location, |frame| Ok(frame.header))?;
        Ok(match header.content {
            Content::ChunkList => ChunkList::decode(&self.decode_whole(location)?.content)?.bytes(),
            _ => header.member_range(location.member()).map_or(0, |range| range.len() as u64),
        })
    }

    /// The ids of the chunks of an object, in order; none when it is stored whole.
    pub fn chunks(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<Vec<ObjectId>> {
        match self.find(kind, id)? {
            Verified::Object(..) => Ok(Vec::new()),
            Verified::Chunks(list) => Ok(list.chunks.iter().map(|chunk| chunk.id).collect()),
        }
    }

    /// The ids of the objects in a frame, computed from the contents.
    pub(super) fn ids_in(&mut self, location: Location) -> StoreResult<Vec<ObjectId>> {
        let decoded = self.decode_whole(location)?;
        if decoded.header.content == Content::ChunkList {
            return Ok(vec![ChunkList::decode(&decoded.content)?.whole]);
        }
        let ranges = (0..decoded.header.members() as u16).filter_map(|member| decoded.header.member_range(member));
        Ok(ranges.map(|range| ObjectId::of(decoded.header.kind, &decoded.content[range])).collect())
    }

    /// The decoded frame of an object, or its chunk list, wherever it is.
    fn find(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<Verified> {
        let may_be_elsewhere = |found: &StoreResult<Verified>| found.as_ref().is_err_and(StoreError::is_damage);
        let mut found = self.verified_frame(kind, id);
        // A collection may have moved it.
        if may_be_elsewhere(&found) && self.store.refresh()? {
            found = self.verified_frame(kind, id);
        }
        // Whoever named it may know of a push that the index does not know yet.
        if may_be_elsewhere(&found) && self.store.follow()? {
            found = self.verified_frame(kind, id);
        }
        // The index may be what is wrong: look for the object in the segments themselves, once.
        if may_be_elsewhere(&found) && self.store.rescue_index()? {
            self.state = ReaderState::default();
            found = self.verified_frame(kind, id);
        }
        found
    }

    /// The decoded frame of an object, or its chunk list, held against the id.
    fn verified_frame(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<Verified> {
        let mut last_error = StoreError::Missing { kind, id: *id };
        for location in self.candidates(id) {
            match self.verified_at(kind, id, location) {
                Ok(found) => return Ok(found),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }

    fn verified_at(&mut self, kind: ObjectKind, id: &ObjectId, location: Location) -> StoreResult<Verified> {
        let decoded = self.decode(location)?;
        hold_against(decoded, location.member(), kind, id)
    }

    /// Where an object is; its id is computed. For a chunked object, its list is what is looked at.
    pub(super) fn locate(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<Option<Location>> {
        for location in self.candidates(id) {
            match self.verified_at(kind, id, location) {
                Ok(_) => return Ok(Some(location)),
                Err(StoreError::Disk(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Whether an object, or its list, is somewhere in frames that are as they were written, down the chain of its deltas. What is readable
    /// though a checksum is wrong can be lost with the index.
    pub(super) fn stands_firm(&mut self, kind: ObjectKind, id: &ObjectId) -> bool {
        self.candidates(id).into_iter().any(|location| self.is_firm(location) && self.verified_at(kind, id, location).is_ok())
    }

    /// Whether a frame and those below it are as they were written.
    pub(super) fn is_firm(&mut self, location: Location) -> bool {
        let mut next = Some(location);
        for _ in 0..=DELTA_DEPTH_MAX {
            let Some(location) = next else { return true };
            if !self.store.is_as_written(location) {
                return false;
            }
            match self.base_of(location) {
                Ok(base) => next = base,
                Err(_) => return false,
            }
        }
        next.is_none()
    }

    /// The chunk list of an object and where it is; `None` when it is stored whole or not at all.
    pub(super) fn chunk_list(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<Option<(Location, ChunkList)>> {
        let Some(location) = self.locate(kind, id)? else { return Ok(None) };
        let decoded = self.decode(location)?;
        Ok(match decoded.header.content {
            Content::ChunkList => Some((location, ChunkList::decode(&decoded.content)?)),
            _ => None,
        })
    }

    /// Decodes the frame at a location at least up to the end of the object there.
    pub(super) fn decode(&mut self, location: Location) -> StoreResult<Decoded> {
        self.decode_chain(location, Extent::Member(location.member()))
    }

    /// Decodes all of the frame at a location.
    pub(super) fn decode_whole(&mut self, location: Location) -> StoreResult<Decoded> {
        self.decode_chain(location, Extent::Whole)
    }

    /// Decodes what can be decoded of the frame at a location: of a group perhaps only the first objects.
    pub(super) fn decode_readable(&mut self, location: Location) -> StoreResult<Decoded> {
        self.decode_chain(location, Extent::Readable)
    }

    /// Decodes a frame, and the frames its deltas need, without recursion.
    fn decode_chain(&mut self, location: Location, extent: Extent) -> StoreResult<Decoded> {
        self.state.forget_before(self.store.known_collections());
        // The deltas from the frame asked for downwards, and the base of each; `last` stands alone or is at hand.
        let mut deltas: Vec<(Location, BasePlace)> = Vec::new();
        let mut last = location;
        let mut decoded = loop {
            let extent = if deltas.is_empty() { extent } else { Extent::Member(last.member()) };
            if let Some(decoded) = self.state.kept(last.frame(), extent) {
                break decoded;
            }
            if deltas.len() > usize::from(DELTA_DEPTH_MAX) {
                return Err(StoreError::Codec("a chain of deltas is too long"));
            }
            let Some(base) = self.base_place(last)? else { break self.decode_frame(last, extent, None)? };
            deltas.push((last, base));
            last = base.location;
        };
        while let Some((delta, base)) = deltas.pop() {
            let member = base.location.member();
            if let Some(id) = base.id {
                hold_against(decoded.clone(), member, decoded.header.kind, &id)?;
            }
            let range = decoded.header.member_range(member).ok_or(StoreError::Codec("a delta's base has fewer members"))?;
            decoded = self.decode_frame(delta, Extent::Whole, Some(&decoded.content[range]))?;
        }
        Ok(decoded)
    }

    /// The frame that stands alone at the beginning of a frame's chain of deltas.
    pub(super) fn chain_root(&mut self, location: Location) -> StoreResult<Location> {
        let mut root = location;
        for _ in 0..=DELTA_DEPTH_MAX {
            match self.base_of(root)? {
                Some(base) => root = base,
                None => return Ok(root),
            }
        }
        Err(StoreError::Codec("a chain of deltas is too long"))
    }

    /// Where the base of a frame's delta is; `None` for a frame that stands alone.
    pub(super) fn base_of(&mut self, location: Location) -> StoreResult<Option<Location>> {
        Ok(self.base_place(location)?.map(|base| base.location))
    }

    fn base_place(&mut self, location: Location) -> StoreResult<Option<BasePlace>> {
        let header = self.store.with_frame(location, |frame| Ok(frame.header))?;
        match header.coding {
            Coding::Raw | Coding::Zstd => Ok(None),
            Coding::Delta { base: Base::Far(id), depth } => {
                Ok(Some(BasePlace { location: self.far_base(header.kind, &id, depth)?, id: Some(id) }))
            }
            Coding::Delta { base: Base::Near { distance, member }, .. } => u64::from(location.offset())
                .checked_sub(distance)
                .map(|offset| Some(BasePlace { location: Location::new(location.segment(), offset as u32, member), id: None }))
                .ok_or(StoreError::Codec("a delta's base lies before its segment")),
        }
    }

    /// Where the base of a delta of this depth is, which stands in another segment. Only where several ids begin alike must the
    /// contents decide. Each step down a chain must have a smaller depth, so that no store, however made, leads round in circles.
    fn far_base(&mut self, kind: ObjectKind, id: &ObjectId, depth: u8) -> StoreResult<Location> {
        let mut candidates = self.candidates(id);
        if let [location] = candidates[..] {
            return Ok(location);
        }
        candidates.retain(|&location| self.store.with_frame(location, |frame| Ok(frame.header.depth())).is_ok_and(|found| found < depth));
        let found = candidates.into_iter().find(|&location| self.verified_at(kind, id, location).is_ok());
        found.ok_or(StoreError::Missing { kind, id: *id })
    }

    fn decode_frame(&mut self, location: Location, extent: Extent, prefix: Option<&[u8]>) -> StoreResult<Decoded> {
        let Self { store, state, .. } = self;
        store.with_frame(location, |frame| state.decode(location.frame(), frame, extent, prefix))
    }
}

impl Store {
    /// Whether the frame at a location has the checksum that was written.
    fn is_as_written(&self, location: Location) -> bool {
        let map = self.segments.map(location.segment(), u64::from(location.offset())).ok().flatten();
        map.and_then(|map| Some(Frame::parse_checked(map.get(location.offset() as usize..)?).is_ok())).unwrap_or(false)
    }

    /// Does something with the frame at a location, whose checksum is not looked at.
    pub(super) fn with_frame<T>(&self, location: Location, work: impl FnOnce(Frame<'_>) -> StoreResult<T>) -> StoreResult<T> {
        let offset = u64::from(location.offset());
        let map: Arc<Map> = self.segments.map(location.segment(), offset)?.ok_or(StoreError::Codec("a segment is not there"))?;
        let bytes = map.get(location.offset() as usize..).ok_or(StoreError::Codec("a segment ends before the frame"))?;
        let frame = Frame::parse(bytes)?;
        self.segments.note_read(frame.frame_bytes as u64);
        work(frame)
    }
}

/// Where a delta's base is.
#[derive(Clone, Copy)]
struct BasePlace {
    location: Location,
    /// Its id, if the delta names that and the index said where it is. Against a wrong base anything would be decoded, and who does not
    /// know what should come out, as a check or a collection, would take it for the content.
    id: Option<ObjectId>,
}

enum Verified {
    Object(Decoded, std::ops::Range<usize>),
    Chunks(ChunkList),
}

/// Whether a decoded frame has an object of this id, computed from what it holds.
fn hold_against(decoded: Decoded, member: u16, kind: ObjectKind, id: &ObjectId) -> StoreResult<Verified> {
    if decoded.header.kind != kind {
        return Err(damaged(kind, id, "its frame holds another kind of object"));
    }
    if decoded.header.content == Content::ChunkList {
        let list = ChunkList::decode(&decoded.content)?;
        let is_it = list.whole == *id;
        return if is_it { Ok(Verified::Chunks(list)) } else { Err(damaged(kind, id, "its chunk list is that of another object")) };
    }
    let range = decoded.header.member_range(member).ok_or_else(|| damaged(kind, id, "its frame has fewer members"))?;
    if ObjectId::of(kind, &decoded.content[range.clone()]) != *id {
        return Err(damaged(kind, id, "its content has another id"));
    }
    Ok(Verified::Object(decoded, range))
}

fn damaged(kind: ObjectKind, id: &ObjectId, why: &str) -> StoreError {
    StoreError::Damaged { kind, id: *id, why: why.to_owned() }
}
