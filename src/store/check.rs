//! Reads everything there is and says which objects are whole.

use std::collections::{HashMap, HashSet};

use super::recover::Step;
use super::{Location, Position, Store, StoreResult};
use crate::format::chunk_list::ChunkList;
use crate::format::frame::{Content, check_segment_header};
use crate::id::{ObjectId, ObjectKind};

/// A part of the store that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Number of the segment.
    pub segment: u32,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What does not fit.
    pub why: String,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    /// The objects that are whole: what is not among them cannot be read. 33 bytes and a hash table's room for each.
    pub whole: HashSet<(ObjectKind, ObjectId)>,
    /// The parts that are not.
    pub damages: Vec<Damage>,
    /// Bytes read.
    pub bytes: u64,
}

impl Store {
    /// Reads every frame of every segment, checks its checksum, decodes it, and computes the ids of what it holds.
    /// `on_progress` is told the bytes read so far and may end the check by returning `false`. If a collection moves contents
    /// meanwhile all is read once more, and none may move them then.
    pub fn check(&self, on_progress: &mut dyn FnMut(u64) -> bool) -> StoreResult<CheckReport> {
        self.look_anew()?;
        let collections = self.known_collections();
        let report = self.check_as_it_lies(on_progress)?;
        self.refresh()?;
        if self.known_collections() == collections && !self.is_collection_begun()? {
            return Ok(report);
        }
        let _pin = self.pin()?;
        self.follow()?;
        if self.is_collection_begun()? {
            // Whoever moved them was killed, and the index knows nothing of it.
            self.rescue_index()?;
        }
        self.check_as_it_lies(on_progress)
    }

    fn check_as_it_lies(&self, on_progress: &mut dyn FnMut(u64) -> bool) -> StoreResult<CheckReport> {
        let mut check = Check::default();
        for number in self.segments.numbers()? {
            let header = self.segments.map(number, 0)?;
            if let Some(Err(error)) = header.map(|map| check_segment_header(&map)) {
                check.damage(number, 0, &error);
            }
        }
        self.steps(Position::default(), &mut |step| {
            match step {
                Step::Broken { segment, offset } => check.damage(segment, offset, &"no whole frame begins here"),
                Step::Frame { location, frame } => {
                    check.report.bytes += frame.frame_bytes as u64;
                    check.take(self, location);
                }
            }
            match on_progress(check.report.bytes) {
                true => Ok(()),
                false => Err(super::StoreError::cancelled()),
            }
        })?;
        check.settle_lists(self);
        Ok(check.report)
    }
}

/// What a frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameHolds<'a> {
    /// These objects, by ids that were computed from what it decodes to. A chunk list counts as the content that it lists.
    Objects(&'a ObjectKind, &'a [ObjectId]),
    /// An entry of the version log.
    Record,
    /// Nothing that could be decoded.
    Damaged(String),
}

impl Store {
    /// Decodes every frame of every segment and says what it holds: `visit` gets the segment, the frame's place in it, and its
    /// objects. It may end the walk by returning `false`.
    pub fn each_frame(&self, visit: &mut dyn FnMut(u32, std::ops::Range<u64>, FrameHolds<'_>) -> bool) -> StoreResult<()> {
        self.steps(Position::default(), &mut |step| {
            let goes_on = match step {
                Step::Broken { segment, offset } => {
                    visit(segment, offset..offset + 1, FrameHolds::Damaged("no whole frame begins here".to_owned()))
                }
                Step::Frame { location, frame } => {
                    let start = u64::from(location.offset());
                    let range = start..start + frame.frame_bytes as u64;
                    let kind = frame.header.kind;
                    let ids = || self.surely(&|| self.with_idle_reader(|reader| reader.ids_in(location)));
                    let found = (kind != ObjectKind::Record).then(ids);
                    let holds = match &found {
                        None => FrameHolds::Record,
                        Some(Ok(ids)) => FrameHolds::Objects(&kind, ids),
                        Some(Err(error)) => FrameHolds::Damaged(error.to_string()),
                    };
                    visit(location.segment(), range, holds)
                }
            };
            if goes_on { Ok(()) } else { Err(super::StoreError::cancelled()) }
        })
    }
}

#[derive(Default)]
struct Check {
    report: CheckReport,
    /// Chunk lists are settled last: their chunks may stand behind them.
    lists: HashMap<(ObjectKind, ObjectId), (Location, ChunkList)>,
}

impl Check {
    fn damage(&mut self, segment: u32, offset: u64, why: &dyn ToString) {
        self.report.damages.push(Damage { segment, offset, why: why.to_string() });
    }

    fn take(&mut self, store: &Store, location: Location) {
        let decoded = match store.surely(&|| store.with_idle_reader(|reader| reader.decode_whole(location))) {
            Ok(decoded) => decoded,
            Err(error) => return self.damage(location.segment(), u64::from(location.offset()), &error),
        };
        let kind = decoded.header.kind;
        if decoded.header.content == Content::ChunkList {
            match ChunkList::decode(&decoded.content) {
                Ok(list) => drop(self.lists.insert((kind, list.whole), (location, list))),
                Err(error) => self.damage(location.segment(), u64::from(location.offset()), &error),
            }
            return;
        }
        for member in 0..decoded.header.members() as u16 {
            if let Some(range) = decoded.header.member_range(member) {
                self.report.whole.insert((kind, ObjectId::of(kind, &decoded.content[range])));
            }
        }
    }

    fn settle_lists(&mut self, store: &Store) {
        for ((kind, id), (location, list)) in std::mem::take(&mut self.lists) {
            // A list may outlive its chunks: when nobody needs its content any more, but another list is made against it.
            if !list.chunks.iter().all(|chunk| self.report.whole.contains(&(ObjectKind::Blob, chunk.id))) {
                continue;
            }
            match adds_up(store, kind, &list) {
                true => drop(self.report.whole.insert((kind, id))),
                false => self.damage(location.segment(), u64::from(location.offset()), &"a chunk list whose chunks are another content's"),
            }
        }
    }
}

/// Whether the chunks of a list make up the content that the list is said to be of, as reading it wants them.
fn adds_up(store: &Store, kind: ObjectKind, list: &ChunkList) -> bool {
    store.with_idle_reader(|reader| reader.stream_chunks(kind, &list.whole, list, &mut |_| Ok(()))).is_ok()
}
