//! A batch: the frames of one push, from the first new object to the moment of publishing.
//!
//! A small batch stays in memory and is appended to the newest segment in one write. One that outgrows
//! [`BATCH_BYTES_MAX`] moves to a temporary file that becomes a segment of its own, so that memory stays bounded and the
//! publish lock is held only to write the record and to rename. Until the record is written nothing refers to any of it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::records::record_frame;
use super::segments::new_header;
use super::{Location, Pin, Position, Store, StoreError, StoreResult};
use crate::disk::{Dir, TempFile};
use crate::format::frame::{Base, Coding, Content, FrameHeader, SEGMENT_HEADER_BYTES, encode_frame};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{BATCH_BYTES_MAX, FRAME_RAW_BYTES_MAX, RECORD_GROUP_MEMBERS_MAX, SEGMENT_APPEND_BYTES_MAX, SEGMENT_BYTES_MAX};

/// The frames of one push. Shared by reference between the threads that make them.
#[derive(Debug)]
pub struct Batch {
    _pin: Pin,
    tmp: Dir,
    state: Mutex<BatchState>,
    claimed: Mutex<HashSet<ObjectId>>,
}

#[derive(Debug, Default)]
struct BatchState {
    /// Frames in memory. Empty once there are files.
    frames: Vec<PendingFrame>,
    frames_bytes: usize,
    /// Segments in the making.
    files: Vec<TempFile>,
    /// Objects in the files: file, offset, member.
    filed: Vec<(ObjectId, usize, u32, u16)>,
    raw_bytes: u64,
    objects: u64,
}

/// A frame whose header is finished at publishing, when it is known which segment it goes to.
#[derive(Debug)]
pub(super) struct PendingFrame {
    pub kind: ObjectKind,
    pub content: Content,
    pub coding: PendingCoding,
    pub raw_bytes: u32,
    pub payload: Vec<u8>,
    /// Ids of the objects in the frame.
    pub ids: Vec<ObjectId>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum PendingCoding {
    Raw,
    Zstd,
    Delta {
        base: Location,
        base_id: ObjectId,
        depth: u8,
    },
    /// As it came from another store: the base is named by its id wherever it is.
    FarDelta {
        base_id: ObjectId,
        depth: u8,
    },
}

impl PendingFrame {
    /// The header for a place in a segment; `None` when the frame goes to a file whose number is not known yet.
    pub(super) fn header(&self, place: Option<(u32, u64)>) -> FrameHeader {
        let coding = match self.coding {
            PendingCoding::Raw => Coding::Raw,
            PendingCoding::Zstd => Coding::Zstd,
            PendingCoding::FarDelta { base_id, depth } => Coding::Delta { base: Base::Far(base_id), depth },
            PendingCoding::Delta { base, base_id, depth } => {
                let near = place.filter(|(segment, _)| *segment == base.segment());
                let base = near.map_or(Base::Far(base_id), |(_, offset)| Base::Near {
                    distance: offset - u64::from(base.offset()),
                    member: base.member(),
                });
                Coding::Delta { base, depth }
            }
        };
        FrameHeader {
            kind: self.kind,
            content: self.content.clone(),
            coding,
            raw_bytes: self.raw_bytes,
            stored_bytes: self.payload.len() as u32,
        }
    }
}

/// When what is published becomes durable, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before it counts as published.
    Now,
    /// Before it counts as published, in a segment of its own: all that are there now can be collected then.
    Sealing,
    /// With the next [`Store::settle`], which must come before anybody is told of it. It can be read at once.
    Later,
}

/// What publishing a batch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where the segments end now: behind the record.
    pub end: Position,
    /// Bytes that the segments grew by.
    pub stored_bytes: u64,
    /// Bytes of the new objects before compression.
    pub raw_bytes: u64,
    /// Number of new objects.
    pub objects: u64,
}

impl Batch {
    fn new(pin: Pin, tmp: Dir) -> Self {
        Self { _pin: pin, tmp, state: Mutex::default(), claimed: Mutex::default() }
    }

    /// Whether the caller is the first to claim this object: it must put it into the batch.
    pub(super) fn claim(&self, id: &ObjectId) -> bool {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(*id)
    }

    pub(super) fn add(&self, frame: PendingFrame) -> StoreResult<()> {
        let mut state = self.lock();
        state.raw_bytes += u64::from(frame.raw_bytes);
        state.objects += frame.ids.len() as u64;
        if !state.files.is_empty() {
            return state.write_out(&self.tmp, &frame);
        }
        state.frames_bytes += frame.payload.len();
        state.frames.push(frame);
        if state.frames_bytes > BATCH_BYTES_MAX {
            for frame in std::mem::take(&mut state.frames) {
                state.write_out(&self.tmp, &frame)?;
            }
        }
        Ok(())
    }

    /// Makes what was moved to files durable, before the publish lock is taken: the longest part of a large push.
    ///
    /// # Durability
    /// The contents of the files are durable on return; nothing refers to them yet.
    pub fn prepare(&self) -> StoreResult<()> {
        Ok(self.lock().files.iter().try_for_each(TempFile::sync_data)?)
    }

    /// Number of objects that were put into it.
    pub fn objects(&self) -> u64 {
        self.lock().objects
    }

    fn lock(&self) -> MutexGuard<'_, BatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BatchState {
    fn write_out(&mut self, tmp: &Dir, frame: &PendingFrame) -> StoreResult<()> {
        if self.files.last().is_none_or(|file| file.bytes() >= SEGMENT_BYTES_MAX) {
            let mut file = tmp.temp_file()?;
            file.write(&new_header(tmp))?;
            self.files.push(file);
        }
        let place = self.files.len() - 1;
        let file = &mut self.files[place];
        let offset = file.bytes() as u32;
        let mut bytes = Vec::with_capacity(frame.payload.len() + 64);
        encode_frame(&frame.header(None), &frame.payload, &mut bytes);
        file.write(&bytes)?;
        self.filed.extend(frame.ids.iter().zip(0..).map(|(&id, member)| (id, place, offset, member)));
        Ok(())
    }
}

impl Store {
    /// An empty batch. As long as it is there, no content leaves the store.
    pub fn batch(&self) -> StoreResult<Batch> {
        Ok(Batch::new(self.pin()?, self.tmp.clone()))
    }

    /// Whether a batch has an object that the store has not. Another process may have published the same.
    pub fn lacks_any_of(&self, batch: &Batch) -> StoreResult<bool> {
        for id in &*batch.claimed.lock().unwrap_or_else(PoisonError::into_inner) {
            if !self.seems_to_contain(id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Publishes a batch, closed by the record that gives it its meaning. Only for the holder of the publish lock, after
    /// [`Store::catch_up`].
    ///
    /// # Durability
    /// On return frames and record are durable. After a crash before that, the next [`Store::catch_up`] finds the record and
    /// all frames before it whole, or cuts off what there is.
    pub fn publish(&self, batch: Batch, record: &[u8]) -> StoreResult<Published> {
        self.publish_when(batch, record, When::Now)
    }

    /// As [`Store::publish`], with several records: after a crash there are all of them or none.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] when they do not fit into one frame.
    pub fn publish_records(&self, batch: Batch, records: &[Vec<u8>]) -> StoreResult<Published> {
        let bytes: usize = records.iter().map(Vec::len).sum();
        if bytes > FRAME_RAW_BYTES_MAX || records.len() > RECORD_GROUP_MEMBERS_MAX {
            return Err(StoreError::TooLarge { bytes: bytes as u64, bytes_max: FRAME_RAW_BYTES_MAX as u64 });
        }
        let lengths = records.iter().map(|record| record.len() as u32).collect();
        let content = if records.len() == 1 { Content::Single } else { Content::Group(lengths) };
        self.publish_frame(batch, record_frame(content, records.concat())?, When::Now)
    }

    /// As [`Store::publish`], but with [`When::Later`] frames and record are durable once [`Store::settle`] has returned.
    pub fn publish_when(&self, batch: Batch, record: &[u8], when: When) -> StoreResult<Published> {
        self.publish_frame(batch, record_frame(Content::Single, record.to_vec())?, when)
    }

    fn publish_frame(&self, batch: Batch, record: PendingFrame, when: When) -> StoreResult<Published> {
        let state = batch.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (raw_bytes, objects) = (state.raw_bytes, state.objects);
        let begin = self.segments.end()?;
        let (end, stored_bytes, entries) =
            if state.files.is_empty() { self.append(state.frames, record, when)? } else { self.publish_files(state, &record)? };
        // Who publishes for later settles before anything is told of.
        self.settle_up_to(end);
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        match when {
            // An index that was thrown away since, or that another process has made, stays behind: it would claim what it does not have.
            _ if index.covered() != begin => {}
            When::Later => index.add_later(&entries, end),
            // The record is durable, so this is a success whatever becomes of the index: what it lacks is read from the segments.
            When::Now | When::Sealing => _ = index.add(&self.tmp, &entries, end),
        }
        Ok(Published { end, stored_bytes, raw_bytes, objects })
    }

    /// Makes durable what was published for later, from this position on.
    ///
    /// # Durability
    /// On return all of it is durable.
    pub fn settle(&self, from: Position) -> StoreResult<()> {
        self.segments.sync_from(from.segment)?;
        // As in publishing, the index is no reason to fail.
        let _ = self.index.write().unwrap_or_else(PoisonError::into_inner).write_down(&self.tmp);
        Ok(())
    }

    fn append(&self, mut frames: Vec<PendingFrame>, record: PendingFrame, when: When) -> StoreResult<Appended> {
        let end = self.segments.end()?;
        frames.push(record);
        let payload_bytes: u64 = frames.iter().map(|frame| frame.payload.len() as u64).sum();
        let starts_segment = when == When::Sealing || end.segment == 0 || end.offset + payload_bytes > SEGMENT_APPEND_BYTES_MAX;
        let (segment, start) = if starts_segment { (end.segment + 1, SEGMENT_HEADER_BYTES as u64) } else { (end.segment, end.offset) };
        let (bytes, entries) = lay_out(&frames, segment, start);
        if starts_segment {
            let mut file = self.tmp.temp_file()?;
            file.write(&new_header(&self.tmp))?;
            file.write(&bytes)?;
            file.sync_data()?;
            self.segments.publish(file, segment)?;
        } else {
            let file = self.segments.file(segment, true)?;
            if let Err(error) = file.write_at(&bytes, start) {
                // What was written counts for nothing, and whoever else needs the room has it at once. If this fails too, the next command
                // cuts it off.
                let _ = if error.is_full() { file.truncate(start) } else { Ok(()) };
                return Err(error.into());
            }
            if when == When::Now {
                file.sync_data()?;
            }
        }
        Ok((Position { segment, offset: start + bytes.len() as u64 }, bytes.len() as u64, entries))
    }

    fn publish_files(&self, state: BatchState, record: &PendingFrame) -> StoreResult<Appended> {
        let first = self.segments.end()?.segment + 1;
        let entries =
            state.filed.iter().map(|&(id, file, offset, member)| (id, Location::new(first + file as u32, offset, member))).collect();
        let mut files = state.files;
        let mut stored_bytes = 0;
        let mut end = Position::default();
        let last = files.len() - 1;
        let mut bytes = Vec::new();
        encode_frame(&record.header(None), &record.payload, &mut bytes);
        files[last].write(&bytes)?;
        files[last].sync_data()?;
        for (file, segment) in files.into_iter().zip(first..) {
            stored_bytes += file.bytes();
            end = Position { segment, offset: file.bytes() };
            self.segments.publish(file, segment)?;
        }
        Ok((end, stored_bytes, entries))
    }
}

/// Where the segments end, bytes written, and the new objects.
type Appended = (Position, u64, Vec<(ObjectId, Location)>);

/// The bytes of frames that begin at an offset of a segment, and where the objects in them are.
fn lay_out(frames: &[PendingFrame], segment: u32, start: u64) -> (Vec<u8>, Vec<(ObjectId, Location)>) {
    let mut bytes = Vec::new();
    let mut entries = Vec::new();
    for frame in frames {
        let offset = start + bytes.len() as u64;
        encode_frame(&frame.header(Some((segment, offset))), &frame.payload, &mut bytes);
        entries.extend(frame.ids.iter().zip(0..).map(|(&id, member)| (id, Location::new(segment, offset as u32, member))));
    }
    (bytes, entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RootOf;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path(), RootOf::UserPath).unwrap();
        Store::create(&dir).unwrap();
        let store = Store::open(&dir).unwrap();
        (folder, store)
    }

    /// A frame of one object of so many bytes.
    fn frame(byte: u8, bytes: usize) -> PendingFrame {
        let payload = vec![byte; bytes];
        let ids = vec![ObjectId::of(ObjectKind::Blob, &payload)];
        PendingFrame { kind: ObjectKind::Blob, content: Content::Single, coding: PendingCoding::Raw, raw_bytes: bytes as u32, payload, ids }
    }

    #[test]
    fn a_batch_moves_to_a_file_when_it_is_larger_than_memory_may_hold() {
        let (_folder, store) = store();
        let batch = store.batch().unwrap();
        batch.add(frame(1, BATCH_BYTES_MAX - 10)).unwrap();
        batch.add(frame(2, 10)).unwrap();
        let held = || {
            let state = batch.lock();
            (state.frames.len(), state.files.len())
        };
        assert_eq!(held(), (2, 0));
        batch.add(frame(3, 1)).unwrap();
        assert_eq!(held(), (0, 1));
    }

    #[test]
    fn what_was_published_is_counted() {
        let (_folder, store) = store();
        let batch = store.batch().unwrap();
        batch.add(frame(1, 100)).unwrap();
        batch.add(frame(2, 20)).unwrap();
        let published = store.publish(batch, b"record").unwrap();
        assert_eq!((published.raw_bytes, published.objects), (120, 2));
        assert_eq!(published.stored_bytes, store.stored_bytes().unwrap() - SEGMENT_HEADER_BYTES as u64);
    }

    #[test]
    fn objects_of_several_files_are_found_in_their_segments() {
        let (_folder, store) = store();
        store.publish(store.batch().unwrap(), b"first").unwrap();
        let batch = store.batch().unwrap();
        let mut ids = Vec::new();
        for byte in 1..=3 {
            let mut state = batch.lock();
            // As if the one before were full.
            let mut file = store.tmp.temp_file().unwrap();
            file.write(&new_header(&store.tmp)).unwrap();
            state.files.push(file);
            let frame = frame(byte, 100);
            state.write_out(&store.tmp, &frame).unwrap();
            ids.extend(frame.ids);
        }
        assert_eq!(store.publish(batch, b"second").unwrap().end.segment, 4);
        for (id, segment) in ids.iter().zip(2..) {
            assert_eq!(store.likely_location(id), Some(Location::new(segment, SEGMENT_HEADER_BYTES as u32, 0)));
            assert!(store.contains(ObjectKind::Blob, id).unwrap());
        }
    }

    #[test]
    fn a_segment_that_is_full_is_not_appended_to() {
        for (more, segment) in [(0, 1), (1, 2)] {
            let (_folder, store) = store();
            store.publish(store.batch().unwrap(), b"first").unwrap();
            // A hole takes no room.
            store.segments.file(1, true).unwrap().truncate(SEGMENT_APPEND_BYTES_MAX - 106 + more).unwrap();
            let batch = store.batch().unwrap();
            batch.add(frame(1, 100)).unwrap();
            assert_eq!(store.publish(batch, b"record").unwrap().end.segment, segment);
        }
    }

    #[test]
    fn records_that_do_not_fit_into_one_frame_are_refused() {
        let (_folder, store) = store();
        let publish = |records: &[Vec<u8>]| store.publish_records(store.batch().unwrap(), records);
        assert!(matches!(publish(&[vec![0; FRAME_RAW_BYTES_MAX + 1]]), Err(StoreError::TooLarge { .. })));
        assert!(matches!(publish(&vec![vec![]; RECORD_GROUP_MEMBERS_MAX + 1]), Err(StoreError::TooLarge { .. })));
        assert_eq!(store.stored_bytes().unwrap(), 0);
        publish(&[vec![0; FRAME_RAW_BYTES_MAX]]).unwrap();
        publish(&vec![vec![]; RECORD_GROUP_MEMBERS_MAX]).unwrap();
    }
}
