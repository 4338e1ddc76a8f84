//! What another process has written and not yet made durable can be read, and its sync may still fail: then it is gone. Nobody builds
//! upon it.

use super::follow::without_telling_the_index;
use super::*;
use std::sync::atomic::Ordering;

/// A store whose log knows one version, and behind that a content in a version that is not durable; the process that wrote that; and
/// another process, which has come upon it.
struct Unsettled {
    test: TestStore,
    log_end: Position,
    text: Vec<u8>,
    id: ObjectId,
    other: Store,
}

fn come_upon_it(how: impl Fn(&Store, Position, &ObjectId)) -> Unsettled {
    let test = TestStore::new();
    let (_, Published { end: log_end, .. }) = push(&test.open(), &[(b"one", None)], b"r1");
    let text = noise(1, 900);
    let mut other = None;
    let mut ids = Vec::new();
    without_telling_the_index(&test, || {
        other = Some(test.open());
        ids = push(&test.open(), &[(&text, None)], b"r2").0;
    });
    let other = other.unwrap();
    how(&other, log_end, &ids[0]);
    assert_eq!(read(&other, &ids[0]).unwrap(), text);
    Unsettled { test, log_end, text, id: ids[0], other }
}

fn following(store: &Store, _: Position, id: &ObjectId) {
    assert!(!store.seems_to_contain(id).unwrap() && read(store, id).is_ok(), "it is found by reading what is new");
}

fn catching_up(store: &Store, log_end: Position, id: &ObjectId) {
    store.forget_index().unwrap();
    store.catch_up(Known::ReadOnly(log_end)).unwrap();
    assert!(store.seems_to_contain(id).unwrap());
}

fn rescuing_the_index(store: &Store, _: Position, id: &ObjectId) {
    assert!(store.rescue_index().unwrap() && store.seems_to_contain(id).unwrap());
}

type Way = fn(&Store, Position, &ObjectId);
const WAYS: [Way; 3] = [following, catching_up, rescuing_the_index];

impl Unsettled {
    fn edited(&self) -> Vec<u8> {
        [&self.text[..], b"edited"].concat()
    }

    /// The same content again, alone and in a group, and an edit of it.
    fn put(&self, batch: &Batch) -> Vec<ObjectId> {
        let mut writer = Writer::new(&self.other, batch).unwrap();
        let edited = writer.put(ObjectKind::Blob, &self.edited(), Some(&self.id)).unwrap();
        let mut ids = writer.put_group(ObjectKind::Blob, &[&self.text, b"new"]).unwrap();
        ids.push(edited);
        ids
    }
}

#[test]
fn what_is_not_durable_yet_is_put_again_and_no_base() {
    for (way, how) in WAYS.into_iter().enumerate() {
        let unsettled = come_upon_it(how);
        let rescued = || unsettled.other.rescued.load(Ordering::SeqCst);
        let was_rescued = rescued();
        let batch = unsettled.other.batch().unwrap();
        let ids = unsettled.put(&batch);
        assert_eq!(rescued(), was_rescued, "the segments are not read for it");
        // The sync fails, and the file system shows what was there before.
        std::fs::OpenOptions::new().write(true).open(unsettled.test.segment(1)).unwrap().set_len(unsettled.log_end.offset).unwrap();
        unsettled.other.catch_up(Known::UpTo(unsettled.log_end)).unwrap();
        unsettled.other.publish(batch, b"r3").unwrap();
        let store = unsettled.test.open();
        assert_eq!(read(&store, &ids[0]).unwrap(), unsettled.text, "way {way}");
        assert_eq!(read(&store, &ids[2]).unwrap(), unsettled.edited(), "way {way}");
        assert_eq!(store.check(&mut |_| true).unwrap().damages, [], "way {way}");
    }
}

#[test]
fn what_was_made_durable_is_built_upon() {
    for how in WAYS {
        let unsettled = come_upon_it(how);
        assert_eq!(unsettled.other.catch_up(Known::UpTo(unsettled.log_end)).unwrap().records, [b"r2"]);
        let batch = unsettled.other.batch().unwrap();
        let ids = unsettled.put(&batch);
        assert_eq!(batch.objects(), 2, "what is new, and the edit");
        let stored_bytes = unsettled.other.publish(batch, b"r3").unwrap().stored_bytes;
        assert!(stored_bytes < 200, "{stored_bytes} bytes: a delta");
        assert_eq!(read(&unsettled.test.open(), &ids[2]).unwrap(), unsettled.edited());
    }
}

#[test]
fn what_comes_from_elsewhere_and_is_not_durable_here_is_taken_in() {
    for how in WAYS {
        let unsettled = come_upon_it(how);
        let source = TestStore::new();
        let store = source.open();
        let (mut ids, _) = push(&store, &[(&unsettled.text, None), (&noise(2, 900), None)], b"r");
        ids.extend(push(&store, &[(&unsettled.edited(), Some(ids[0]))], b"r").0);
        let wanted = ids.iter().map(|id| (ObjectKind::Blob, *id)).collect();
        let mut packer = Packer::new(&store, wanted, &|_| false, Default::default()).unwrap();
        assert!(ids.iter().all(|id| packer.add(ObjectKind::Blob, id).unwrap().is_none()));
        let (pack, _) = packer.finish().unwrap();
        let mut file = unsettled.other.tmp().temp_file().unwrap();
        file.write(&pack).unwrap();
        let mut incoming = Incoming::new(&unsettled.other, Default::default()).unwrap();
        assert_eq!(incoming.add(file, &|_| false).unwrap(), []);
        let batch = unsettled.other.batch().unwrap();
        incoming.fill(&batch).unwrap();
        assert_eq!(batch.objects(), 3);
    }
}

fn objects_of_a_batch_with(store: &Store, content: &[u8]) -> u64 {
    let batch = store.batch().unwrap();
    Writer::new(store, &batch).unwrap().put(ObjectKind::Blob, content, None).unwrap();
    batch.objects()
}

#[test]
fn what_the_log_knows_or_the_index_on_disk_is_built_upon() {
    let test = TestStore::new();
    let following = test.open();
    let (ids, published) = push(&test.open(), &[(b"one", None)], b"r1");
    assert_eq!(objects_of_a_batch_with(&following, b"one"), 1, "it knows of nothing");
    assert_eq!(read(&following, &ids[0]).unwrap(), b"one");
    assert_eq!(objects_of_a_batch_with(&following, b"one"), 0, "it has read the index anew");
    test.open().forget_index().unwrap();
    let catching_up = test.open();
    catching_up.catch_up(Known::ReadOnly(published.end)).unwrap();
    assert_eq!(objects_of_a_batch_with(&catching_up, b"one"), 0);
    catching_up.catch_up(Known::ReadOnly(Position::default())).unwrap();
    assert_eq!(objects_of_a_batch_with(&catching_up, b"one"), 0, "what is durable stays so");
    // A log that knows more than there is says nothing of what will stand there.
    catching_up.catch_up(Known::ReadOnly(Position { segment: 2, offset: 100 })).unwrap();
    assert_eq!(*catching_up.settled.read().unwrap(), published.end);
}

#[test]
fn what_was_lost_meanwhile_is_found_no_more() {
    let unsettled = come_upon_it(rescuing_the_index);
    std::fs::OpenOptions::new().write(true).open(unsettled.test.segment(1)).unwrap().set_len(unsettled.log_end.offset).unwrap();
    unsettled.other.catch_up(Known::UpTo(unsettled.log_end)).unwrap();
    assert_eq!(unsettled.other.candidates(&unsettled.id), []);
}
