//! Bringing versions back, each beside the least that it can cost:
//!
//! | group | work | floor |
//! |---|---|---|
//! | `rollback` | a rollback between two versions that differ in 1 % of the files | a push that finds nothing changed, which every rollback begins with; and writing these files from memory into an empty folder, and one sync |
//! | `materialize` | a restore of a whole version into an empty folder, durable | creating the same files from memory, on as many threads, and one sync |
//!
//! Opening the workspace is part of each operation, as it is part of each command; starting a process is not.

mod common;

use std::path::{Path, PathBuf};

use common::{Case, EDITED_SHARE, Place, cases, configure, count_files, floor, floor_of, timed, work};
use criterion::{Criterion, criterion_group, criterion_main};
use lua_store::format::record::VersionNumber;
use lua_store::ops::{
    PushOutcome, QuietHost, RestoreOptions, RestoreOutcome, RestoreTarget, RollbackOptions, RollbackOutcome, restore, rollback,
};

/// The version of the workspace as it was made, and the one with its edits.
const VERSIONS: [VersionNumber; 2] = [VersionNumber(1), VersionNumber(2)];

/// A workspace with two versions.
struct TwoVersions {
    place: Place,
    /// Which of [`VERSIONS`] the next rollback brings back.
    next: usize,
}

impl TwoVersions {
    fn new(case: Case) -> Self {
        let mut place = Place::new(case);
        place.begin_anew();
        for version in VERSIONS {
            let outcome = place.push();
            assert!(matches!(outcome, PushOutcome::Made { version: made, .. } if made == version), "not {version}: {outcome:?}");
            if version == VERSIONS[0] {
                place.edit_share();
            }
        }
        Self { place, next: 0 }
    }

    /// Lets a push look at what the last rollback wrote, so that the next one need not read it again for want of age.
    fn look(&mut self) {
        let outcome = self.place.push();
        assert!(matches!(outcome, PushOutcome::Unchanged { .. }), "the rollback did not bring its version back: {outcome:?}");
    }

    fn roll_back(&mut self) -> RollbackOutcome {
        let options = RollbackOptions { version: VERSIONS[self.next], by: String::new() };
        self.next = 1 - self.next;
        let outcome = rollback(&mut self.place.open(), &options, &QuietHost::default()).expect("the version can be brought back");
        assert!(outcome.done.written as usize >= self.place.files().len() / EDITED_SHARE, "too little was written: {outcome:?}");
        outcome
    }
}

fn roll_back(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rollback");
    configure(&mut group);
    for case in cases() {
        count_files(&mut group, case.files.div_ceil(EDITED_SHARE));
        let mut versions = None;
        group.bench_function(work("rollback", case), |bencher| {
            let versions = versions.get_or_insert_with(|| TwoVersions::new(case));
            bencher.iter_custom(|runs| timed(runs, versions, TwoVersions::look, |versions, ()| versions.roll_back()));
        });
        group.bench_function(floor_of("push-unchanged", case), |bencher| {
            let versions = versions.get_or_insert_with(|| TwoVersions::new(case));
            versions.look();
            bencher.iter(|| versions.place.push());
        });
        group.bench_function(floor_of("write-the-same", case), |bencher| {
            let versions = versions.get_or_insert_with(|| TwoVersions::new(case));
            let (folders, target) = (versions.place.in_memory(EDITED_SHARE), versions.place.beside("floor"));
            let prepare = |_: &mut TwoVersions| make_empty(&target);
            bencher.iter_custom(|runs| timed(runs, versions, prepare, |_, ()| floor::create_files(&target, &folders)));
        });
    }
    group.finish();
}

/// Leaves an empty folder at a path, and nothing for the disk to do about it.
fn make_empty(path: &Path) {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("what was written cannot be removed: {error}"),
        _ => std::fs::create_dir(path).expect("a folder can be made beside the workspace"),
    }
    let folder = std::fs::File::open(path).expect("the folder that was just made can be opened");
    rustix::fs::syncfs(&folder).expect("the disk takes what was written");
}

fn materialize(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("materialize");
    configure(&mut group);
    for case in cases() {
        count_files(&mut group, case.files);
        let mut versions = None;
        group.bench_function(work("restore", case), |bencher| {
            let versions = versions.get_or_insert_with(|| TwoVersions::new(case));
            let target = versions.place.beside("restored");
            let prepare = |_: &mut TwoVersions| make_empty(&target);
            bencher.iter_custom(|runs| timed(runs, versions, prepare, |versions, ()| restore_all(&versions.place, target.clone())));
            make_empty(&target);
        });
        group.bench_function(floor_of("create-from-memory", case), |bencher| {
            let versions = versions.get_or_insert_with(|| TwoVersions::new(case));
            let (folders, target) = (versions.place.in_memory(1), versions.place.beside("floor"));
            let prepare = |_: &mut TwoVersions| make_empty(&target);
            bencher.iter_custom(|runs| timed(runs, versions, prepare, |_, ()| floor::create_files(&target, &folders)));
            make_empty(&target);
        });
    }
    group.finish();
}

fn restore_all(place: &Place, target: PathBuf) -> RestoreOutcome {
    let options = RestoreOptions {
        version: Some(VERSIONS[1]),
        target: RestoreTarget::Directory(target),
        patterns: Vec::new(),
        by: String::new(),
        dry_run: false,
    };
    let outcome = restore(&mut place.open(), &options, &QuietHost::default()).expect("the version can be written out");
    assert_eq!(outcome.done.written as usize, place.files().len(), "not all files were written");
    outcome
}

criterion_group!(benches, roll_back, materialize);
criterion_main!(benches);
