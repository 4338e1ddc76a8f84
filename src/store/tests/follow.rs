//! Readers that are open while others publish.

use super::*;

/// What a push leaves when it is killed before it has told the index: the index as it was.
pub(super) fn without_telling_the_index(test: &TestStore, work: impl FnOnce()) {
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
        assert!(store.seems_to_contain(&id[0]).unwrap());
        assert_eq!(read(&store, &id[0]).unwrap(), content);
    }
}
