//! What catching up takes in, leaves and cuts off, and which calls it makes for that.

use std::sync::Arc;

use super::noise;
use crate::disk::simulated::{Faults, Machine, Process, Sabotage};
use crate::format::frame::SEGMENT_HEADER_BYTES;
use crate::id::{ObjectId, ObjectKind};
use crate::store::{CatchUp, Known, Position, Store, When, Writer};

struct Place {
    machine: Arc<Machine>,
    process: Process,
}

impl Place {
    fn new() -> Self {
        let machine = Machine::new(1, Sabotage::None, true);
        machine.begin(1, Faults::default());
        let process = Process::new(&machine, 0);
        Store::create(&process.root()).unwrap();
        Self { machine, process }
    }

    fn open(&self) -> Store {
        Store::open(&self.process.root()).unwrap()
    }

    /// The calls that some work makes.
    fn calls<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<String>) {
        let before = self.machine.told().len();
        let done = work();
        (done, self.machine.told().split_off(before))
    }
}

/// One object of so many random bytes, with a record behind it.
fn push(store: &Store, seed: u64, when: When) -> (ObjectId, Position) {
    let batch = store.batch().unwrap();
    let id = Writer::new(store, &batch).unwrap().put(ObjectKind::Blob, &noise(seed, 3000), None).unwrap();
    (id, store.publish_when(batch, &[seed as u8], when).unwrap().end)
}

/// As [`push`], without a word to the index on disk and killed before the record was written.
fn begin_to_push(store: &Store, seed: u64, when: When) -> ObjectId {
    let (id, end) = push(store, seed, when);
    let mut record = Position::default();
    store
        .steps(Position::default(), &mut |step| {
            if let crate::store::recover::Step::Frame { location, .. } = step {
                record = Position { segment: location.segment(), offset: location.offset().into() };
            }
            Ok(())
        })
        .unwrap();
    store.segments.file(end.segment, true).unwrap().truncate(record.offset).unwrap();
    id
}

fn has_any(calls: &[String], words: &[&str]) -> bool {
    calls.iter().any(|call| words.iter().any(|word| call.contains(word)))
}

fn indexed(store: &Store) -> usize {
    store.index.read().unwrap().entries().count()
}

fn flip(store: &Store, offset: u64) {
    let file = store.segments.file(1, true).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, offset).unwrap();
    file.write_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn who_is_current_reads_nothing_and_writes_nothing() {
    let place = Place::new();
    let store = place.open();
    let (_, end) = push(&store, 1, When::Now);
    assert!(store.is_current(end).unwrap() && !store.is_current(Position::default()).unwrap());
    let (caught, calls) = place.calls(|| store.catch_up(Known::UpTo(end)).unwrap());
    assert_eq!(caught, CatchUp { records: vec![], end, cut_bytes: 0 });
    assert!(!has_any(&calls, &["tail", "write", "sync", "cut", "map"]), "{calls:#?}");
    push(&place.open(), 2, When::Now);
    assert!(!store.is_current(end).unwrap());
}

#[test]
fn who_may_not_write_takes_in_what_is_whole_and_changes_nothing() {
    let place = Place::new();
    let (reader, writer) = (place.open(), place.open());
    let (_, first) = push(&writer, 1, When::Later);
    let (two, second) = push(&writer, 2, When::Later);
    reader.catch_up(Known::ReadOnly(Position::default())).unwrap();
    assert_eq!(reader.idle_readers.lock().unwrap().len(), 1, "what was decoded of whole pushes is kept");
    let three = begin_to_push(&writer, 3, When::Later);
    let end = writer.end().unwrap();
    for known in [first, second] {
        let reader = place.open();
        let (caught, calls) = place.calls(|| reader.catch_up(Known::ReadOnly(known)).unwrap());
        let records = if known == first { vec![vec![2]] } else { vec![] };
        assert_eq!(caught, CatchUp { records, end: second, cut_bytes: 0 });
        assert!(!has_any(&calls, &["write", "sync", "cut", "remove"]), "{calls:#?}");
        assert!(reader.seems_to_contain(&two).unwrap() && !reader.seems_to_contain(&three).unwrap());
        assert!(reader.idle_readers.lock().unwrap().is_empty(), "other frames may stand there soon");
        assert!(reader.overlay.read().unwrap().is_empty());
    }
    assert!(!reader.follow().unwrap(), "the third is not whole");
    assert_eq!(writer.end().unwrap(), end);
}

#[test]
fn what_an_unfinished_push_left_is_cut_off_and_counted() {
    for when in [When::Later, When::Sealing] {
        let place = Place::new();
        let writer = place.open();
        let (_, good) = push(&writer, 1, When::Now);
        begin_to_push(&writer, 2, when);
        let end = writer.end().unwrap();
        let cut_bytes = if when == When::Later { end.offset - good.offset } else { end.offset };
        let store = place.open();
        let (caught, calls) = place.calls(|| store.catch_up(Known::UpTo(good)).unwrap());
        assert_eq!(caught, CatchUp { records: vec![], end: good, cut_bytes });
        assert!(!calls.iter().any(|call| call.contains("write") && call.contains(".seg")), "{calls:#?}");
        assert_eq!((store.end().unwrap(), indexed(&store)), (good, 1));
    }
}

#[test]
fn what_the_index_knows_is_not_indexed_again() {
    let place = Place::new();
    let writer = place.open();
    let (_, first) = push(&writer, 1, When::Now);
    push(&writer, 2, When::Now);
    let (_, end) = push(&writer, 3, When::Later);
    for indexed_before in [2, 3] {
        let store = place.open();
        assert_eq!(indexed(&store), indexed_before);
        let (caught, calls) = place.calls(|| store.catch_up(Known::UpTo(first)).unwrap());
        assert_eq!(caught, CatchUp { records: vec![vec![2], vec![3]], end, cut_bytes: 0 });
        assert!(!has_any(&calls, &["remove", "cut"]), "{calls:#?}");
        assert_eq!(indexed(&store), 3);
        assert!(store.overlay.read().unwrap().is_empty());
    }
}

#[test]
fn an_index_that_knows_more_than_there_is_is_forgotten() {
    let place = Place::new();
    let writer = place.open();
    let (one, first) = push(&writer, 1, When::Now);
    push(&writer, 2, When::Now);
    writer.segments.file(1, true).unwrap().truncate(first.offset).unwrap();
    let store = place.open();
    store.catch_up(Known::UpTo(first)).unwrap();
    assert_eq!((indexed(&store), store.index.read().unwrap().covered()), (1, first));
    assert!(store.seems_to_contain(&one).unwrap());
}

#[test]
fn damage_hides_what_is_damaged_and_nothing_else() {
    let place = Place::new();
    let store = place.open();
    let (one, _) = push(&store, 1, When::Now);
    let (two, _) = push(&store, 2, When::Now);
    let (three, end) = push(&store, 3, When::Now);
    flip(&store, SEGMENT_HEADER_BYTES as u64 + 100);
    // The last byte of the last record.
    flip(&store, end.offset - 1);
    store.forget_index().unwrap();
    store.catch_up(Known::UpTo(end)).unwrap();
    assert_eq!([one, two, three].map(|id| store.seems_to_contain(&id).unwrap()), [false, true, true]);
    assert_eq!(store.catch_up(Known::Nothing).unwrap().records, [[1], [2]]);
    assert_eq!(store.check(&mut |_| true).unwrap().damages.len(), 2);
}
