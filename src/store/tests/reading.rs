//! What a reader keeps, how far it decodes, and where it looks.

use std::sync::atomic::Ordering;

use super::collecting::{collect, history, live_set, seal};
use super::*;
use crate::format::frame::{Base, Coding, Content, Frame, FrameHeader, encode_frame};
use crate::format::index::{IdPrefix, encode_run};
use crate::store::decoded::Decoded;

/// A text that shrinks by half and shares nothing with others.
fn text(seed: u64, bytes: usize) -> Vec<u8> {
    noise(seed, bytes / 2).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
}

/// Two groups of forty texts, each group far longer than what zstd decompresses at a time.
fn groups(store: &Store) -> [Vec<Location>; 2] {
    let batch = store.batch().unwrap();
    let mut writer = Writer::new(store, &batch).unwrap();
    let ids = [0, 100].map(|first_seed| {
        let contents: Vec<Vec<u8>> = (first_seed..first_seed + 40).map(|seed| text(seed, 12_000)).collect();
        let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        writer.put_group(ObjectKind::Blob, &slices).unwrap()
    });
    drop(writer);
    store.publish(batch, b"record").unwrap();
    ids.map(|ids| ids.iter().map(|id| store.likely_location(id).unwrap()).collect())
}

fn is_same(one: &Decoded, other: &Decoded) -> bool {
    Arc::ptr_eq(&one.content, &other.content)
}

#[test]
fn what_was_decoded_lately_is_not_decoded_again() {
    let test = TestStore::new();
    let store = test.open();
    let versions = history(&store, 3, 3);
    seal(&store);
    for round in 0..2 {
        let location = store.likely_location(&versions[2][1]).unwrap();
        let mut reader = store.reader();
        let first = reader.decode(location).unwrap();
        assert!(is_same(&first, &reader.decode(location).unwrap()), "round {round}");
        let mut next = Reader::new(&store, reader.into_state());
        assert!(is_same(&first, &next.decode(location).unwrap()), "round {round}");
        collect(&store, &[1], &live_set(&versions[1..]));
        let location = store.likely_location(&versions[2][1]).unwrap();
        let anew = next.decode(location).unwrap();
        assert!(!is_same(&first, &anew), "round {round}: another frame may stand there");
        assert!(is_same(&anew, &next.decode(location).unwrap()), "round {round}");
    }
}

#[test]
fn of_a_group_no_more_is_decoded_than_is_asked_for_unless_it_is_met_again() {
    let test = TestStore::new();
    let store = test.open();
    let [one, other] = groups(&store);
    let mut reader = store.reader();
    let mut decoded = |location: Location| {
        let decoded = reader.decode(location).unwrap();
        let end = decoded.header.member_range(location.member()).unwrap().end;
        let raw_bytes = decoded.header.raw_bytes as usize;
        assert!(decoded.content.len() >= end && decoded.content.capacity() == raw_bytes);
        if decoded.content.len() == raw_bytes { "all" } else { "a part" }
    };
    assert_eq!([one[0], one[15], other[3], other[20]].map(&mut decoded), ["a part"; 4]);
    assert_eq!(decoded(one[16]), "a part", "which is at hand");
    assert_eq!(decoded(one[30]), "all");
    assert_eq!(decoded(other[39]), "all");
}

#[test]
fn no_more_is_read_than_the_caller_can_take() {
    let test = TestStore::new();
    let store = test.open();
    for content in [noise(1, 1000), noise(2, WHOLE_BYTES_MAX + 1000)] {
        let (ids, _) = push(&store, &[(&content, None)], b"record");
        let length = content.len() as u64;
        assert_eq!(store.read(ObjectKind::Blob, &ids[0], length).unwrap(), content);
        match store.read(ObjectKind::Blob, &ids[0], length - 1) {
            Err(StoreError::TooLarge { bytes, bytes_max }) => assert_eq!((bytes, bytes_max), (length, length - 1)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_length_of_a_content_is_told_without_reading_it() {
    let test = TestStore::new();
    let store = test.open();
    let (mut ids, _) = push(&store, &[(&noise(1, 1000), None), (&noise(2, WHOLE_BYTES_MAX + 1000), None)], b"record");
    let batch = store.batch().unwrap();
    ids.extend(Writer::new(&store, &batch).unwrap().put_group(ObjectKind::Blob, &[b"one", b"other"]).unwrap());
    store.publish(batch, b"record").unwrap();
    let lengths = [1000, WHOLE_BYTES_MAX as u64 + 1000, 3, 5];
    let mut reader = store.reader();
    for (id, length) in ids.iter().zip(lengths) {
        assert!(reader.may_have_length(id, length));
        assert!([0, 1, length - 1, length + 1].iter().all(|&other| !reader.may_have_length(id, other)), "{length}");
    }
    assert!(!reader.may_have_length(&ObjectId::ZERO, 0), "it is not here");
    std::fs::write(test.segment(1), b"rotten").unwrap();
    assert!(test.open().reader().may_have_length(&ids[0], 7), "nothing is known");
}

#[test]
fn who_misses_what_others_moved_or_published_need_not_read_all_segments() {
    let test = TestStore::new();
    let (store, before) = (test.open(), test.open());
    let versions = history(&store, 3, 3);
    assert!(read(&before, &versions[2][1]).is_ok() && !before.rescued.load(Ordering::SeqCst));
    seal(&store);
    let before = test.open();
    collect(&store, &[1], &live_set(&versions[2..]));
    assert!(read(&before, &versions[2][1]).is_ok() && !before.rescued.load(Ordering::SeqCst));
}

#[test]
fn a_base_that_stands_in_two_places_is_found() {
    let test = TestStore::new();
    let store = test.open();
    let content = noise(1, 3000);
    let batches = [(); 2].map(|()| {
        let batch = store.batch().unwrap();
        Writer::new(&store, &batch).unwrap().put(ObjectKind::Blob, &content, None).unwrap();
        batch
    });
    batches.into_iter().for_each(|batch| _ = store.publish(batch, b"record").unwrap());
    seal(&store);
    let base = ObjectId::of(ObjectKind::Blob, &content);
    assert_eq!(store.candidates(&base).len(), 2);
    let edited = [&content[..], b"edited"].concat();
    let (ids, published) = push(&store, &[(&edited, Some(base))], b"record");
    assert!(published.stored_bytes < 200);
    assert_eq!(read(&test.open(), &ids[0]).unwrap(), edited);
}

/// Two frames that each are said to be a delta against a content that stands in either.
#[test]
fn bases_that_lead_round_in_circles_are_an_error() {
    let test = TestStore::new();
    let (_, published) = push(&test.open(), &[(b"first", None)], b"record");
    let id = ObjectId::of(ObjectKind::Blob, b"of which nobody knows the content");
    let header = FrameHeader {
        kind: ObjectKind::Blob,
        content: Content::Single,
        coding: Coding::Delta { base: Base::Far(id), depth: 1 },
        raw_bytes: 100,
        stored_bytes: 10,
    };
    let mut segment = std::fs::read(test.segment(1)).unwrap();
    let places = [(); 2].map(|()| {
        let offset = segment.len() as u32;
        encode_frame(&header, &[0; 10], &mut segment);
        (IdPrefix::of(&id), Location::new(1, offset, 0).number())
    });
    std::fs::write(test.segment(1), &segment).unwrap();
    let index = test.folder.path().join("index");
    std::fs::remove_file(index.join("tail")).unwrap();
    std::fs::write(index.join("00000001.run"), encode_run(&places, (published.end.segment, segment.len() as u64))).unwrap();
    let store = test.open();
    assert_eq!(store.candidates(&id).len(), 2);
    assert!(read(&store, &id).is_err_and(|error| error.is_damage()));
}

#[test]
fn what_a_reader_cannot_pass_on_is_no_damage() {
    let test = TestStore::new();
    let store = test.open();
    let (ids, _) = push(&store, &[(b"small", None), (&noise(1, 3 << 20), None)], b"r1");
    for id in ids {
        let mut taken = 0;
        let result = store.reader().stream(ObjectKind::Blob, &id, &mut |piece| {
            taken += piece.len();
            Err(std::io::ErrorKind::BrokenPipe.into())
        });
        assert!(matches!(&result, Err(StoreError::Sink(error)) if error.kind() == std::io::ErrorKind::BrokenPipe));
        assert!(taken > 0 && !result.unwrap_err().is_damage());
    }
}

#[test]
fn what_stands_before_the_damage_in_a_group_stays_readable() {
    // The last one begins where zstd begins a block, which is as long as a block can be.
    let texts = [0, 1, 2].map(|seed| text(seed, 64 << 10));
    let test = TestStore::new();
    let store = test.open();
    let batch = store.batch().unwrap();
    let ids = Writer::new(&store, &batch).unwrap().put_group(ObjectKind::Blob, &texts.each_ref().map(Vec::as_slice)).unwrap();
    store.publish(batch, b"record").unwrap();
    let mut bytes = std::fs::read(test.segment(1)).unwrap();
    let group_end = SEGMENT_HEADER_BYTES + Frame::parse(&bytes[SEGMENT_HEADER_BYTES..]).unwrap().frame_bytes;
    bytes[group_end - 4000..group_end - 1000].fill(0xff);
    std::fs::write(test.segment(1), bytes).unwrap();
    let check = |store: &Store| {
        let mut reader = store.reader();
        for at in [2, 1, 2, 1, 0, 2, 0, 1] {
            let read = reader.read(ObjectKind::Blob, &ids[at], u64::MAX);
            match at {
                2 => assert!(read.is_err_and(|error| error.is_damage())),
                at => assert_eq!(read.unwrap(), texts[at]),
            }
        }
    };
    check(&test.open());
    // Also when nobody says any more what stands where.
    store.forget_index().unwrap();
    let store = test.open();
    store.catch_up(Known::Nothing).unwrap();
    check(&store);
}
