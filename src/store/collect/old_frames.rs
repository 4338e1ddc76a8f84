//! What stands in the segments that go, and holding the new one against it before it takes their place.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{LiveSet, refuse_cancelled};
use crate::disk::TempFile;
use crate::format::frame::{Frame, SEGMENT_HEADER_BYTES};
use crate::id::{ObjectId, ObjectKind};
use crate::store::recover::Step;
use crate::store::{Location, Position, Store, StoreError, StoreResult};

/// A frame, and the objects in it.
pub(super) struct OldFrame {
    pub location: Location,
    pub kind: ObjectKind,
    /// The objects in it and whether they live.
    pub members: Vec<(ObjectId, bool)>,
}

/// What stands in the segments that go, in order.
pub(super) struct OldFrames {
    pub frames: Vec<OldFrame>,
    /// Place in the list by location.
    places: HashMap<Location, usize>,
}

impl OldFrames {
    /// Reads all frames. What deltas elsewhere are made against lives.
    pub fn read(store: &Store, inputs: &[u32], live: &LiveSet, cancel: &AtomicBool) -> StoreResult<Self> {
        let mut frames = Vec::new();
        let mut reader = store.reader();
        let bases = store.bases_outside(inputs)?;
        for &number in inputs {
            store.steps_in(number, Position::default(), &mut |step| {
                refuse_cancelled(cancel)?;
                let Step::Frame { location, frame } = step else {
                    return Err(StoreError::Codec("a segment has bytes that are no frame"));
                };
                let is_record = frame.header.kind == ObjectKind::Record;
                let ids = if is_record { Vec::new() } else { reader.ids_in(location)? };
                let members = ids.into_iter().map(|id| (id, live.contains(&id) || bases.contains(&id))).collect();
                frames.push(OldFrame { location, kind: frame.header.kind, members });
                Ok(())
            })?;
        }
        let places = frames.iter().enumerate().map(|(place, frame)| (frame.location, place)).collect();
        Ok(Self { frames, places })
    }

    /// The object at a location, and whether it lives; `None` for one that is not in these segments.
    pub fn member(&self, location: Location) -> Option<(ObjectId, bool)> {
        let frame = &self.frames[*self.places.get(&location.frame())?];
        frame.members.get(usize::from(location.member())).copied()
    }

    /// The objects that do not live, and their number.
    pub fn dropped(&self) -> (LiveSet, u64) {
        let mut dropped = LiveSet::default();
        let mut count = 0;
        for (id, _) in self.frames.iter().flat_map(|frame| &frame.members).filter(|(_, lives)| !lives) {
            dropped.insert(id);
            count += 1;
        }
        (dropped, count)
    }

    /// Reads the new segment back: every frame whole, every content with its id, everything that lives, every record.
    pub fn hold_against(&self, store: &Store, file: &TempFile, entries: &[(ObjectId, Location)]) -> StoreResult<()> {
        let map = Arc::new(file.map()?);
        let mut found: HashSet<(ObjectKind, ObjectId)> = HashSet::new();
        let mut records = Vec::new();
        let adopted = store.segments.adopt(map.clone())?;
        let mut reader = store.reader();
        let mut offset = SEGMENT_HEADER_BYTES;
        let mut objects = 0;
        while offset < map.len() {
            let frame = Frame::parse_checked(&map[offset..])?;
            if frame.header.kind == ObjectKind::Record {
                records.push(ObjectId::of(ObjectKind::Record, frame.payload));
            } else {
                let ids = reader.ids_in(Location::new(adopted.number(), offset as u32, 0))?;
                objects += ids.len();
                found.extend(ids.into_iter().map(|id| (frame.header.kind, id)));
            }
            offset += frame.frame_bytes;
        }
        let mut living = self.frames.iter().flat_map(|frame| frame.members.iter().map(move |member| (frame.kind, member)));
        let is_whole = living.all(|(kind, (id, lives))| !lives || found.contains(&(kind, *id)));
        if is_whole && objects == entries.len() && records == self.records(store)? {
            return Ok(());
        }
        Err(StoreError::Codec("a segment that was written anew does not hold what the old ones hold"))
    }

    fn records(&self, store: &Store) -> StoreResult<Vec<ObjectId>> {
        let records = self.frames.iter().filter(|frame| frame.kind == ObjectKind::Record);
        records.map(|frame| store.with_frame(frame.location, |frame| Ok(ObjectId::of(ObjectKind::Record, frame.payload)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Dir, RootOf};
    use crate::store::segments::new_header;
    use crate::store::{When, Writer};

    /// A store whose first segment has three pushes of an object each; the bytes of each frame, and the objects.
    fn store() -> (tempfile::TempDir, Store, Vec<Vec<u8>>, Vec<ObjectId>) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path(), RootOf::UserPath).unwrap();
        Store::create(&dir).unwrap();
        let store = Store::open(&dir).unwrap();
        let push = |content: &[u8]| {
            let batch = store.batch().unwrap();
            let id = Writer::new(&store, &batch).unwrap().put(ObjectKind::Blob, content, None).unwrap();
            store.publish_when(batch, content, When::Now).unwrap();
            id
        };
        let ids = [&b"one"[..], b"two", b"three"].map(push).to_vec();
        let map = store.segments.map(1, 0).unwrap().unwrap();
        let mut frames = Vec::new();
        let mut rest = &map[SEGMENT_HEADER_BYTES..];
        while let Ok(frame) = Frame::parse_checked(rest) {
            frames.push(rest[..frame.frame_bytes].to_vec());
            rest = &rest[frame.frame_bytes..];
        }
        assert_eq!(frames.len(), 6);
        (folder, store, frames, ids)
    }

    #[test]
    fn a_new_segment_must_hold_what_lives_and_every_record_and_nothing_unknown() {
        let (_folder, store, frames, ids) = store();
        let mut live = LiveSet::default();
        ids[..2].iter().for_each(|id| _ = live.insert(id));
        let old = OldFrames::read(&store, &[1], &live, &false.into()).unwrap();
        assert_eq!((old.dropped().0.len(), old.dropped().1), (1, 1));
        // Places of frames in the old segment: objects are even, their records odd.
        let holds = |places: &[usize], entries: usize| {
            let mut file = store.tmp().temp_file().unwrap();
            file.write(&new_header(store.tmp())).unwrap();
            places.iter().for_each(|&place| file.write(&frames[place]).unwrap());
            let entries = vec![(ids[0], Location::new(1, 0, 0)); entries];
            old.hold_against(&store, &file, &entries).is_ok()
        };
        assert!(holds(&[0, 2, 1, 3, 5], 2), "all that lives, and all records in their order");
        assert!(holds(&[0, 1, 2, 3, 4, 5], 3), "and what is dead");
        for (places, entries, why) in [
            (&[0, 1, 3, 5][..], 1, "something that lives is missing"),
            (&[0, 1, 3, 5], 2, "the same, with an entry"),
            (&[0, 2, 1, 3], 2, "a record is missing"),
            (&[0, 2, 3, 1, 5], 2, "records have changed places"),
            (&[0, 2, 1, 3, 5, 5], 2, "a record stands twice"),
            (&[0, 2, 1, 3, 5], 3, "an object of the index is missing"),
            (&[0, 2, 4, 1, 3, 5], 2, "the index lacks an object"),
        ] {
            assert!(!holds(places, entries), "{why}");
        }
    }
}
