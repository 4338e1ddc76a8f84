//! Looking back through a long history, beside the least that the same can cost:
//!
//! | group | work | floor |
//! |---|---|---|
//! | `log` | the versions, of 10,000, that changed one path; the newest one that did | the rows of all versions, which a list reads |
//!
//! Each version edits one of the files of the workspace, in turn. Opening the workspace is part of both.

mod common;

use std::fs;
use std::hint::black_box;

use common::random::Random;
use common::{Case, Contents, Place, configure, floor_of, push_options, work};
use criterion::{Criterion, criterion_group, criterion_main};
use lua_store::ops::{DiffForm, LogOptions, PushOptions, QuietHost, list, log, push};

/// Versions of the long history.
const VERSIONS: u64 = 10_000;
/// What is in the workspace.
const CASE: Case = Case { files: 100, contents: Contents::Small };
/// What edits are made from.
const SEED: u64 = 11;

/// A workspace in which every version edits the next file.
fn history() -> Place {
    let place = Place::new(CASE);
    place.begin_anew();
    let mut workspace = place.open();
    let mut random = Random::new(SEED);
    for version in 0..VERSIONS {
        let path = place.root().join(&place.files()[version as usize % place.files().len()]);
        let mut content = fs::read(&path).expect("a file of the workspace can be read");
        content.truncate(content.len().saturating_sub(20));
        content.extend(random.text(1).bytes());
        fs::write(&path, content).expect("a file of the workspace can be written");
        push(&mut workspace, &PushOptions { allow_empty: true, ..push_options() }, &QuietHost::default()).expect("a push succeeds");
    }
    place
}

fn look_back(criterion: &mut Criterion) {
    let mut made = None;
    let mut group = criterion.benchmark_group("log");
    configure(&mut group);
    for (name, limit) in [("log-path", None), ("log-path-newest", Some(1))] {
        group.bench_function(work(name, VERSIONS), |bencher| {
            let place = made.get_or_insert_with(history);
            let path = place.files()[7].as_os_str().as_encoded_bytes().to_vec();
            let options = LogOptions { paths: vec![path], limit, follow: true, form: DiffForm::NameOnly };
            bencher.iter(|| {
                let entries = log(&place.open(), &options, &QuietHost::default()).expect("the history can be read");
                assert_eq!(entries.len() as u64, limit.unwrap_or(VERSIONS / CASE.files as u64), "versions are missing");
                entries.len()
            });
        });
    }
    group.bench_function(floor_of("rows", VERSIONS), |bencher| {
        let place = made.get_or_insert_with(history);
        bencher.iter(|| black_box(list(&place.open(), None).expect("the log can be read")).0.len());
    });
    group.finish();
}

criterion_group!(benches, look_back);
criterion_main!(benches);
