//! An index whose entries say something else than the segments: it costs time, and never a content.

use super::*;
use crate::format::frame::Frame;
use crate::format::index::{IdPrefix, encode_run};

fn text_of(file: u64) -> Vec<u8> {
    noise(file, 2000).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
}

/// Two texts of the same length in one segment, and in the next an edit of the first, as a delta. Everything lives.
fn an_edit_far_from_its_base(test: &TestStore) -> (Vec<ObjectId>, LiveSet) {
    let store = test.open();
    let (mut ids, _) = push(&store, &[(&text_of(1), None), (&text_of(2), None)], b"r1");
    store.publish_when(store.batch().unwrap(), b"sealed", When::Sealing).unwrap();
    let mut edited = text_of(1);
    edited[1000] = b'#';
    ids.extend(push(&store, &[(&edited, Some(ids[0]))], b"r2").0);
    store.publish_when(store.batch().unwrap(), b"sealed", When::Sealing).unwrap();
    let mut live = LiveSet::default();
    ids.iter().for_each(|id| _ = live.insert(id));
    (ids, live)
}

/// Writes an index that has the places of two objects exchanged.
fn exchange_in_index(test: &TestStore, one: &ObjectId, other: &ObjectId) {
    let store = test.open();
    let (mut entries, covered) = {
        let index = store.index.read().unwrap();
        (index.entries().collect::<Vec<_>>(), index.covered())
    };
    let place_of = |id: &ObjectId| entries.iter().position(|(prefix, _)| *prefix == IdPrefix::of(id)).unwrap();
    let (one, other) = (place_of(one), place_of(other));
    (entries[one].1, entries[other].1) = (entries[other].1, entries[one].1);
    entries.sort_unstable();
    store.forget_index().unwrap();
    drop(store);
    let folder = test.folder.path().join("index");
    std::fs::read_dir(&folder).unwrap().for_each(|entry| std::fs::remove_file(entry.unwrap().path()).unwrap());
    std::fs::write(folder.join("00000001.run"), encode_run(&entries, (covered.segment, covered.offset))).unwrap();
}

fn with_a_wrong_index() -> (TestStore, Vec<ObjectId>, LiveSet) {
    let test = TestStore::new();
    let (ids, live) = an_edit_far_from_its_base(&test);
    exchange_in_index(&test, &ids[0], &ids[1]);
    assert_eq!(test.open().candidates(&ids[0]).len(), 1, "the index is taken for whole");
    (test, ids, live)
}

#[test]
fn a_collection_drops_nothing_that_lives() {
    let (test, ids, live) = with_a_wrong_index();
    let store = test.open();
    let rewritten = store.rewrite(&[2], &live, Effort::default(), &AtomicBool::new(false)).unwrap();
    assert_eq!(rewritten.dropped_objects(), 0);
    store.swap(rewritten, &store.try_no_pins().unwrap().unwrap()).unwrap();
    let mut edited = text_of(1);
    edited[1000] = b'#';
    assert_eq!(read(&test.open(), &ids[2]).unwrap(), edited);
}

#[test]
fn a_check_alarms_nobody() {
    let (test, ids, _) = with_a_wrong_index();
    let report = test.open().check(&mut |_| true).unwrap();
    assert_eq!(report.damages, []);
    assert!(ids.iter().all(|id| report.whole.contains(&(ObjectKind::Blob, *id))));
}

#[test]
fn whoever_looks_into_frames_is_told_what_is_in_them() {
    let (test, ids, _) = with_a_wrong_index();
    let mut found = Vec::new();
    let store = test.open();
    store
        .each_frame(&mut |_, _, holds| {
            match holds {
                FrameHolds::Objects(_, of_frame) => found.extend_from_slice(of_frame),
                FrameHolds::Record => {}
                FrameHolds::Damaged(why) => panic!("{why}"),
            }
            true
        })
        .unwrap();
    assert_eq!(found, ids);
}

/// Takes the record of the last push off the end of its segment: the push was killed while it wrote.
fn cut_off_the_record(test: &TestStore, end: Position) {
    let path = test.segment(end.segment);
    let bytes = std::fs::read(&path).unwrap();
    let (mut offset, mut last) = (SEGMENT_HEADER_BYTES, 0);
    while offset < bytes.len() {
        last = offset;
        offset += Frame::parse_checked(&bytes[offset..]).unwrap().frame_bytes;
    }
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(last as u64).unwrap();
}

#[test]
fn nobody_builds_upon_a_push_that_never_ended_not_even_who_reads_all_segments() {
    let test = TestStore::new();
    let (_, known) = push(&test.open(), &[(b"first", None)], b"r0");
    let store = test.open();
    store.catch_up(Known::UpTo(known.end)).unwrap();
    follow::without_telling_the_index(&test, || {
        let (_, killed) = push(&test.open(), &[(b"of a push that was killed", None)], b"r1");
        cut_off_the_record(&test, killed.end);
    });
    assert!(store.rescue_index().unwrap());
    let batch = store.batch().unwrap();
    let id = Writer::new(&store, &batch).unwrap().put(ObjectKind::Blob, b"of a push that was killed", None).unwrap();
    store.catch_up(Known::UpTo(known.end)).unwrap();
    store.publish(batch, b"r2").unwrap();
    assert_eq!(read(&test.open(), &id).unwrap(), b"of a push that was killed");
}
