//! The store as its users see it.

use super::*;
use crate::disk::RootOf;
use crate::format::frame::SEGMENT_HEADER_BYTES;
use crate::limits::{BATCH_BYTES_MAX, DELTA_DEPTH_MAX, WHOLE_BYTES_MAX};
use proptest::prelude::*;

mod catching_up;
mod collecting;
mod follow;
mod reading;
mod rewriting;
mod simulation;
mod unsettled;
mod writing;
mod wrong_index;

pub(super) struct TestStore {
    folder: tempfile::TempDir,
}

impl TestStore {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let test = Self { folder };
        Store::create(&test.dir()).unwrap();
        test
    }

    fn dir(&self) -> Dir {
        Dir::open(self.folder.path(), RootOf::UserPath).unwrap()
    }

    pub(super) fn open(&self) -> Store {
        Store::open(&self.dir()).unwrap()
    }

    fn segment(&self, number: u32) -> std::path::PathBuf {
        self.folder.path().join(format!("objects/{number:06}.seg"))
    }
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut noise);
    noise
}

fn push(store: &Store, contents: &[(&[u8], Option<ObjectId>)], record: &[u8]) -> (Vec<ObjectId>, Published) {
    let batch = store.batch().unwrap();
    let mut writer = Writer::new(store, &batch).unwrap();
    let ids = contents.iter().map(|(content, base)| writer.put(ObjectKind::Blob, content, base.as_ref()).unwrap()).collect();
    drop(writer);
    batch.prepare().unwrap();
    let published = store.publish(batch, record).unwrap();
    (ids, published)
}

fn read(store: &Store, id: &ObjectId) -> StoreResult<Vec<u8>> {
    store.read(ObjectKind::Blob, id, u64::MAX)
}

/// Puts a text as a delta, another as a frame of its own, and two as a group.
fn put_each_way(writer: &mut Writer<'_>, base: &ObjectId, text: &[u8]) -> StoreResult<Vec<ObjectId>> {
    let (one, other) = text.split_at(text.len() / 2);
    let mut ids = writer.put_group(ObjectKind::Blob, &[one, other])?;
    ids.push(writer.put(ObjectKind::Blob, text, Some(base))?);
    ids.push(writer.put(ObjectKind::Blob, &text[1..], None)?);
    Ok(ids)
}

#[test]
fn a_bit_that_flips_while_compressing_ends_the_push() {
    let test = TestStore::new();
    let store = test.open();
    let text: Vec<u8> = (0..300u32).flat_map(|n| format!("line {}\n", n * n).into_bytes()).collect();
    let (base, _) = push(&store, &[(&text, None)], b"r1");
    let (mut refused, mut harmless) = (0, 0);
    for flip in 0..3000 {
        let edited = [&text[..], format!("edit {flip}").as_bytes()].concat();
        let before = store.end().unwrap();
        let batch = store.batch().unwrap();
        let mut writer = Writer::new(&store, &batch).unwrap();
        writer.fail_at(flip % 3, flip * 37);
        match put_each_way(&mut writer, &base[0], &edited) {
            Err(StoreError::Unproven) => {
                refused += 1;
                assert_eq!(store.end().unwrap(), before);
            }
            // Some bits of a payload say nothing.
            Ok(ids) => {
                harmless += 1;
                store.publish(batch, b"r").unwrap();
                assert_eq!(read(&store, &ids[2]).unwrap(), edited);
                assert_eq!(read(&store, &ids[3]).unwrap(), edited[1..]);
                assert_eq!([read(&store, &ids[0]).unwrap(), read(&store, &ids[1]).unwrap()].concat(), edited);
            }
            Err(error) => panic!("{error}"),
        }
    }
    println!("{refused} refused, {harmless} harmless");
    assert!(refused > 2900);
}

#[test]
fn objects_come_back_after_reopening() {
    let test = TestStore::new();
    let large = noise(1, 5 << 20);
    let contents: [&[u8]; 4] = [b"", b"one", &[b'x'; 100_000], &large];
    let (ids, published) = push(&test.open(), &contents.map(|content| (content, None)), b"r1");
    let store = test.open();
    for (id, content) in ids.iter().zip(contents) {
        assert!(store.contains(ObjectKind::Blob, id).unwrap());
        assert_eq!(read(&store, id).unwrap(), content);
    }
    assert_eq!(store.end().unwrap(), published.end);
    assert!(published.stored_bytes > 5 << 20 && published.stored_bytes < (5 << 20) + 20_000);
    assert!(matches!(read(&store, &ObjectId::ZERO), Err(StoreError::Missing { .. })));
    assert!(matches!(store.read(ObjectKind::Blob, &ids[3], 1000), Err(StoreError::TooLarge { .. })));
}

#[test]
fn equal_contents_are_stored_once() {
    let test = TestStore::new();
    let store = test.open();
    let content = noise(2, 3 << 20);
    push(&store, &[(&content, None), (&content, None)], b"r1");
    let (_, again) = push(&store, &[(&content, None)], b"r2");
    assert!(again.stored_bytes < 40, "{}", again.stored_bytes);
    assert!(store.stored_bytes().unwrap() < (3 << 20) + 10_000);
}

#[test]
fn long_chains_of_edits_stay_small_and_readable() {
    let test = TestStore::new();
    let mut content = noise(3, 40_000);
    let mut versions = Vec::new();
    let mut base = None;
    for version in 0..100 {
        content[version * 300] ^= 0xff;
        let (ids, _) = push(&test.open(), &[(&content, base)], b"r");
        base = Some(ids[0]);
        versions.push((ids[0], content.clone()));
    }
    let store = test.open();
    assert!(store.stored_bytes().unwrap() < 60_000, "{}", store.stored_bytes().unwrap());
    for (id, content) in &versions {
        assert_eq!(&read(&store, id).unwrap(), content);
        let mut reader = store.reader();
        let location = reader.locate(ObjectKind::Blob, id).unwrap().unwrap();
        let depth = reader.decode(location).unwrap().header.depth();
        assert!(depth <= DELTA_DEPTH_MAX);
    }
}

#[test]
fn edits_of_large_contents_store_little() {
    let test = TestStore::new();
    let mut content = noise(4, 20 << 20);
    let (ids, _) = push(&test.open(), &[(&content, None)], b"r1");
    content.splice(9 << 20..9 << 20, *b"an insertion");
    let (edited, published) = push(&test.open(), &[(&content, Some(ids[0]))], b"r2");
    assert!(published.stored_bytes < 1000, "{}", published.stored_bytes);
    assert_eq!(read(&test.open(), &edited[0]).unwrap(), content);
}

#[test]
fn groups_share_a_frame() {
    let test = TestStore::new();
    let store = test.open();
    let batch = store.batch().unwrap();
    let contents: Vec<Vec<u8>> = (0..5000).map(|n| format!("file number {n}").into_bytes()).collect();
    let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let ids = Writer::new(&store, &batch).unwrap().put_group(ObjectKind::Blob, &slices).unwrap();
    let published = store.publish(batch, b"r").unwrap();
    assert!(published.stored_bytes < 40_000, "{}", published.stored_bytes);
    let store = test.open();
    let mut reader = store.reader();
    for (id, content) in ids.iter().zip(&contents) {
        assert_eq!(&reader.read(ObjectKind::Blob, id, 100).unwrap(), content);
    }
}

#[test]
fn members_of_groups_are_read_in_any_order() {
    let test = TestStore::new();
    let store = test.open();
    let batch = store.batch().unwrap();
    let mut writer = Writer::new(&store, &batch).unwrap();
    // Three groups of many zstd blocks each; the last member of each is empty.
    let hex = |seed: u64| noise(seed, 6000).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
    let content = |group: u64, member: u64| if member == 39 { Vec::new() } else { hex(group * 100 + member) };
    let mut all = Vec::new();
    for group in 0..3 {
        let contents: Vec<Vec<u8>> = (0..40).map(|member| content(group, member)).collect();
        let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let ids = writer.put_group(ObjectKind::Blob, &slices).unwrap();
        all.extend(ids.into_iter().zip(contents));
    }
    drop(writer);
    store.publish(batch, b"r").unwrap();
    for stride in [1, 7, 41, 43, 77, 113] {
        let store = test.open();
        let mut reader = store.reader();
        for step in 0..all.len() {
            let (id, content) = &all[step * stride % all.len()];
            assert_eq!(&reader.read(ObjectKind::Blob, id, 1 << 20).unwrap(), content, "stride {stride}, step {step}");
        }
    }
}

#[test]
fn a_large_batch_becomes_a_segment_of_its_own() {
    let test = TestStore::new();
    let store = test.open();
    let (first, _) = push(&store, &[(b"first", None)], b"r1");
    let contents: Vec<Vec<u8>> = (10..40).map(|seed| noise(seed, WHOLE_BYTES_MAX / 2)).collect();
    assert!(contents.len() * WHOLE_BYTES_MAX / 2 > BATCH_BYTES_MAX);
    let list: Vec<(&[u8], Option<ObjectId>)> = contents.iter().map(|content| (content.as_slice(), None)).collect();
    let (ids, published) = push(&store, &list, b"r2");
    assert_eq!(published.end.segment, 2);
    let (third, published) = push(&store, &[(b"third", None)], b"r3");
    assert_eq!(published.end.segment, 2, "small pushes go on in the newest segment");
    let store = test.open();
    for (id, content) in ids.iter().zip(&contents).chain([(&first[0], &b"first".to_vec()), (&third[0], &b"third".to_vec())]) {
        assert_eq!(&read(&store, id).unwrap(), content);
    }
    assert_eq!(std::fs::read_dir(test.folder.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn records_that_the_log_lacks_are_given() {
    let test = TestStore::new();
    let store = test.open();
    let (_, first) = push(&store, &[(b"one", None)], b"record 1");
    let (_, second) = push(&store, &[(b"two", None)], b"record 2");
    let store = test.open();
    let records = |known| store.catch_up(known).unwrap().records;
    assert_eq!(records(Known::UpTo(second.end)), Vec::<Vec<u8>>::new());
    assert_eq!(records(Known::UpTo(first.end)), [b"record 2".to_vec()]);
    assert_eq!(records(Known::ReadOnly(Position::default())), [b"record 1".to_vec(), b"record 2".to_vec()]);
    assert_eq!(records(Known::Nothing), [b"record 1".to_vec(), b"record 2".to_vec()]);
}

#[test]
fn a_torn_end_is_cut_wherever_it_was_torn() {
    let test = TestStore::new();
    let (kept, first) = push(&test.open(), &[(b"kept", None)], b"record 1");
    let (lost, _) = push(&test.open(), &[(b"lost", None), (b"lost too", None)], b"record 2");
    let whole = std::fs::read(test.segment(1)).unwrap();
    for length in first.end.offset as usize..whole.len() {
        std::fs::write(test.segment(1), &whole[..length]).unwrap();
        let store = test.open();
        let caught = store.catch_up(Known::UpTo(first.end)).unwrap();
        assert_eq!((caught.records.len(), caught.end), (0, first.end), "torn at {length}");
        assert_eq!(std::fs::metadata(test.segment(1)).unwrap().len(), first.end.offset);
        let store = test.open();
        assert_eq!(read(&store, &kept[0]).unwrap(), b"kept");
        assert!(!store.contains(ObjectKind::Blob, &lost[0]).unwrap(), "torn at {length}");
    }
}

#[test]
fn a_torn_first_push_leaves_an_empty_store() {
    let test = TestStore::new();
    push(&test.open(), &[(b"lost", None)], b"record 1");
    let whole = std::fs::read(test.segment(1)).unwrap();
    for length in [0, 10, SEGMENT_HEADER_BYTES, whole.len() - 1] {
        std::fs::write(test.segment(1), &whole[..length]).unwrap();
        let store = test.open();
        assert!(store.catch_up(Known::UpTo(Position::default())).unwrap().records.is_empty());
        assert_eq!(store.end().unwrap(), Position::default());
        let (ids, _) = push(&store, &[(b"next", None)], b"record 1 again");
        assert_eq!(read(&test.open(), &ids[0]).unwrap(), b"next");
    }
}

#[test]
fn a_lost_index_is_made_again() {
    let test = TestStore::new();
    let base = noise(5, 30_000);
    let mut edited = base.clone();
    edited[7] ^= 1;
    let (first, _) = push(&test.open(), &[(&base, None), (&noise(6, 6 << 20), None)], b"record 1");
    let (second, published) = push(&test.open(), &[(&edited, Some(first[0]))], b"record 2");
    for damage in ["remove", "garbage"] {
        for entry in std::fs::read_dir(test.folder.path().join("index")).unwrap() {
            let path = entry.unwrap().path();
            if damage == "remove" { std::fs::remove_file(path).unwrap() } else { std::fs::write(path, b"garbage").unwrap() }
        }
        let store = test.open();
        store.catch_up(Known::UpTo(published.end)).unwrap();
        assert_eq!(read(&test.open(), &second[0]).unwrap(), edited, "{damage}");
        assert_eq!(read(&test.open(), &first[1]).unwrap(), noise(6, 6 << 20), "{damage}");
    }
}

#[test]
fn a_wrong_index_is_found_out() {
    let test = TestStore::new();
    let (ids, published) = push(&test.open(), &[(b"one", None), (b"two", None)], b"record 1");
    let tail = test.folder.path().join("index/tail");
    let bytes = std::fs::read(&tail).unwrap();
    let (mut record, _) = crate::format::index::TailRecord::decode(&bytes).unwrap();
    let (left, right) = record.entries.split_at_mut(1);
    std::mem::swap(&mut left[0].1, &mut right[0].1);
    let mut swapped = Vec::new();
    record.encode(&mut swapped);
    std::fs::write(&tail, swapped).unwrap();
    let store = test.open();
    store.catch_up(Known::UpTo(published.end)).unwrap();
    assert_eq!(read(&store, &ids[0]).unwrap(), b"one");
    assert_eq!(read(&store, &ids[1]).unwrap(), b"two");
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    let test = TestStore::new();
    let base = noise(7, 3000);
    let mut edited = base.clone();
    edited[9] ^= 1;
    let (first, _) = push(&test.open(), &[(&base, None)], b"record 1");
    let (second, published) = push(&test.open(), &[(&edited, Some(first[0])), (b"text text text text text text", None)], b"record 2");
    let whole = std::fs::read(test.segment(1)).unwrap();
    let sound = test.open().check(&mut |_| true).unwrap();
    assert!(sound.damages.is_empty() && sound.whole.len() == 5);
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        std::fs::write(test.segment(1), &damaged).unwrap();
        let store = test.open();
        store.catch_up(Known::UpTo(published.end)).unwrap();
        for (id, content) in [(first[0], &base), (second[0], &edited)] {
            match read(&store, &id) {
                Ok(found) => assert_eq!(&found, content, "byte {place}"),
                Err(_) => assert!(place >= SEGMENT_HEADER_BYTES, "byte {place}"),
            }
        }
        assert!(!store.check(&mut |_| true).unwrap().damages.is_empty(), "byte {place} is not found");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_segment_is_opened_without_panic(bytes: Vec<u8>) {
        let test = TestStore::new();
        std::fs::write(test.segment(1), &bytes).unwrap();
        let store = test.open();
        let _ = store.check(&mut |_| true);
        let _ = store.catch_up(Known::Nothing);
        let _ = read(&store, &ObjectId::ZERO);
        let _ = store.catch_up(Known::UpTo(Position::default()));
    }
}

#[test]
fn a_file_that_is_no_pack_is_not_taken_in() {
    let test = TestStore::new();
    let store = test.open();
    let mut file = store.tmp().temp_file().unwrap();
    file.write(b"no pack").unwrap();
    assert!(matches!(Incoming::new(&store, std::collections::HashSet::new()).unwrap().add(file, &|_| false), Err(StoreError::Format(_))));
    assert_eq!(store.stored_bytes().unwrap(), 0);
}

/// The chunks make up the content, but each of the first two is said to have the length of the other: reading refuses that.
#[test]
fn a_list_with_wrong_lengths_is_found_by_a_check() {
    use crate::format::chunk_list::ChunkList;
    use crate::format::frame::{Content, Frame, encode_frame};
    let test = TestStore::new();
    let (ids, _) = push(&test.open(), &[(&noise(9, 3 << 20), None)], b"r");
    let segment = std::fs::read(test.segment(1)).unwrap();
    let mut out = segment[..SEGMENT_HEADER_BYTES].to_vec();
    let mut rest = &segment[SEGMENT_HEADER_BYTES..];
    while let Ok(frame) = Frame::parse(rest) {
        let mut payload = frame.payload.to_vec();
        if frame.header.content == Content::ChunkList {
            let mut list = ChunkList::decode(&payload).unwrap();
            assert_ne!(list.chunks[0].bytes, list.chunks[1].bytes);
            (list.chunks[0].bytes, list.chunks[1].bytes) = (list.chunks[1].bytes, list.chunks[0].bytes);
            payload = list.encode();
        }
        encode_frame(&frame.header, &payload, &mut out);
        rest = &rest[frame.frame_bytes..];
    }
    std::fs::write(test.segment(1), out).unwrap();
    let store = test.open();
    assert!(matches!(read(&store, &ids[0]), Err(StoreError::Damaged { .. })));
    let report = store.check(&mut |_| true).unwrap();
    assert!(!report.whole.contains(&(ObjectKind::Blob, ids[0])));
    assert_eq!(report.damages.len(), 1);
}
