//! Counting what lives in which segment, from the index and the headers of the frames: no content is decoded.

use std::sync::PoisonError;

use super::LiveSet;
use crate::format::chunk_list::ChunkList;
use crate::format::frame::{Base, Coding, Content, Frame, FrameHeader, SEGMENT_HEADER_BYTES};
use crate::format::index::IdPrefix;
use crate::id::ObjectKind;
use crate::store::{Location, Store, StoreResult};

/// How much of a segment is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentUse {
    /// Number of the segment.
    pub number: u32,
    /// Its length in bytes.
    pub bytes: u64,
    /// Bytes of frames, or parts of groups, that nothing reaches.
    pub dead_bytes: u64,
    /// Number of objects that nothing reaches.
    pub dead_objects: u64,
    /// Deltas that keep something in another segment that nothing else reaches.
    pub dead_bases: u64,
}

impl Store {
    /// Counts what lives in each segment, in the order of their numbers. The index must know all objects.
    pub fn census(&self, live: &LiveSet) -> StoreResult<Vec<SegmentUse>> {
        let dead = self.dead_locations(live);
        let mut counts = Vec::new();
        for number in self.segments.numbers()? {
            counts.push(self.count_segment(number, &dead, live)?);
        }
        Ok(counts)
    }

    /// Adds the chunks of all large contents that live.
    pub fn mark_chunks(&self, live: &mut LiveSet) -> StoreResult<()> {
        let mut lists = Vec::new();
        for number in self.segments.numbers()? {
            self.headers(number, &mut |location, header, _| {
                if header.content == Content::ChunkList {
                    lists.push(location);
                }
            })?;
        }
        for location in lists {
            let list = self.chunk_list_at(location)?;
            if live.contains(&list.whole) {
                list.chunks.iter().for_each(|chunk| _ = live.insert(&chunk.id));
            }
        }
        Ok(())
    }

    /// The chunk list that a frame holds.
    pub(super) fn chunk_list_at(&self, location: Location) -> StoreResult<ChunkList> {
        let decoded = self.surely(&|| self.with_idle_reader(|reader| reader.decode_whole(location)))?;
        Ok(ChunkList::decode(&decoded.content)?)
    }

    /// The objects against which deltas in other segments than these are made: they must stay as long as those deltas do, whether
    /// anything reaches them or not.
    pub(super) fn bases_outside(&self, inputs: &[u32]) -> StoreResult<LiveSet> {
        let mut bases = LiveSet::default();
        for number in self.segments.numbers()?.into_iter().filter(|number| !inputs.contains(number)) {
            self.headers(number, &mut |_, header, _| {
                if let Coding::Delta { base: Base::Far(id), .. } = header.coding {
                    bases.insert(&id);
                }
            })?;
        }
        Ok(bases)
    }

    /// Where the dead objects are, sorted.
    fn dead_locations(&self, live: &LiveSet) -> Vec<Location> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let is_dead = |(prefix, _): &(IdPrefix, u64)| !live.has(*prefix);
        let mut dead: Vec<Location> = index.entries().filter(is_dead).map(|(_, number)| Location::from_number(number)).collect();
        dead.sort_unstable();
        dead.dedup();
        dead
    }

    fn count_segment(&self, number: u32, dead: &[Location], live: &LiveSet) -> StoreResult<SegmentUse> {
        let mut count = SegmentUse { number, bytes: 0, dead_bytes: 0, dead_objects: 0, dead_bases: 0 };
        count.bytes = self.headers(number, &mut |location, header, frame_bytes| {
            if header.kind != ObjectKind::Record {
                let members = dead_members(location, dead);
                count.dead_objects += members.len() as u64;
                count.dead_bytes += dead_share(header, frame_bytes, members);
                count.dead_bases += u64::from(matches!(&header.coding, Coding::Delta { base: Base::Far(id), .. } if !live.contains(id)));
            }
        })?;
        Ok(count)
    }

    /// Goes through the headers of a segment's frames, with their locations and lengths in bytes, up to one that is damaged. Gives the
    /// segment's length in bytes.
    pub(super) fn headers(&self, number: u32, visit: &mut dyn FnMut(Location, &FrameHeader, u64)) -> StoreResult<u64> {
        let end = self.segments.map(number, u64::MAX - 1)?.map_or(0, |map| map.len());
        let mut offset = SEGMENT_HEADER_BYTES;
        while offset < end {
            let Some(map) = self.segments.map(number, offset as u64)? else { break };
            let Ok(frame) = Frame::parse(map.get(offset..end).unwrap_or_default()) else { break };
            visit(Location::new(number, offset as u32, 0), &frame.header, frame.frame_bytes as u64);
            offset += frame.frame_bytes;
        }
        Ok(end as u64)
    }
}

/// The dead objects of a frame.
fn dead_members(first: Location, dead: &[Location]) -> &[Location] {
    let start = dead.partition_point(|location| *location < first);
    let count = dead[start..].partition_point(|location| location.offset() == first.offset() && location.segment() == first.segment());
    &dead[start..start + count]
}

/// How many of a frame's bytes belong to its dead objects.
fn dead_share(header: &FrameHeader, frame_bytes: u64, dead: &[Location]) -> u64 {
    let Content::Group(lengths) = &header.content else {
        return if dead.is_empty() { 0 } else { frame_bytes };
    };
    let dead_raw: u64 = dead.iter().filter_map(|location| lengths.get(usize::from(location.member()))).map(|&bytes| u64::from(bytes)).sum();
    if dead.len() == lengths.len() { frame_bytes } else { frame_bytes * dead_raw / u64::from(header.raw_bytes).max(1) }
}
