//! The version log when it is long, beside the least that the same can cost:
//!
//! | group | work | floor |
//! |---|---|---|
//! | `promote` | moving the active mark among 10,000 versions, durable | one append of such a record, and its sync |
//! | `list` | 10,000 versions; the newest as `lua source list` shows them | a bare `SELECT` of the same rows |
//! | `open` | opening a workspace with 10,000 versions | opening one with a single version: the work must not grow with the history |
//!
//! The versions are empty pushes of a workspace that holds next to nothing. Opening it is part of `promote` and `list`, as it is
//! part of each command; starting a process is not.

mod common;

use common::{Case, Contents, Place, configure, floor, floor_of, push_options, timed, work};
use criterion::{Criterion, criterion_group, criterion_main};
use lua_store::format::record::VersionNumber;
use lua_store::limits::LIST_ROWS_DEFAULT;
use lua_store::ops::{PromoteOutcome, PushOptions, QuietHost, list, promote, push};

/// Versions of the long history.
const VERSIONS: u64 = 10_000;
/// What is in the workspace.
const CASE: Case = Case { files: 1, contents: Contents::Small };
/// About what a record of the log takes in the store, in bytes.
const RECORD_BYTES: usize = 128;

/// A workspace with a history, and the version that is promoted next.
struct History {
    place: Place,
    next: u64,
}

impl History {
    fn new(versions: u64) -> Self {
        let place = Place::new(CASE);
        place.begin_anew();
        let mut workspace = place.open();
        for number in 1..=versions {
            let options = PushOptions { allow_empty: true, message: format!("step {number}"), ..push_options() };
            push(&mut workspace, &options, &QuietHost::default()).expect("an empty version can be made");
        }
        Self { place, next: 1 }
    }

    /// Promotes another version than the last time; over many calls, versions from all over the history.
    fn promote(&mut self) -> PromoteOutcome {
        self.next = (self.next + VERSIONS / 3) % VERSIONS + 1;
        let number = VersionNumber(self.next);
        let outcome = promote(&mut self.place.open(), number, &QuietHost::default()).expect("the version can be promoted");
        assert!(outcome.changed, "{number} was active already");
        outcome
    }

    fn list(&self, limit: Option<u64>) -> usize {
        let (rows, active) = list(&self.place.open(), limit).expect("the log can be read");
        assert_eq!(rows.len() as u64, limit.unwrap_or(VERSIONS), "rows are missing");
        rows.len() + usize::from(active.is_some())
    }
}

/// The three groups share one long history: making it takes longer than measuring.
fn log(criterion: &mut Criterion) {
    let mut long = None;
    let mut group = criterion.benchmark_group("list");
    configure(&mut group);
    for (name, limit) in [("list-all", None), ("list-newest", Some(LIST_ROWS_DEFAULT as u64))] {
        group.bench_function(work(name, VERSIONS), |bencher| {
            let history = long.get_or_insert_with(|| History::new(VERSIONS));
            bencher.iter(|| history.list(limit));
        });
    }
    group.bench_function(floor_of("select", VERSIONS), |bencher| {
        let history = long.get_or_insert_with(|| History::new(VERSIONS));
        let database = history.place.root().join(".lua/index.db");
        bencher.iter(|| floor::select_rows(&database));
    });
    group.finish();

    let mut group = criterion.benchmark_group("promote");
    configure(&mut group);
    group.bench_function(work("promote", VERSIONS), |bencher| {
        let history = long.get_or_insert_with(|| History::new(VERSIONS));
        bencher.iter_custom(|runs| timed(runs, history, |_| (), |history, ()| history.promote()));
    });
    group.bench_function(floor_of("append", VERSIONS), |bencher| {
        let target = long.get_or_insert_with(|| History::new(VERSIONS)).place.beside("floor");
        bencher.iter(|| floor::append_durably(&target, &[[0; RECORD_BYTES]]));
    });
    group.finish();

    let mut group = criterion.benchmark_group("open");
    configure(&mut group);
    group.bench_function(work("open", VERSIONS), |bencher| {
        let history = long.get_or_insert_with(|| History::new(VERSIONS));
        bencher.iter_with_large_drop(|| history.place.open());
    });
    let mut short = None;
    group.bench_function(floor_of("open", 1), |bencher| {
        let history = short.get_or_insert_with(|| History::new(1));
        bencher.iter_with_large_drop(|| history.place.open());
    });
    group.finish();
}

criterion_group!(benches, log);
criterion_main!(benches);
