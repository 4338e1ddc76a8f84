//! Catching up: what the segments hold beyond what index and log know of, and what is left of a push that never ended.
//!
//! A crash leaves at most one unfinished batch, at the very end: each batch is synced before the next may begin. So beyond
//! the position that the log knows, the first frame that is not whole ends what counts, and whatever follows the last record
//! before it goes. Nothing that the log knows is ever cut, damaged or not.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::records::records_in;
use super::{Location, Position, Store, StoreResult};
use crate::disk::TempFile;
use crate::format::chunk_list::ChunkList;
use crate::format::frame::{Content, FRAME_MARKER, Frame, SEGMENT_HEADER_BYTES};
use crate::id::{ObjectId, ObjectKind};

/// What the caller knows before it catches up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The log knows the records up to here; the caller holds the publish lock and may write.
    UpTo(Position),
    /// The same, for a reader without the lock: nothing is written, and what is not whole may just be in the making.
    ReadOnly(Position),
    /// The log is lost: all records are wanted, and nothing is cut.
    Nothing,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// The records that the log does not know, in order, as bytes.
    pub records: Vec<Vec<u8>>,
    /// How far the segments are known now: behind the last of these records.
    pub end: Position,
    /// Bytes of an unfinished push that were cut off.
    pub cut_bytes: u64,
}

/// A frame in the sequence of all segments, or a place where there should be one.
pub(super) enum Step<'a> {
    Frame {
        location: Location,
        frame: Frame<'a>,
    },
    /// Bytes from `offset` up to where the next whole frame begins, or the segment's end, are no frame.
    Broken {
        segment: u32,
        offset: u64,
    },
}

impl Store {
    /// Whether the index knows all objects up to a position.
    pub fn is_indexed(&self, log_end: Position) -> bool {
        self.index.read().unwrap_or_else(PoisonError::into_inner).covered() >= log_end
    }

    /// Whether the segments end where the log says, and the index knows all of them.
    pub fn is_current(&self, log_end: Position) -> StoreResult<bool> {
        let covered = self.index.read().unwrap_or_else(PoisonError::into_inner).covered();
        Ok(covered == log_end && self.segments.end()? == log_end)
    }

    /// Reads what lies beyond the known position into the index, and gives the records that the log lacks.
    ///
    /// # Durability
    /// The records that are returned are durable, unless nothing may be written. A cut becomes durable with whatever is published next;
    /// until then it would be made again.
    pub fn catch_up(&self, known: Known) -> StoreResult<CatchUp> {
        let end = self.segments.end()?;
        let (log_end, may_write) = match known {
            Known::UpTo(position) => (position, true),
            Known::ReadOnly(position) => (position, false),
            Known::Nothing => (Position::default(), true),
        };
        self.settle_up_to(log_end.min(end));
        let covered = self.covered_at(end, may_write)?;
        if covered == end && log_end == end {
            self.forget_overlay(end);
            return Ok(CatchUp { end, ..CatchUp::default() });
        }
        // An index that knows more than there is belongs to other segments.
        let indexed = if covered > end { Position::default() } else { covered };
        let strict = known != Known::Nothing;
        let mut found = Found { good: log_end.min(end), log_end, strict, indexed, ..Found::default() };
        let walked = self.steps(indexed.min(log_end), &mut |step| found.take(self, step));
        self.forget_overlay(if strict { found.good } else { found.last_frame_end });
        walked?;
        if found.last_frame_end > found.good {
            // Frames of a push that has not ended were decoded. They may be cut, by whomever, and other frames will stand there.
            self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        if !strict {
            found.good = found.last_frame_end.max(found.good);
        }
        if may_write && !found.records.is_empty() {
            // Whoever wrote these records was killed before it had synced them, or its sync has failed: nothing may be told of
            // them that a power cut could take back. Without a log to say how much that is, what the kernel knows has to do.
            if strict { self.segments.write_again_from(log_end)? } else { self.segments.sync_from(log_end.segment)? }
        }
        if may_write {
            self.settle_up_to(found.good);
        }
        self.add_to_index(&found, indexed, may_write)?;
        let mut caught = CatchUp { records: found.records, end: found.good, cut_bytes: 0 };
        if matches!(known, Known::UpTo(_)) && found.good < end {
            caught.cut_bytes = if found.good.segment == end.segment { end.offset - found.good.offset } else { end.offset };
            self.segments.cut(found.good)?;
        }
        Ok(caught)
    }

    /// All records that stand in whole frames, in the order of the frames.
    pub fn records(&self) -> StoreResult<Vec<Vec<u8>>> {
        let mut records = Vec::new();
        self.steps(Position::default(), &mut |step| {
            if let Step::Frame { frame, .. } = step
                && frame.header.kind == ObjectKind::Record
            {
                records.extend(records_in(&frame));
            }
            Ok(())
        })?;
        Ok(records)
    }

    /// Takes in what others have published since the index was read. `false` when it knows everything already. Nothing is
    /// written. Costs reading the tail of the index, and the segments only as far as nobody has indexed them yet.
    pub(super) fn follow(&self) -> StoreResult<bool> {
        let end = self.segments.end()?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let known = index.covered();
        if known >= end {
            return Ok(false);
        }
        index.reload()?;
        let indexed = index.covered();
        drop(index);
        self.settle_up_to(indexed.min(end));
        if indexed < end {
            self.catch_up(Known::ReadOnly(indexed))?;
        }
        Ok(self.index.read().unwrap_or_else(PoisonError::into_inner).covered() > known)
    }

    /// Removes what interrupted processes left in the folder for temporary files; files that are being written stay.
    pub fn sweep_tmp(&self) -> StoreResult<()> {
        Ok(TempFile::sweep(&self.tmp)?)
    }

    /// Throws the index away; [`Store::catch_up`] makes it anew.
    pub fn forget_index(&self) -> StoreResult<()> {
        self.index.write().unwrap_or_else(PoisonError::into_inner).clear()
    }

    /// How far the index reaches. A writer whose index is behind reads it anew first: another process may have added to it.
    fn covered_at(&self, end: Position, may_write: bool) -> StoreResult<Position> {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if may_write && (index.covered() != end || !index.is_as_on_disk()) {
            index.reload()?;
        }
        Ok(index.covered())
    }

    fn add_to_index(&self, found: &Found, indexed: Position, may_write: bool) -> StoreResult<()> {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if !may_write {
            index.remember(&found.entries, found.good);
            return Ok(());
        }
        if indexed == Position::default() {
            index.clear()?;
        }
        if index.covered() == found.good {
            return Ok(());
        }
        index.add(&self.tmp, &found.entries, found.good)
    }

    /// Finds objects by reading all segments when the index has turned out to be wrong. `false` when that was done before. What stands
    /// behind the last record is of a push that has not ended, and may be cut off any time: nobody may build upon it.
    pub(super) fn rescue_index(&self) -> StoreResult<bool> {
        if self.rescued.swap(true, Ordering::SeqCst) {
            return Ok(false);
        }
        // What is kept of the segments may be of some that were replaced.
        self.segments.forget_maps();
        self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut last_record_end = Position::default();
        let walked = self.steps(Position::default(), &mut |step| {
            if let Step::Frame { location, frame } = step {
                if frame.header.kind == ObjectKind::Record {
                    let offset = u64::from(location.offset()) + frame.frame_bytes as u64;
                    last_record_end = Position { segment: location.segment(), offset };
                } else {
                    self.overlay(&self.entries_of(location).unwrap_or_default());
                }
            }
            Ok(())
        });
        // A last record that is damaged makes nothing unpublished of what the index was told.
        let covered = self.index.read().unwrap_or_else(PoisonError::into_inner).covered();
        self.forget_overlay(last_record_end.max(covered));
        walked?;
        Ok(true)
    }

    /// What some work gives that reads the store; once more if the index may be why it fails.
    pub(super) fn surely<T>(&self, work: &dyn Fn() -> StoreResult<T>) -> StoreResult<T> {
        match work() {
            Err(error) if error.is_damage() && self.rescue_index()? => work(),
            done => done,
        }
    }

    /// Entries that are found on the way are needed on the way: deltas name bases in other segments by their ids.
    fn overlay(&self, entries: &[(ObjectId, Location)]) {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner).extend(entries.iter().copied());
    }

    /// Keeps of the overlay what stands before `end`, as long as the index is wrong; else nothing.
    fn forget_overlay(&self, end: Position) {
        let is_needed = self.rescued.load(Ordering::SeqCst);
        self.overlay.write().unwrap_or_else(PoisonError::into_inner).retain(|_, location| is_needed && end.is_behind(*location));
    }

    /// Goes through all frames behind a position, in order.
    pub(super) fn steps(&self, from: Position, visit: &mut dyn FnMut(Step<'_>) -> StoreResult<()>) -> StoreResult<()> {
        for segment in self.segments.numbers()?.into_iter().filter(|&segment| segment >= from.segment) {
            self.steps_in(segment, from, visit)?;
        }
        Ok(())
    }

    /// Goes through the frames of one segment, those behind a position if that lies in it.
    pub(super) fn steps_in(&self, segment: u32, from: Position, visit: &mut dyn FnMut(Step<'_>) -> StoreResult<()>) -> StoreResult<()> {
        {
            // Mapped anew, to its present length.
            let Some(end) = self.segments.map(segment, u64::MAX)?.map(|map| map.len()) else { return Ok(()) };
            let mut offset = SEGMENT_HEADER_BYTES;
            if segment == from.segment {
                offset = offset.max(from.offset as usize);
            }
            while offset < end {
                let Some(map) = self.segments.map(segment, offset as u64)? else { break };
                match Frame::parse_checked(map.get(offset..end).unwrap_or_default()) {
                    Ok(frame) => {
                        let frame_bytes = frame.frame_bytes;
                        self.segments.note_read(frame_bytes as u64);
                        visit(Step::Frame { location: Location::new(segment, offset as u32, 0), frame })?;
                        offset += frame_bytes;
                    }
                    Err(_) => {
                        visit(Step::Broken { segment, offset: offset as u64 })?;
                        offset = next_frame(map.get(..end).unwrap_or_default(), offset + 1);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where the next whole frame begins behind an offset.
fn next_frame(bytes: &[u8], from: usize) -> usize {
    (from..bytes.len())
        .find(|&offset| bytes[offset] == FRAME_MARKER && Frame::parse_checked(&bytes[offset..]).is_ok())
        .unwrap_or(bytes.len())
}

#[derive(Default)]
struct Found {
    log_end: Position,
    /// A frame beyond the log's end that is not whole ends what counts.
    strict: bool,
    indexed: Position,
    records: Vec<Vec<u8>>,
    entries: Vec<(ObjectId, Location)>,
    /// Entries since the last record: they count when a record follows.
    open_entries: Vec<(ObjectId, Location)>,
    good: Position,
    last_frame_end: Position,
    /// A frame beyond the log's end was not whole: nothing behind it counts.
    ended: bool,
}

impl Found {
    fn take(&mut self, store: &Store, step: Step<'_>) -> StoreResult<()> {
        match step {
            Step::Broken { segment, offset } => {
                let position = Position { segment, offset };
                if self.strict && position >= self.log_end {
                    self.ended = true;
                } else if position >= self.indexed {
                    // Of a frame that is not as it was written some objects may still be: an index that lacked them would lose them. One
                    // that is damaged gets the id of what it is now, which nobody asks for.
                    self.open_entries.extend(store.entries_of(Location::new(segment, offset as u32, 0)).unwrap_or_default());
                }
                Ok(())
            }
            _ if self.ended => Ok(()),
            Step::Frame { location, frame } => self.take_frame(store, location, &frame),
        }
    }

    fn take_frame(&mut self, store: &Store, location: Location, frame: &Frame<'_>) -> StoreResult<()> {
        let start = Position { segment: location.segment(), offset: u64::from(location.offset()) };
        let end = Position { segment: start.segment, offset: start.offset + frame.frame_bytes as u64 };
        self.last_frame_end = end;
        if frame.header.kind == ObjectKind::Record {
            self.good = self.good.max(end);
            self.entries.append(&mut self.open_entries);
            if start >= self.log_end {
                self.records.extend(records_in(frame));
            }
        } else if start >= self.indexed {
            let entries = store.entries_of(location).unwrap_or_default();
            store.overlay(&entries);
            self.open_entries.extend(entries);
        }
        if start < self.log_end {
            self.entries.append(&mut self.open_entries);
        }
        Ok(())
    }
}

impl Store {
    /// The ids of the objects in a frame, computed from its content. What cannot be decoded has none.
    fn entries_of(&self, location: Location) -> StoreResult<Vec<(ObjectId, Location)>> {
        self.with_idle_reader(|reader| {
            let decoded = reader.decode_readable(location)?;
            if decoded.header.content == Content::ChunkList {
                return Ok(vec![(ChunkList::decode(&decoded.content)?.whole, location)]);
            }
            let members = 0..decoded.header.members() as u16;
            Ok(members
                .filter_map(|member| {
                    let range = decoded.header.member_range(member)?;
                    let id = ObjectId::of(decoded.header.kind, decoded.content.get(range)?);
                    Some((id, location.with_member(member)))
                })
                .collect())
        })
    }
}
