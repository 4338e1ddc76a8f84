//! Readers that are open while others publish.

use super::*;
use crate::format::frame::Frame;

/// What a push leaves when it is killed before it has told the index: the index as it was.
fn without_telling_the_index(test: &TestStore, work: impl FnOnce()) {
    let tail = test.folder.path().join("index/tail");
    let before = std::fs::read(&tail).unwrap_or_default();
    work();
    std::fs::write(&tail, before).unwrap();
}

#[test]
fn a_reader_catches_up_any_number_of_times() {
    let test = TestStore::new();
    push(&test.open(), &[(b"first", None)], b"r0");
    let reader = test.open();
    for round in 0..20_u64 {
        let content = noise(round, 300);
        let push_it = || push(&test.open(), &[(&content, None)], b"record").0;
        let mut ids = Vec::new();
        if round % 2 == 0 {
            ids = push_it();
        } else {
            without_telling_the_index(&test, || ids = push_it());
        }
        assert_eq!(read(&reader, &ids[0]).unwrap(), content, "round {round}");
    }
    let missing = ObjectId::of(ObjectKind::Blob, b"never stored");
    assert!(matches!(read(&reader, &missing), Err(StoreError::Missing { .. })));
}

#[test]
fn what_a_reader_remembered_does_not_end_up_over_the_entries_of_others() {
    let test = TestStore::new();
    let (first, _) = push(&test.open(), &[(b"first", None)], b"r0");
    let slow = test.open();
    let mut second = Vec::new();
    without_telling_the_index(&test, || second = push(&test.open(), &[(b"second", None)], b"r1").0);
    // It takes the push into its memory, while the one who made it tells the index on disk.
    assert_eq!(read(&slow, &second[0]).unwrap(), b"second");
    test.open().catch_up(Known::UpTo(slow.end().unwrap())).unwrap();
    // Then it publishes itself.
    slow.catch_up(Known::UpTo(slow.end().unwrap())).unwrap();
    let (third, published) = push(&slow, &[(b"third", None)], b"r2");
    let store = test.open();
    assert!(store.is_indexed(published.end), "the tail has no gap");
    for (id, content) in [(&first, &b"first"[..]), (&second, b"second"), (&third, b"third")] {
        assert_eq!(read(&store, &id[0]).unwrap(), content);
    }
}

/// Takes the record of the last push off the end of its segment: the push was killed while it wrote.
fn cut_off_the_record(test: &TestStore, end: Position) {
    let path = test.segment(end.segment);
    let bytes = std::fs::read(&path).unwrap();
    let mut offset = SEGMENT_HEADER_BYTES;
    let mut last = offset;
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
    without_telling_the_index(&test, || {
        let (_, killed) = push(&test.open(), &[(b"of a push that was killed", None)], b"r1");
        cut_off_the_record(&test, killed.end);
    });
    // As somebody does whose index is wrong.
    assert!(store.rescue_index().unwrap());
    let batch = store.batch().unwrap();
    let id = Writer::new(&store, &batch).unwrap().put(ObjectKind::Blob, b"of a push that was killed", None).unwrap();
    store.catch_up(Known::UpTo(known.end)).unwrap();
    store.publish(batch, b"r2").unwrap();
    assert_eq!(read(&test.open(), &id).unwrap(), b"of a push that was killed");
}
