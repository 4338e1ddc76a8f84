//! What each object takes in the segments, from the index and the headers of the frames: no content is decoded but chunk lists.

use std::collections::HashMap;
use std::sync::PoisonError;

use crate::format::frame::{Content, FrameHeader};
use crate::format::index::IdPrefix;
use crate::id::{ObjectId, ObjectKind};
use crate::store::{Location, Store, StoreResult};

/// What objects take. About 50 bytes for each.
#[derive(Debug, Default)]
pub struct Costs {
    /// Stored bytes of objects, by the beginnings of their ids. A group's bytes are shared out by the lengths of the contents.
    bytes: HashMap<IdPrefix, u64>,
    /// The chunks of large contents.
    chunks: HashMap<IdPrefix, Vec<IdPrefix>>,
    /// Bytes of the entries of the version log.
    pub record_bytes: u64,
    /// Bytes of all segments.
    pub segment_bytes: u64,
}

impl Costs {
    /// Bytes of all objects.
    pub fn object_bytes(&self) -> u64 {
        self.bytes.values().sum()
    }

    /// What an object takes: its own frame, or part of one, and those of its chunks.
    pub fn parts(&self, id: &ObjectId) -> impl Iterator<Item = (IdPrefix, u64)> {
        let id = IdPrefix::of(id);
        let chunks = self.chunks.get(&id).map_or(&[][..], Vec::as_slice);
        std::iter::once(id).chain(chunks.iter().copied()).filter_map(|part| Some((part, *self.bytes.get(&part)?)))
    }

    /// What an object takes that was not taken before, with its chunks.
    pub fn take(&mut self, id: &ObjectId) -> u64 {
        let id = IdPrefix::of(id);
        let chunks = self.chunks.get(&id).map_or(0, |chunks| chunks.iter().filter_map(|chunk| self.bytes.remove(chunk)).sum());
        self.bytes.remove(&id).unwrap_or(0) + chunks
    }
}

impl Store {
    /// What each object takes. The index must know all objects.
    pub fn costs(&self) -> StoreResult<Costs> {
        self.look_anew()?;
        let mut costs = Costs::default();
        let mut shares: HashMap<Location, u64> = HashMap::new();
        let mut lists = Vec::new();
        for number in self.segments.numbers()? {
            costs.segment_bytes += self.headers(number, &mut |location, header, frame_bytes| {
                if header.kind == ObjectKind::Record {
                    costs.record_bytes += frame_bytes;
                    return;
                }
                if header.content == Content::ChunkList {
                    lists.push(location);
                }
                share_out(location, header, frame_bytes, &mut shares);
            })?;
        }
        {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            for (prefix, number) in index.entries() {
                *costs.bytes.entry(prefix).or_default() += shares.remove(&Location::from_number(number)).unwrap_or(0);
            }
        }
        for location in lists {
            let list = self.chunk_list_at(location)?;
            costs.chunks.insert(IdPrefix::of(&list.whole), list.chunks.iter().map(|chunk| IdPrefix::of(&chunk.id)).collect());
        }
        Ok(costs)
    }
}

/// Shares a frame's bytes out to its objects, all of them.
fn share_out(first: Location, header: &FrameHeader, frame_bytes: u64, shares: &mut HashMap<Location, u64>) {
    let Content::Group(lengths) = &header.content else {
        shares.insert(first, frame_bytes);
        return;
    };
    let raw_bytes = u64::from(header.raw_bytes).max(1);
    let (mut passed, mut given) = (0, 0);
    for (member, &length) in (0..).zip(lengths) {
        passed += u64::from(length);
        let upto = if usize::from(member) + 1 == lengths.len() { frame_bytes } else { frame_bytes * passed.min(raw_bytes) / raw_bytes };
        shares.insert(first.with_member(member), upto.saturating_sub(given));
        given = upto.max(given);
    }
}
