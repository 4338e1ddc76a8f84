//! The object store below everything else, beside the least that the same can cost:
//!
//! | group | work | floor |
//! |---|---|---|
//! | `look-up` | asking the index for objects that are there, and for ones that are not | the same in a hash table in memory |
//! | `read-chain` | reading, with nothing cached, an object at the end of the longest chain of deltas | decompressing and hashing the same content, stored alone and in memory |
//! | `verify` | reading and checking everything | decompressing and hashing the same contents, grouped as the store groups them and in memory |

mod common;

use std::collections::HashSet;
use std::hint::black_box;

use common::random::Random;
use common::{configure, floor, floor_of, folder, text, work};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lua_store::disk::{Dir, RootOf};
use lua_store::id::{ObjectId, ObjectKind};
use lua_store::limits::DELTA_DEPTH_MAX;
use lua_store::store::{Store, Writer};
use tempfile::TempDir;

/// What every content is made from.
const SEED: u64 = 7;
/// Objects of the store, and how many of them come with each push: the index then has runs of several ages and a tail.
const OBJECTS: usize = 100_000;
const PUSH_OBJECTS: usize = 1_500;
/// Objects of one group, and the length of each in bytes: together about as much as a group of the store holds.
const GROUP_OBJECTS: usize = 250;
const OBJECT_BYTES: usize = 2_000;
/// Length of the content that changes again and again, in bytes, and how far its edits are apart.
const CHAIN_BYTES: usize = 40_000;
const EDIT_DISTANCE_BYTES: usize = 1_000;

/// A store of its own.
struct Place {
    _folder: TempDir,
    store: Store,
}

impl Place {
    fn new() -> Self {
        let folder = folder();
        let dir = Dir::open(folder.path(), RootOf::UserPath).expect("the folder that was just made can be opened");
        Store::create(&dir).expect("a store can be made");
        let store = Store::open(&dir).expect("the store opens");
        Self { _folder: folder, store }
    }

    /// Puts objects and publishes them as one push.
    fn push<T>(&self, put: impl FnOnce(&mut Writer<'_>) -> T) -> T {
        let batch = self.store.batch().unwrap();
        let mut writer = Writer::new(&self.store, &batch).expect("there is memory to compress with");
        let result = put(&mut writer);
        drop(writer);
        batch.prepare().expect("the disk takes what was written");
        self.store.publish(batch, b"record").expect("the batch can be published");
        result
    }
}

/// Many small objects.
struct ManyObjects {
    place: Place,
    ids: Vec<ObjectId>,
    frames: Vec<floor::MemoryFrame>,
}

impl ManyObjects {
    fn new() -> Self {
        let place = Place::new();
        let mut random = Random::new(SEED);
        let (mut ids, mut frames) = (Vec::with_capacity(OBJECTS), Vec::new());
        while ids.len() < OBJECTS {
            let objects = PUSH_OBJECTS.min(OBJECTS - ids.len());
            let contents: Vec<Vec<u8>> = (0..objects).map(|_| text(&mut random, OBJECT_BYTES)).collect();
            place.push(|writer| {
                for group in contents.chunks(GROUP_OBJECTS) {
                    let slices: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
                    ids.extend(writer.put_group(ObjectKind::Blob, &slices).expect("a group can be put"));
                    frames.push(floor::MemoryFrame::new(group));
                }
            });
        }
        Self { place, ids, frames }
    }
}

fn look_up(criterion: &mut Criterion, many: &mut Option<ManyObjects>) {
    let mut group = criterion.benchmark_group("look-up");
    group.throughput(Throughput::Elements(1));
    let strangers: Vec<ObjectId> = (0..OBJECTS as u64).map(|number| ObjectId::of(ObjectKind::Tree, &number.to_le_bytes())).collect();
    for (name, expected) in [("present", true), ("absent", false)] {
        group.bench_function(work(name, OBJECTS), |bencher| {
            let many = many.get_or_insert_with(ManyObjects::new);
            let mut ids = if expected { &many.ids } else { &strangers }.iter().cycle();
            bencher.iter(|| {
                let id = ids.next().expect("a cycle has no end");
                let found = many.place.store.seems_to_contain(id).expect("the index can be read");
                assert_eq!(found, expected, "the index is wrong about {}", id.short());
            });
        });
        group.bench_function(floor_of(name, OBJECTS), |bencher| {
            let many = many.get_or_insert_with(ManyObjects::new);
            let table: HashSet<&ObjectId> = many.ids.iter().collect();
            let mut ids = if expected { &many.ids } else { &strangers }.iter().cycle();
            bencher.iter(|| black_box(table.contains(ids.next().expect("a cycle has no end"))));
        });
    }
    group.finish();
}

fn verify(criterion: &mut Criterion, many: &mut Option<ManyObjects>) {
    let mut group = criterion.benchmark_group("verify");
    configure(&mut group);
    group.throughput(Throughput::Bytes((OBJECTS * OBJECT_BYTES) as u64));
    group.bench_function(work("check", OBJECTS), |bencher| {
        let many = many.get_or_insert_with(ManyObjects::new);
        bencher.iter_with_large_drop(|| {
            let report = many.place.store.check(&mut |_| true).expect("the store can be read");
            assert!(report.damages.is_empty() && report.whole.len() >= OBJECTS, "the store is damaged: {:?}", report.damages);
            report
        });
    });
    group.bench_function(floor_of("decompress-and-hash", OBJECTS), |bencher| {
        let many = many.get_or_insert_with(ManyObjects::new);
        bencher.iter(|| floor::decompress_and_hash(&many.frames));
    });
    group.finish();
}

/// Look-ups and the check share one store: making it takes longer than measuring.
fn many_objects(criterion: &mut Criterion) {
    let mut many = None;
    look_up(criterion, &mut many);
    verify(criterion, &mut many);
}

/// A content that was edited as often as a chain has deltas: the id of each state, the first with none, and the last state.
fn chain(place: &Place) -> (Vec<ObjectId>, Vec<u8>) {
    let mut state = text(&mut Random::new(SEED), CHAIN_BYTES);
    let mut ids: Vec<ObjectId> = Vec::new();
    for number in 0..=usize::from(DELTA_DEPTH_MAX) {
        state[number * EDIT_DISTANCE_BYTES] ^= 1;
        let base = ids.last().copied();
        ids.push(place.push(|writer| writer.put(ObjectKind::Blob, &state, base.as_ref()).expect("an object can be put")));
    }
    (ids, state)
}

fn read_chain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read-chain");
    group.throughput(Throughput::Bytes(CHAIN_BYTES as u64));
    let place = Place::new();
    let (ids, last) = chain(&place);
    for depth in [usize::from(DELTA_DEPTH_MAX), 0] {
        group.bench_function(work("read", depth), |bencher| {
            bencher.iter(|| {
                let read = place.store.reader().read(ObjectKind::Blob, &ids[depth], CHAIN_BYTES as u64);
                read.expect("an object can be read")
            });
        });
    }
    let frames = [floor::MemoryFrame::new(&[&last])];
    group.bench_function(floor_of("decompress-and-hash", 0), |bencher| bencher.iter(|| floor::decompress_and_hash(&frames)));
    group.finish();
}

criterion_group!(benches, many_objects, read_chain);
criterion_main!(benches);
