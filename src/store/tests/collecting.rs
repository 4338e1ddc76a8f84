//! Collecting: what is dead goes, what lives stays, whatever is interrupted.

use super::*;

/// Versions of a few files, each an edit of the one before, with a record behind each; the ids of all of them.
pub(super) fn history(store: &Store, files: u64, versions: usize) -> Vec<Vec<ObjectId>> {
    let mut all: Vec<Vec<ObjectId>> = Vec::new();
    for version in 0..versions {
        let batch = store.batch().unwrap();
        let mut writer = Writer::new(store, &batch).unwrap();
        let content = |file: u64| [text_of(file), format!("edit {version} of {file}").repeat(version).into_bytes()].concat();
        let ids = match all.last() {
            None => {
                let contents: Vec<Vec<u8>> = (0..files).map(content).collect();
                let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
                writer.put_group(ObjectKind::Blob, &slices).unwrap()
            }
            Some(before) => {
                (0..files).zip(before).map(|(file, base)| writer.put(ObjectKind::Blob, &content(file), Some(base)).unwrap()).collect()
            }
        };
        drop(writer);
        store.publish(batch, format!("record {version}").as_bytes()).unwrap();
        all.push(ids);
    }
    all
}

fn text_of(file: u64) -> Vec<u8> {
    noise(file, 2000).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
}

pub(super) fn live_set<'a>(versions: impl IntoIterator<Item = &'a Vec<ObjectId>>) -> LiveSet {
    let mut live = LiveSet::default();
    for id in versions.into_iter().flatten() {
        live.insert(id);
    }
    live
}

/// Begins a new segment, so that those before it can be collected.
pub(super) fn seal(store: &Store) {
    store.publish_when(store.batch().unwrap(), b"sealed", When::Sealing).unwrap();
}

pub(super) fn collect(store: &Store, inputs: &[u32], live: &LiveSet) -> Collected {
    let rewritten = store.rewrite(inputs, live, Effort::default(), &AtomicBool::new(false)).unwrap();
    store.swap(rewritten, &store.try_no_pins().unwrap().expect("nobody has a pin")).unwrap()
}

#[test]
fn whoever_is_alone_with_the_store_does_not_wait_for_itself() {
    let test = TestStore::new();
    let (answer, answered) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let store = test.open();
        let _alone = store.try_no_pins().unwrap().unwrap();
        answer.send(read(&store, &ObjectId::ZERO)).unwrap();
    });
    let read = answered.recv_timeout(std::time::Duration::from_secs(20)).expect("an answer");
    assert!(matches!(read, Err(StoreError::Missing { .. })));
}

#[test]
fn what_another_has_moved_is_noticed_once() {
    let test = TestStore::new();
    let store = test.open();
    history(&store, 2, 2);
    seal(&store);
    let other = test.open();
    drop(other.try_no_pins().unwrap().unwrap());
    assert_eq!((other.refresh().unwrap(), other.known_collections()), (false, 0));
    let map = other.segments.map(1, 0).unwrap().unwrap();
    collect(&store, &[1], &LiveSet::default());
    assert_eq!((other.refresh().unwrap(), other.known_collections()), (true, 1));
    assert!(other.segments.map(1, 0).unwrap().unwrap().len() < map.len());
    assert!(!other.refresh().unwrap());
}

#[test]
fn what_cannot_be_read_of_collections_is_an_error_unless_there_is_none() {
    let test = TestStore::new();
    let store = test.open();
    let path = test.folder.path().join("gc.lock");
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert!(store.refresh().is_err());
    std::os::unix::fs::symlink("elsewhere", test.folder.path().join("gc.journal")).unwrap();
    assert!(store.finish_collection().is_err());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, [0; 9]).unwrap();
    assert!(Store::open(&test.dir()).is_err());
    std::fs::remove_dir_all(test.folder.path()).unwrap();
    assert!(!store.refresh().unwrap(), "where no lock can be had nothing was ever moved");
}

#[test]
fn a_list_that_stays_for_what_is_made_against_it_is_no_damage() {
    let test = TestStore::new();
    let store = test.open();
    let batch = store.batch().unwrap();
    let mut writer = Writer::new(&store, &batch).unwrap();
    let content = noise(1, 3 * WHOLE_BYTES_MAX);
    let (id, _) = writer.put_stream(ObjectKind::Blob, &content[..], None).unwrap();
    drop(writer);
    store.publish(batch, b"record").unwrap();
    seal(&store);
    assert!(store.check(&mut |_| true).unwrap().whole.contains(&(ObjectKind::Blob, id)));
    // Its chunks are wanted by nobody.
    collect(&store, &[1], &live_set([&vec![id]]));
    let report = store.check(&mut |_| true).unwrap();
    assert_eq!(report.damages, []);
    assert!(!report.whole.contains(&(ObjectKind::Blob, id)), "nobody may rely on it");
}

#[test]
fn what_is_dead_goes_and_what_lives_stays() {
    for (kept, dead_min) in [(vec![49], 0.3), (vec![0], 0.3), (vec![10, 20, 48], 0.2), ((0..50).collect(), 0.0), (vec![], 0.99)] {
        let test = TestStore::new();
        let store = test.open();
        let versions = history(&store, 20, 50);
        seal(&store);
        let live = live_set(kept.iter().map(|&number: &usize| &versions[number]));
        let other = test.open();
        assert!(other.contains(ObjectKind::Blob, &versions[25][3]).unwrap());
        let records = store.catch_up(Known::Nothing).unwrap().records;
        let census = store.census(&live).unwrap();
        let collected = collect(&store, &[1], &live);
        assert_eq!(census[0].dead_objects, collected.dropped_objects, "kept {kept:?}");
        let room = (collected.old_bytes - collected.new_bytes) as f64 / collected.old_bytes as f64;
        assert!(room >= dead_min, "kept {kept:?}: only {room} of the room came back");
        // Who has opened the store before may still have the old segment; what lives is found all the same.
        other.segments.forget_maps();
        assert!(kept.iter().flat_map(|&number| &versions[number]).all(|id| read(&other, id).is_ok()));
        for store in [&store, &test.open()] {
            for (number, ids) in versions.iter().enumerate() {
                for id in ids {
                    assert_eq!(read(store, id).is_ok(), live.contains(id), "kept {kept:?}, version {number}");
                }
            }
        }
        let store = test.open();
        assert_eq!(store.catch_up(Known::Nothing).unwrap().records, records);
        assert!(store.check(&mut |_| true).unwrap().damages.is_empty());
        store.forget_index().unwrap();
        store.catch_up(Known::Nothing).unwrap();
        let found: std::collections::HashSet<ObjectId> = versions.iter().flatten().filter(|id| read(&store, id).is_ok()).copied().collect();
        assert_eq!(found.len(), live.len());
    }
}

#[test]
fn neighbouring_segments_are_joined() {
    let test = TestStore::new();
    let store = test.open();
    let mut versions = Vec::new();
    for _ in 0..4 {
        versions.extend(history(&store, 5, 6));
        seal(&store);
    }
    assert_eq!(store.segment_count().unwrap(), 5);
    let records = store.catch_up(Known::Nothing).unwrap().records;
    let live = live_set(&versions[3..9]);
    collect(&store, &[2, 3], &live);
    collect(&store, &[1, 2, 4], &live);
    assert_eq!(store.segment_count().unwrap(), 2);
    let store = test.open();
    assert!(versions[3..9].iter().flatten().all(|id| read(&store, id).is_ok()));
    assert_eq!(store.catch_up(Known::Nothing).unwrap().records, records);
    push(&store, &[(b"more", None)], b"more");
    assert!(store.check(&mut |_| true).unwrap().damages.is_empty());
}

#[test]
fn what_deltas_in_other_segments_are_made_against_stays() {
    let test = TestStore::new();
    let store = test.open();
    let mut versions = history(&store, 5, 6);
    seal(&store);
    let newest = versions.last().unwrap().clone();
    let content = |file: u64| [text_of(file), b"once more".to_vec()].concat();
    let contents: Vec<Vec<u8>> = (0..5).map(content).collect();
    let edits: Vec<(&[u8], Option<ObjectId>)> = contents.iter().map(Vec::as_slice).zip(newest.iter().copied().map(Some)).collect();
    versions.push(push(&store, &edits, b"edits").0);
    let live = live_set(versions.last());
    collect(&store, &[1], &live);
    assert!(versions.last().unwrap().iter().all(|id| read(&test.open(), id).is_ok()));
    // Begun with the newest nothing dead is left.
    seal(&store);
    collect(&store, &[2], &live);
    collect(&store, &[1], &live);
    let store = test.open();
    assert!(versions.last().unwrap().iter().all(|id| read(&store, id).is_ok()));
    assert!(versions[..6].iter().flatten().all(|id| read(&store, id).is_err()));
    assert_eq!(store.census(&live).unwrap().iter().map(|segment| segment.dead_objects).sum::<u64>(), 0);
}

#[test]
fn large_contents_are_collected_by_chunks() {
    let test = TestStore::new();
    let store = test.open();
    let first = noise(1, 6 << 20);
    let mut second = first.clone();
    second[3 << 20] ^= 1;
    let (old, _) = push(&store, &[(&first, None)], b"r1");
    let (new, _) = push(&store, &[(&second, Some(old[0]))], b"r2");
    seal(&store);
    let mut live = LiveSet::default();
    let mut reader = store.reader();
    let (_, list) = reader.chunk_list(ObjectKind::Blob, &new[0]).unwrap().unwrap();
    live.insert(&new[0]);
    for chunk in &list.chunks {
        live.insert(&chunk.id);
    }
    let numbers: Vec<u32> = store.census(&live).unwrap().iter().map(|segment| segment.number).collect();
    collect(&store, &numbers[..numbers.len() - 1], &live);
    assert_eq!(read(&test.open(), &new[0]).unwrap(), second);
    assert!(read(&test.open(), &old[0]).is_err());
}

#[test]
fn a_collection_waits_for_pins_and_a_damaged_segment_is_left_alone() {
    let test = TestStore::new();
    let store = test.open();
    let versions = history(&store, 5, 5);
    seal(&store);
    let batch = test.open().batch().unwrap();
    assert!(store.try_no_pins().unwrap().is_none());
    drop(batch);
    assert!(store.try_no_pins().unwrap().is_some());
    let live = live_set(&versions[4..]);
    let mut bytes = std::fs::read(test.segment(1)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(test.segment(1), &bytes).unwrap();
    assert!(test.open().rewrite(&[1], &live, Effort::default(), &AtomicBool::new(false)).is_err());
    assert_eq!(std::fs::read(test.segment(1)).unwrap(), bytes);
}

#[test]
fn a_killed_collection_is_brought_to_its_end() {
    // What a kill leaves after each step, made by hand: before the new segment has its name, after it, with and without the index.
    for step in 0..3 {
        let test = TestStore::new();
        let store = test.open();
        let mut versions = history(&store, 5, 6);
        seal(&store);
        versions.extend(history(&store, 6, 6));
        seal(&store);
        let end = store.end().unwrap();
        let live = live_set(&versions[4..9]);
        let records = store.catch_up(Known::Nothing).unwrap().records;
        let before = std::fs::read(test.segment(1)).unwrap();
        let second = std::fs::read(test.segment(2)).unwrap();
        let index: Vec<_> = std::fs::read_dir(test.folder.path().join("index")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let index: Vec<_> = index.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        let rewritten = store.rewrite(&[1, 2], &live, Effort::default(), &AtomicBool::new(false)).unwrap();
        let journal = crate::format::collection::CollectionJournal { inputs: vec![1, 2], nonce: rewritten.nonce() };
        store.swap(rewritten, &store.try_no_pins().unwrap().unwrap()).unwrap();
        std::fs::write(test.folder.path().join("gc.journal"), journal.encode()).unwrap();
        if step < 2 {
            std::fs::write(test.segment(2), &second).unwrap();
        }
        if step == 0 {
            std::fs::write(test.segment(1), &before).unwrap();
        }
        std::fs::remove_dir_all(test.folder.path().join("index")).unwrap();
        std::fs::create_dir(test.folder.path().join("index")).unwrap();
        index.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
        let store = test.open();
        assert!(store.is_collection_begun().unwrap());
        store.finish_collection().unwrap();
        assert!(!store.is_collection_begun().unwrap());
        store.catch_up(Known::UpTo(end)).unwrap();
        for id in versions.iter().flatten() {
            assert_eq!(read(&store, id).is_ok(), step == 0 || live.contains(id), "step {step}");
        }
        assert_eq!(test.open().catch_up(Known::Nothing).unwrap().records, records, "step {step}");
        assert_eq!(test.segment(2).exists(), step == 0);
    }
}
