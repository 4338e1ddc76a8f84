//! The answers of `verify` and `repair` in JSON.

use std::time::Duration;

use lua_store::ops::{DamagedPath, RepairOutcome, VerifyOutcome};
use serde::Serialize;

use super::path::{self, JsonPath};
use super::{Answer, milliseconds};

/// What was checked, and what is damaged.
#[derive(Debug, Serialize)]
pub struct Verify<'a> {
    ok: bool,
    versions: u64,
    objects: u64,
    bytes: u64,
    damaged: Vec<Damaged<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purged: Vec<Damaged<'a>>,
    /// Paths of versions whose contents are at a remote and have not been fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_fetched: Option<u64>,
    store_damage: &'a [String],
    log_damage: Option<&'a str>,
    elapsed_ms: u64,
}

#[derive(Debug, Serialize)]
struct Damaged<'a> {
    versions: Vec<u64>,
    #[serde(flatten)]
    path: JsonPath,
    what: &'a str,
}

/// The answer of `verify`.
pub fn verify(outcome: &VerifyOutcome, elapsed: Duration) -> Answer<Verify<'_>> {
    Answer::new(Verify {
        ok: outcome.loses_nothing(),
        versions: outcome.versions,
        objects: outcome.objects,
        bytes: outcome.bytes,
        damaged: damaged(&outcome.damaged),
        purged: damaged(&outcome.purged),
        not_fetched: Some(outcome.not_fetched).filter(|paths| *paths > 0),
        store_damage: &outcome.store_damage,
        log_damage: outcome.log_damage.as_deref(),
        elapsed_ms: milliseconds(elapsed),
    })
}

/// What was made anew, and what stays damaged.
#[derive(Debug, Serialize)]
pub struct Repair<'a> {
    ok: bool,
    records: u64,
    versions: u64,
    objects: u64,
    /// Where the former log was kept.
    kept_aside: Option<String>,
    still_damaged: Vec<Damaged<'a>>,
    elapsed_ms: u64,
}

/// The answer of `repair`.
pub fn repair(outcome: &RepairOutcome, elapsed: Duration) -> Answer<Repair<'_>> {
    Answer::new(Repair {
        ok: outcome.still_damaged.is_empty(),
        records: outcome.records,
        versions: outcome.versions,
        objects: outcome.objects,
        kept_aside: outcome.kept_aside.as_ref().map(path::os_text),
        still_damaged: damaged(&outcome.still_damaged),
        elapsed_ms: milliseconds(elapsed),
    })
}

fn damaged(damaged: &[DamagedPath]) -> Vec<Damaged<'_>> {
    let numbers = |damage: &DamagedPath| damage.versions.iter().map(|version| version.0).collect();
    damaged.iter().map(|damage| Damaged { versions: numbers(damage), path: (&damage.path).into(), what: &damage.what }).collect()
}
