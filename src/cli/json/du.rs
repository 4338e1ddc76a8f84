//! The answer of `du` in JSON.

use lua_store::ops::{DuOutcome, PathCost, VersionCost};
use serde::Serialize;

use super::Answer;
use super::path::JsonPath;

/// What costs what, in stored bytes.
#[derive(Debug, Serialize)]
pub struct Du {
    /// Those that cost most first.
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<Path>>,
    /// Those with the most bytes of their own first.
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Vec<Version>>,
    totals: Totals,
}

#[derive(Debug, Serialize)]
struct Path {
    #[serde(flatten)]
    path: JsonPath,
    bytes: u64,
    contents: u64,
    first_version: u64,
    last_version: u64,
}

#[derive(Debug, Serialize)]
struct Version {
    version: u64,
    /// What no other version has.
    own_bytes: u64,
    /// What no older version has.
    added_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Totals {
    all: u64,
    contents: u64,
    trees: u64,
    records: u64,
    dead: u64,
    other: u64,
}

/// The answer of `du`.
pub fn du(outcome: &DuOutcome, by_path: bool, limit: usize) -> Answer<Du> {
    let path = |cost: &PathCost| Path {
        path: (&cost.path).into(),
        bytes: cost.bytes,
        contents: cost.contents,
        first_version: cost.versions.0.0,
        last_version: cost.versions.1.0,
    };
    let version =
        |cost: &VersionCost| Version { version: cost.row.record.number.0, own_bytes: cost.own_bytes, added_bytes: cost.added_bytes };
    let mut versions: Vec<Version> = outcome.versions.iter().map(version).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.own_bytes));
    versions.truncate(limit);
    let totals = &outcome.totals;
    Answer::new(Du {
        paths: by_path.then(|| outcome.paths.iter().take(limit).map(path).collect()),
        versions: (!by_path).then_some(versions),
        totals: Totals {
            all: totals.all(),
            contents: totals.contents,
            trees: totals.trees,
            records: totals.records,
            dead: totals.dead,
            other: totals.other,
        },
    })
}
