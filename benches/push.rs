//! Pushes, each beside the least that it can cost:
//!
//! | group | work | floor |
//! |---|---|---|
//! | `first-push` | a push into an empty history | read, BLAKE3 and zstd at the same level of every file, on as many threads; one append and its sync |
//! | `push-unchanged` | a push that finds nothing changed | a bare walk: `getdents` and one `fstatat` for each name, on as many threads |
//! | `push-one-edit` | a push after a small file was replaced, durable | the same walk, and one append and its sync |
//!
//! Opening the workspace is part of each push, as it is part of each command; starting a process is not.

mod common;

use common::{Place, cases, configure, count_files, floor, floor_of, timed, work};
use criterion::{Criterion, criterion_group, criterion_main};
use lua_store::ops::PushOutcome;

/// About what a push of one small edit adds to the store, in bytes.
const EDIT_STORED_BYTES: usize = 2048;

fn assert_made(outcome: &PushOutcome) {
    assert!(matches!(outcome, PushOutcome::Made { report, .. } if report.is_complete()), "no whole version: {outcome:?}");
}

fn first_push(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first-push");
    configure(&mut group);
    for case in cases() {
        count_files(&mut group, case.files);
        let mut place = None;
        group.bench_function(work("push", case), |bencher| {
            let place = place.get_or_insert_with(|| Place::new(case));
            bencher.iter_custom(|runs| timed(runs, place, |place| place.begin_anew(), |place, ()| assert_made(&place.push())));
        });
        group.bench_function(floor_of("read-hash-compress-append", case), |bencher| {
            let place = place.get_or_insert_with(|| Place::new(case));
            let target = place.beside("floor");
            let forget = |_: &mut Place| std::fs::remove_file(&target).unwrap_or_default();
            bencher.iter_custom(|runs| timed(runs, place, forget, |place, ()| floor::store_files(place.root(), place.files(), &target)));
        });
    }
    group.finish();
}

/// A workspace whose one version is what it holds.
fn pushed(case: common::Case) -> Place {
    let place = Place::new(case);
    place.begin_anew();
    assert_made(&place.push());
    place
}

fn push_unchanged(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("push-unchanged");
    configure(&mut group);
    for case in cases() {
        count_files(&mut group, case.files);
        let mut place = None;
        group.bench_function(work("push", case), |bencher| {
            let place = place.get_or_insert_with(|| pushed(case));
            bencher.iter(|| {
                let outcome = place.push();
                assert!(matches!(outcome, PushOutcome::Unchanged { .. }), "a version of nothing new: {outcome:?}");
            });
        });
        group.bench_function(floor_of("walk", case), |bencher| {
            let place = place.get_or_insert_with(|| pushed(case));
            bencher.iter(|| floor::walk(place.root()));
        });
    }
    group.finish();
}

fn push_one_edit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("push-one-edit");
    configure(&mut group);
    for case in cases() {
        count_files(&mut group, case.files);
        let mut place = None;
        group.bench_function(work("push", case), |bencher| {
            let place = place.get_or_insert_with(|| pushed(case));
            bencher.iter_custom(|runs| timed(runs, place, Place::edit, |place, ()| assert_made(&place.push())));
        });
        group.bench_function(floor_of("walk-append", case), |bencher| {
            let place = place.get_or_insert_with(|| pushed(case));
            let target = place.beside("floor");
            let walk_and_append = |place: &mut Place, ()| {
                let names = floor::walk(place.root());
                (names, floor::append_durably(&target, &[[0; EDIT_STORED_BYTES]]))
            };
            // The edit is made here too: it leaves the disk the same work for the sync.
            bencher.iter_custom(|runs| timed(runs, place, Place::edit, walk_and_append));
        });
    }
    group.finish();
}

criterion_group!(benches, first_push, push_unchanged, push_one_edit);
criterion_main!(benches);
