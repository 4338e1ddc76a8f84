//! What a writer puts, and what it takes for known.

use super::collecting::{collect, live_set, seal};
use super::rewriting::frames;
use super::*;
use crate::format::frame::Frame;
use crate::limits::{GROUP_MEMBERS_MAX, SEGMENTS_MAX};

/// Puts one content into a batch of its own; its id and how many objects that took.
fn put(store: &Store, content: &[u8], base: Option<&ObjectId>, mends: bool) -> (ObjectId, u64) {
    let batch = store.batch().unwrap();
    let id = Writer::new(store, &batch).unwrap().mending(mends).put(ObjectKind::Blob, content, base).unwrap();
    (id, store.publish(batch, b"record").unwrap().objects)
}

/// A store with one content, of whose first frame a byte has rotted.
fn with_rotten(content: &[u8]) -> (TestStore, ObjectId) {
    let test = TestStore::new();
    let (id, _) = put(&test.open(), content, None, false);
    let mut bytes = std::fs::read(test.segment(1)).unwrap();
    let frame_bytes = Frame::parse(&bytes[SEGMENT_HEADER_BYTES..]).unwrap().frame_bytes;
    bytes[SEGMENT_HEADER_BYTES + frame_bytes - 10] ^= 1;
    std::fs::write(test.segment(1), bytes).unwrap();
    (test, id)
}

fn put_group(store: &Store, numbers: std::ops::Range<usize>) {
    let batch = store.batch().unwrap();
    let contents: Vec<Vec<u8>> = numbers.map(|number| format!("number {number}").into_bytes()).collect();
    let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    Writer::new(store, &batch).unwrap().put_group(ObjectKind::Blob, &slices).unwrap();
    store.publish(batch, b"record").unwrap();
}

#[test]
fn only_what_is_longer_than_one_object_may_be_is_cut() {
    let test = TestStore::new();
    let store = test.open();
    for (bytes, is_cut) in [(WHOLE_BYTES_MAX, false), (WHOLE_BYTES_MAX + 1, true)] {
        let (id, objects) = put(&store, &noise(1, bytes), None, false);
        let chunks = store.reader().chunks(ObjectKind::Blob, &id).unwrap().len();
        assert_eq!((chunks > 0, chunked(bytes as u64)), (is_cut, is_cut), "{bytes} bytes");
        assert_eq!(objects, chunks as u64 + 1);
    }
}

#[test]
fn a_group_is_of_what_is_new_and_not_too_large_nor_of_one() {
    let test = TestStore::new();
    let store = test.open();
    put_group(&store, 0..GROUP_MEMBERS_MAX);
    assert_eq!(frames(&store).0, [GROUP_MEMBERS_MAX]);
    put_group(&store, 0..GROUP_MEMBERS_MAX + 1);
    assert_eq!(frames(&store).0, [GROUP_MEMBERS_MAX, 0]);
    put_group(&store, 0..2 * GROUP_MEMBERS_MAX + 2);
    assert_eq!(frames(&store).0, [GROUP_MEMBERS_MAX, 0, GROUP_MEMBERS_MAX, 0]);
    put_group(&store, 5..10);
    assert_eq!(frames(&store).0.len(), 4);
}

#[test]
fn what_is_rotten_is_put_again_unless_it_is_said_to_be_as_before() {
    for bytes in [3000, WHOLE_BYTES_MAX + 1] {
        let content = noise(1, bytes);
        let (test, id) = with_rotten(&content);
        let list = u64::from(chunked(bytes as u64));
        assert_eq!(put(&test.open(), &content, Some(&id), false), (id, list), "{bytes} bytes: what a version has is not read");
        assert!(read(&test.open(), &id).is_err());
        for (base, mends) in [(None, false), (Some(&id), true)] {
            let (test, _) = with_rotten(&content);
            assert_eq!(put(&test.open(), &content, base, mends), (id, 1 + list), "{bytes} bytes, base {base:?}");
            assert_eq!(read(&test.open(), &id).unwrap(), content);
            assert_eq!(put(&test.open(), &content, base, mends), (id, 0), "{bytes} bytes, base {base:?}: it is there");
        }
    }
}

#[test]
fn what_a_version_has_and_the_store_has_not_is_put() {
    let small = noise(2, 3000);
    let test = TestStore::new();
    let id = ObjectId::of(ObjectKind::Blob, &small);
    assert_eq!(put(&test.open(), &small, Some(&id), false), (id, 1));
    assert_eq!(read(&test.open(), &id).unwrap(), small);

    let test = TestStore::new();
    let store = test.open();
    let large = noise(1, 3 * WHOLE_BYTES_MAX);
    let (id, objects) = put(&store, &large, None, false);
    seal(&store);
    // The list stays, its chunks go.
    collect(&store, &[1], &live_set([&vec![id]]));
    let store = test.open();
    assert!(read(&store, &id).is_err());
    assert_eq!(put(&store, &large, Some(&id), false), (id, objects));
    assert_eq!(read(&test.open(), &id).unwrap(), large);
}

#[test]
fn a_base_that_is_not_there_or_rotten_is_done_without() {
    let base = noise(1, 3000);
    let edited = [&base[..], b"edited"].concat();
    let (rotten, id) = with_rotten(&base);
    for test in [rotten, TestStore::new()] {
        let (edited_id, objects) = put(&test.open(), &edited, Some(&id), false);
        let store = test.open();
        let decoded = store.reader().decode(store.likely_location(&edited_id).unwrap()).unwrap();
        assert_eq!((objects, decoded.header.depth()), (1, 0));
        assert_eq!(*decoded.content, edited);
    }
}

#[test]
fn lists_of_chunks_are_deltas_too_up_to_the_longest_chain() {
    let test = TestStore::new();
    let mut content = noise(1, WHOLE_BYTES_MAX + 1);
    let (mut id, _) = put(&test.open(), &content, None, false);
    let mut list_depths = Vec::new();
    for version in 0..=usize::from(DELTA_DEPTH_MAX) + 1 {
        // Each list's base is in another segment, and named by its id.
        seal(&test.open());
        content[version] ^= 1;
        id = put(&test.open(), &content, Some(&id), false).0;
        let store = test.open();
        let mut reader = store.reader();
        assert_eq!(reader.read(ObjectKind::Blob, &id, u64::MAX).unwrap(), content);
        let (location, _) = reader.chunk_list(ObjectKind::Blob, &id).unwrap().unwrap();
        list_depths.push(reader.decode(location).unwrap().header.depth());
    }
    let expected: Vec<u8> = (1..=DELTA_DEPTH_MAX).chain([1, 2]).collect();
    assert_eq!(list_depths, expected);
}

#[test]
fn a_content_that_cannot_be_read_to_its_end_leaves_nothing() {
    struct Breaks<'a>(&'a [u8]);
    impl std::io::Read for Breaks<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() { Err(std::io::ErrorKind::ConnectionReset.into()) } else { self.0.read(buffer) }
        }
    }
    let test = TestStore::new();
    let store = test.open();
    for bytes in [0, 1000, WHOLE_BYTES_MAX, 3 * WHOLE_BYTES_MAX] {
        let (content, batch) = (noise(1, bytes), store.batch().unwrap());
        let put = Writer::new(&store, &batch).unwrap().put_stream(ObjectKind::Blob, Breaks(&content), None);
        assert!(matches!(put, Err(StoreError::Source(error)) if error.kind() == std::io::ErrorKind::ConnectionReset), "{bytes} bytes");
        drop(batch);
        assert_eq!(store.stored_bytes().unwrap(), 0, "{bytes} bytes");
    }
}

#[test]
fn a_store_with_a_segment_of_the_highest_number_takes_no_more_of_them() {
    let test = TestStore::new();
    let store = test.open();
    push(&store, &[(b"first", None)], b"r1");
    let last = (1..SEGMENTS_MAX).rev().find(|number| !Segments::is_adopted(*number)).unwrap();
    std::fs::copy(test.segment(1), test.segment(last)).unwrap();
    let store = test.open();
    let large = noise(1, 40 << 20);
    let batch = store.batch().unwrap();
    Writer::new(&store, &batch).unwrap().put(ObjectKind::Blob, &large, None).unwrap();
    assert!(matches!(store.publish(batch, b"r2"), Err(StoreError::Full)));
    // What is there stays, and small pushes go behind it.
    let (ids, _) = push(&store, &[(b"second", None)], b"r2");
    assert_eq!(read(&test.open(), &ids[0]).unwrap(), b"second");
}
