//! What the simulation has found, each as short as it can be told. The seeds that found it do other things once the scenario changes; these
//! do not.

use std::sync::Arc;

use crate::disk::simulated::{Faults, Machine, Process, Sabotage};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::GROUP_MEMBER_BYTES_MAX;
use crate::store::{Effort, Known, LiveSet, Position, Store, StoreResult, When, Writer};

const CALM: Faults = Faults { power_cut: 0, kill: 0, error: 0, sync_error: 0, short_write: 0, switch: 0 };
/// What a power cut leaves is another thing for each.
const SEEDS: u64 = 60;

fn machine(seed: u64) -> Arc<Machine> {
    let machine = Machine::new(seed, Sabotage::None, false);
    machine.begin(1, CALM);
    Store::create(&Process::new(&machine, 0).root()).unwrap();
    machine
}

/// A store of a process that lives as long as the test.
fn open(machine: &Arc<Machine>) -> (Process, Store) {
    let process = Process::new(machine, 0);
    let store = Store::open(&process.root()).unwrap();
    (process, store)
}

fn after_a_power_cut(machine: &Arc<Machine>) -> (Process, Store) {
    machine.cut_power();
    machine.begin(1, CALM);
    open(machine)
}

fn push(store: &Store, contents: &[&[u8]], base: Option<&ObjectId>, when: When) -> StoreResult<(Vec<ObjectId>, Position)> {
    let batch = store.batch()?;
    let mut writer = Writer::new(store, &batch)?;
    let ids = contents.iter().map(|content| writer.put(ObjectKind::Blob, content, base)).collect::<StoreResult<_>>()?;
    drop(writer);
    Ok((ids, store.publish_when(batch, b"record", when)?.end))
}

/// A store with one version, which the log knows, on the machine of each seed.
fn with_one_version(work: impl Fn(u64, &Arc<Machine>, &Store, Position)) {
    for seed in 0..SEEDS {
        let machine = machine(seed);
        let (_process, store) = open(&machine);
        let (_, log_end) = push(&store, &[b"one"], None, When::Now).unwrap();
        work(seed, &machine, &store, log_end);
    }
}

fn records_behind(store: &Store, position: Position) -> usize {
    store.catch_up(Known::UpTo(position)).unwrap().records.len()
}

#[test]
fn what_was_cut_off_does_not_come_back_before_a_new_segment() {
    with_one_version(|seed, machine, store, log_end| {
        let file = store.segments.file(1, true).unwrap();
        file.write_at(&[7; 2000], log_end.offset).unwrap();
        file.sync_data().unwrap();
        assert!(store.catch_up(Known::UpTo(log_end)).unwrap().cut_bytes > 0);
        push(store, &[b"two"], None, When::Sealing).unwrap();
        // The log has lost what is not in its oldest state.
        let (_process, store) = after_a_power_cut(machine);
        assert_eq!(records_behind(&store, log_end), 1, "seed {seed}");
    });
}

#[test]
fn what_a_failed_sync_left_is_written_again_before_anybody_builds_upon_it() {
    with_one_version(|seed, machine, store, log_end| {
        machine.state().faults.sync_error = 1;
        assert!(push(store, &[b"two"], None, When::Now).is_err());
        machine.state().faults = CALM;
        let (_process, store) = open(machine);
        let found = records_behind(&store, log_end);
        push(&store, &[b"three"], None, When::Now).unwrap();
        let (_process, store) = after_a_power_cut(machine);
        assert_eq!(records_behind(&store, log_end), found + 1, "seed {seed}");
    });
}

#[test]
fn the_index_claims_nothing_that_the_segments_can_lose() {
    with_one_version(|seed, machine, store, settled| {
        let (ids, end) = push(store, &[b"two"], None, When::Later).unwrap();
        assert!(store.seems_to_contain(&ids[0]).unwrap(), "the next batch can build upon it");
        let (_process, other) = after_a_power_cut(machine);
        assert!(!other.is_indexed(end) && other.index.read().unwrap().covered() <= settled, "seed {seed}");
    });
}

#[test]
fn the_index_of_replaced_segments_does_not_come_back() {
    for seed in 0..SEEDS {
        let machine = machine(seed);
        let (_process, store) = open(&machine);
        let texts = [[b'a'; 900], [b'b'; 900]];
        let (ids, _) = push(&store, &[&texts[0], &texts[1]], None, When::Now).unwrap();
        // A delta in another segment, which names its base by id alone.
        push(&store, &[&[&texts[1][..], b"edited"].concat()], Some(&ids[1]), When::Sealing).unwrap();
        swap_first(&store, &ids[1..]);
        let (_process, store) = after_a_power_cut(&machine);
        store.look_anew().unwrap();
        assert_eq!(store.check(&mut |_| true).unwrap().damages, [], "seed {seed}");
    }
}

/// Collects the first segment; these objects live.
fn swap_first(store: &Store, living: &[ObjectId]) {
    let mut live = LiveSet::default();
    living.iter().for_each(|id| _ = live.insert(id));
    let rewritten = store.rewrite(&[1], &live, Effort::Copy, &false.into()).unwrap();
    store.swap(rewritten, &store.try_no_pins().unwrap().unwrap()).unwrap();
}

#[test]
fn an_index_that_was_thrown_away_is_not_taken_for_whole() {
    let machine = machine(1);
    let (_process, store) = open(&machine);
    let (ids, _) = push(&store, &[b"one", &[b'x'; GROUP_MEMBER_BYTES_MAX + 1]], None, When::Now).unwrap();
    let (_, end) = push(&store, &[b"two"], None, When::Sealing).unwrap();
    let (_process, other) = open(&machine);
    // What finishing a killed collection does, before anybody has read the segments anew.
    other.forget_index().unwrap();
    other.count_collection().unwrap();
    store.catch_up(Known::UpTo(end)).unwrap();
    let (_, end) = push(&store, &[b"three"], None, When::Now).unwrap();
    let (_process, store) = open(&machine);
    store.catch_up(Known::UpTo(end)).unwrap();
    assert!(ids.iter().all(|id| store.seems_to_contain(id).unwrap()));
}

#[test]
fn a_check_is_not_misled_by_a_collection() {
    for dies in [false, true] {
        let machine = machine(1);
        let (_process, store) = open(&machine);
        let texts: Vec<Vec<u8>> = (0..4).map(|text| super::super::noise(text, 900)).collect();
        let slices: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let (ids, _) = push(&store, &slices, None, When::Now).unwrap();
        push(&store, &[&[&texts[3][..], b"edited"].concat()], Some(&ids[3]), When::Sealing).unwrap();
        let (process, other) = open(&machine);
        let mut moved = false;
        let report = store.check(&mut |_| {
            if !std::mem::replace(&mut moved, true) {
                swap_first(&other, &ids[3..]);
                if dies {
                    // As if it had come no further than to the new segment's name.
                    let nonce = other.segments.nonce(1).unwrap().unwrap();
                    let journal = crate::format::collection::CollectionJournal { inputs: vec![1], nonce };
                    let root = process.root();
                    root.publish(&root.open_dir("tmp").unwrap(), "gc.journal", &journal.encode()).unwrap();
                }
            }
            true
        });
        assert_eq!(report.unwrap().damages, []);
        assert_eq!(store.is_collection_begun().unwrap(), dies);
    }
}
