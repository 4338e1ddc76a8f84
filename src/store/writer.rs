//! Turns contents into frames of a batch: whole objects and deltas, groups, chunked large contents.

use std::io::Read;

use super::batch::{Batch, PendingCoding, PendingFrame};
use super::chunker::Chunker;
use super::codec::{Encoded, Encoder};
use super::decoded::ReaderState;
use super::{Location, Reader, Store, StoreError, StoreResult};
use crate::format::chunk_list::{Chunk, ChunkList};
use crate::format::frame::Content;
use crate::id::{IdHasher, ObjectId, ObjectKind};
use crate::limits::{DELTA_DEPTH_MAX, FRAME_RAW_BYTES_MAX, GROUP_MEMBERS_MAX, WHOLE_BYTES_MAX};

/// Whether an object of this many bytes is cut into chunks.
pub fn chunked(bytes: u64) -> bool {
    bytes > WHOLE_BYTES_MAX as u64
}

/// Puts objects into a batch; one for each thread.
pub struct Writer<'s> {
    store: &'s Store,
    batch: &'s Batch,
    reader: Reader<'s>,
    encoder: Encoder,
    mends: bool,
}

/// What a writer keeps from one batch to the next: frames that it has decoded, and the tables of its compressor.
#[derive(Debug)]
pub struct WriterState {
    reader: ReaderState,
    encoder: Encoder,
}

impl WriterState {
    /// Nothing kept yet.
    pub fn new() -> StoreResult<Self> {
        Ok(Self { reader: ReaderState::default(), encoder: Encoder::new()? })
    }
}

/// A content that a delta can be made against.
struct DeltaBase {
    location: Location,
    id: ObjectId,
    /// Deltas below the base.
    depth: u8,
    content: Vec<u8>,
}

impl<'s> Writer<'s> {
    /// A writer into a batch of the store.
    pub fn new(store: &'s Store, batch: &'s Batch) -> StoreResult<Self> {
        Ok(Self::resume(store, batch, WriterState::new()?))
    }

    /// A writer that goes on with what another one has kept.
    pub fn resume(store: &'s Store, batch: &'s Batch, state: WriterState) -> Self {
        Self { store, batch, reader: Reader::of_builder(store, state.reader), encoder: state.encoder, mends: false }
    }

    /// What the next writer can go on with.
    pub fn into_state(self) -> WriterState {
        WriterState { reader: self.reader.into_state(), encoder: self.encoder }
    }

    /// The same writer. If it mends, it reads in the store what it is given as the base too, and puts again what is damaged there.
    pub fn mending(self, mends: bool) -> Self {
        Self { mends, ..self }
    }

    /// Turns over a bit of one of the payloads that come.
    #[cfg(test)]
    pub(super) fn fail_at(&mut self, payloads: usize, bit: usize) {
        self.encoder.fault = Some((payloads, bit));
    }

    /// Whether store or batch have this object already; if not, the caller has now undertaken to put it.
    fn is_known(&mut self, kind: ObjectKind, id: &ObjectId) -> StoreResult<bool> {
        if self.store.seems_settled(id)? && self.reader.contains(kind, id)? && (!self.mends || self.reader.stands_firm(kind, id)) {
            return Ok(true);
        }
        Ok(!self.batch.claim(id))
    }

    /// Puts an object, as a delta against `base` where that is smaller. Gives its id.
    ///
    /// The base is of a version: a content that equals it is known. One that is not there, or cannot be read, is no error: the object
    /// is then stored alone.
    pub fn put(&mut self, kind: ObjectKind, content: &[u8], base: Option<&ObjectId>) -> StoreResult<ObjectId> {
        if chunked(content.len() as u64) {
            return Ok(self.put_stream(kind, content, base)?.0);
        }
        let id = ObjectId::of(kind, content);
        // A content of a former version may be at a remote only.
        let is_as_before = base == Some(&id) && !self.mends && self.store.seems_to_contain(&id)?;
        if !is_as_before && !self.is_known(kind, &id)? {
            let base = base.and_then(|base| self.base(kind, base));
            self.add(kind, Content::Single, id, content, base)?;
        }
        Ok(id)
    }

    /// Puts several small objects together, so that they share their context. Gives their ids.
    pub fn put_group(&mut self, kind: ObjectKind, contents: &[&[u8]]) -> StoreResult<Vec<ObjectId>> {
        let ids: Vec<ObjectId> = contents.iter().map(|content| ObjectId::of(kind, content)).collect();
        let (mut members, mut lengths, mut joined) = (Vec::new(), Vec::new(), Vec::new());
        for (content, id) in contents.iter().zip(&ids) {
            if self.is_known(kind, id)? {
                continue;
            }
            members.push(*id);
            lengths.push(content.len() as u32);
            joined.extend_from_slice(content);
            if members.len() == GROUP_MEMBERS_MAX {
                self.add_group(kind, std::mem::take(&mut members), std::mem::take(&mut lengths), &std::mem::take(&mut joined))?;
            }
        }
        self.add_group(kind, members, lengths, &joined)?;
        Ok(ids)
    }

    /// Puts a content that is read piece by piece. Gives its id and length in bytes. One of more than [`WHOLE_BYTES_MAX`]
    /// bytes is cut into chunks; each new chunk is a delta against the chunk that stood in its place in `base`.
    pub fn put_stream(&mut self, kind: ObjectKind, source: impl Read, base: Option<&ObjectId>) -> StoreResult<(ObjectId, u64)> {
        let old_list = base.and_then(|base| self.reader.chunk_list(kind, base).ok().flatten());
        let mut predecessors = Predecessors::new(old_list.as_ref().map(|(_, list)| list));
        let mut chunker = Chunker::new(source);
        let mut hasher = IdHasher::new(kind);
        let mut list = ChunkList { whole: ObjectId::ZERO, chunks: Vec::new() };
        while let Some(content) = chunker.next_chunk()? {
            hasher.update(content);
            let id = ObjectId::of(ObjectKind::Blob, content);
            let predecessor = predecessors.of(&id);
            let is_as_before = matches!(predecessor, Predecessor::Itself) && !self.mends && self.store.seems_to_contain(&id)?;
            if !is_as_before && !self.is_known(ObjectKind::Blob, &id)? {
                let base = match predecessor {
                    Predecessor::Other(base) => self.base(ObjectKind::Blob, &base),
                    Predecessor::Itself | Predecessor::None => None,
                };
                self.add(ObjectKind::Blob, Content::Single, id, content, base)?;
            }
            list.chunks.push(Chunk { id, bytes: content.len() as u32 });
        }
        list.whole = hasher.finish();
        if !self.is_known(kind, &list.whole)? {
            self.add_list(kind, &list, base.copied().zip(old_list.map(|(location, _)| location)))?;
        }
        Ok((list.whole, list.bytes()))
    }

    fn add_list(&mut self, kind: ObjectKind, list: &ChunkList, base: Option<(ObjectId, Location)>) -> StoreResult<()> {
        let content = list.encode();
        if content.len() > FRAME_RAW_BYTES_MAX {
            // How long the whole may be follows from how long its chunks are.
            let bytes_max = list.bytes() / content.len() as u64 * FRAME_RAW_BYTES_MAX as u64;
            return Err(StoreError::TooLarge { bytes: list.bytes(), bytes_max });
        }
        let base = base.and_then(|(id, location)| self.base_at(id, location));
        self.add(kind, Content::ChunkList, list.whole, &content, base)
    }

    fn add_group(&mut self, kind: ObjectKind, ids: Vec<ObjectId>, lengths: Vec<u32>, joined: &[u8]) -> StoreResult<()> {
        match ids.len() {
            0 => Ok(()),
            1 => self.add(kind, Content::Single, ids[0], joined, None),
            _ => {
                let (coding, payload) = encoded(self.encoder.encode(joined, None)?, joined, None);
                prove_ids(kind, &ids, &lengths, joined)?;
                let (content, raw_bytes) = (Content::Group(lengths), joined.len() as u32);
                self.batch.add(PendingFrame { kind, content, coding, raw_bytes, payload, ids })
            }
        }
    }

    fn add(&mut self, kind: ObjectKind, content: Content, id: ObjectId, bytes: &[u8], base: Option<DeltaBase>) -> StoreResult<()> {
        let encoding = self.encoder.encode(bytes, base.as_ref().map(|base| base.content.as_slice()))?;
        let (coding, payload) = encoded(encoding, bytes, base.as_ref());
        let raw_bytes = bytes.len() as u32;
        if content == Content::Single {
            prove_ids(kind, &[id], &[raw_bytes], bytes)?;
        }
        self.batch.add(PendingFrame { kind, content, coding, raw_bytes, payload, ids: vec![id] })
    }

    fn base(&mut self, kind: ObjectKind, id: &ObjectId) -> Option<DeltaBase> {
        let location = self.reader.locate(kind, id).ok()??;
        if self.mends && !self.reader.is_firm(location) {
            return None;
        }
        let base = self.base_at(*id, location)?;
        // A wrong base would only show when the delta is read: never build on one that is not what it should be.
        (ObjectId::of(kind, &base.content) == base.id).then_some(base)
    }

    /// The object at a location as a base. At the end of the longest allowed chain the frame at the chain's beginning takes its
    /// place: it still has most of the content, and the chain starts over.
    fn base_at(&mut self, id: ObjectId, location: Location) -> Option<DeltaBase> {
        let decoded = self.reader.decode(location).ok()?;
        let depth = decoded.header.depth();
        if depth < DELTA_DEPTH_MAX {
            let range = decoded.header.member_range(location.member())?;
            return Some(DeltaBase { location, id, depth, content: decoded.content[range].to_vec() });
        }
        let root = self.reader.chain_root(location).ok()?;
        let decoded = self.reader.decode(root).ok()?;
        let content = decoded.content[decoded.header.member_range(root.member())?].to_vec();
        let id = if decoded.header.content == Content::ChunkList {
            ChunkList::decode(&content).ok()?.whole
        } else {
            ObjectId::of(decoded.header.kind, &content)
        };
        Some(DeltaBase { location: root, id, depth: 0, content })
    }
}

/// Names contents, which stand one behind the other, by their bytes once more: what follows an id into the store is what the id says.
fn prove_ids(kind: ObjectKind, ids: &[ObjectId], lengths: &[u32], joined: &[u8]) -> StoreResult<()> {
    let mut rest = joined;
    for (id, &length) in ids.iter().zip(lengths) {
        let (content, behind) = rest.split_at(length as usize);
        if ObjectId::of(kind, content) != *id {
            return Err(StoreError::Unproven);
        }
        rest = behind;
    }
    Ok(())
}

fn encoded(encoding: Encoded, content: &[u8], base: Option<&DeltaBase>) -> (PendingCoding, Vec<u8>) {
    match (encoding, base) {
        (Encoded::Delta(payload), Some(base)) => {
            (PendingCoding::Delta { base: base.location, base_id: base.id, depth: base.depth + 1 }, payload)
        }
        (Encoded::Zstd(payload), _) => (PendingCoding::Zstd, payload),
        (Encoded::Raw | Encoded::Delta(_), _) => (PendingCoding::Raw, content.to_vec()),
    }
}

/// What stood in the place of a chunk.
enum Predecessor {
    /// The same chunk.
    Itself,
    Other(ObjectId),
    None,
}

/// Guesses which chunk of the old content a new chunk comes from: the one behind the last that was found again.
struct Predecessors<'a> {
    old: &'a [Chunk],
    next: usize,
}

impl<'a> Predecessors<'a> {
    /// How far ahead an old chunk is looked for, in chunks.
    const WINDOW: usize = 64;

    fn new(list: Option<&'a ChunkList>) -> Self {
        Self { old: list.map_or(&[], |list| &list.chunks), next: 0 }
    }

    fn of(&mut self, id: &ObjectId) -> Predecessor {
        let ahead = &self.old[self.next.min(self.old.len())..];
        if let Some(found) = ahead.iter().take(Self::WINDOW).position(|chunk| chunk.id == *id) {
            self.next += found + 1;
            return Predecessor::Itself;
        }
        self.next += 1;
        ahead.first().map_or(Predecessor::None, |chunk| Predecessor::Other(chunk.id))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::TestStore;
    use super::*;

    fn id(number: u32) -> ObjectId {
        ObjectId::of(ObjectKind::Blob, &number.to_le_bytes())
    }

    fn list(numbers: impl IntoIterator<Item = u32>, bytes: u32) -> ChunkList {
        ChunkList { whole: id(u32::MAX), chunks: numbers.into_iter().map(|number| Chunk { id: id(number), bytes }).collect() }
    }

    #[test]
    fn a_list_of_more_chunks_than_a_frame_holds_is_refused_with_a_limit_that_is_true() {
        let test = TestStore::new();
        let store = test.open();
        let batch = store.batch().unwrap();
        let mut writer = Writer::new(&store, &batch).unwrap();
        // An id of 32 bytes and a length of two or three each, behind the id of the whole: just as many as there is room for.
        let chunk = |bytes| Chunk { id: ObjectId::ZERO, bytes };
        let room = FRAME_RAW_BYTES_MAX - ObjectId::BYTES;
        let chunks = room.div_ceil(ObjectId::BYTES + 3);
        let mut list = ChunkList { whole: ObjectId::ZERO, chunks: vec![chunk(100_000); chunks] };
        list.chunks[..chunks * (ObjectId::BYTES + 3) - room].fill(chunk(200));
        writer.add_list(ObjectKind::Blob, &list, None).unwrap();
        list.chunks[0] = chunk(100_000);
        match writer.add_list(ObjectKind::Blob, &list, None) {
            Err(StoreError::TooLarge { bytes, bytes_max }) => {
                assert_eq!(bytes, list.bytes());
                assert!(bytes_max < bytes && bytes_max > bytes / 1000 * 999, "{bytes_max} of {bytes}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_named_wrongly_is_not_put() {
        let ids = [ObjectId::of(ObjectKind::Blob, b"one"), ObjectId::of(ObjectKind::Blob, b"other")];
        prove_ids(ObjectKind::Blob, &ids, &[3, 5], b"oneother").unwrap();
        for (ids, content) in [(ids, b"onEother"), (ids, b"oneotheR"), ([ids[1], ids[0]], b"oneother")] {
            assert!(matches!(prove_ids(ObjectKind::Blob, &ids, &[3, 5], content), Err(StoreError::Unproven)));
        }
        let test = TestStore::new();
        let store = test.open();
        let batch = store.batch().unwrap();
        let mut writer = Writer::new(&store, &batch).unwrap();
        assert!(matches!(writer.add(ObjectKind::Blob, Content::Single, ids[0], b"other", None), Err(StoreError::Unproven)));
        assert!(matches!(writer.add_group(ObjectKind::Blob, ids.to_vec(), vec![3, 5], b"onEother"), Err(StoreError::Unproven)));
        assert_eq!(store.publish(batch, b"record").unwrap().objects, 0);
    }

    #[test]
    fn a_chunk_is_looked_for_behind_the_last_that_was_found() {
        let old = list(0..200, 1);
        let mut predecessors = Predecessors::new(Some(&old));
        let mut of = |number: u32| match predecessors.of(&id(number)) {
            Predecessor::Itself => "itself".to_owned(),
            Predecessor::Other(other) => (0..200).find(|&number| id(number) == other).unwrap().to_string(),
            Predecessor::None => "none".to_owned(),
        };
        assert_eq!([0, 3, 4].map(&mut of), ["itself", "itself", "itself"]);
        assert_eq!([1000, 1001, 7].map(&mut of), ["5", "6", "itself"], "two have changed");
        assert_eq!([71, 72 + 64, 73 + 63, 0].map(&mut of), ["itself", "72", "itself", "137"], "as far as is looked");
        assert_eq!([199, 199, 138].map(&mut of), ["itself", "none", "none"], "the end");
    }
}
