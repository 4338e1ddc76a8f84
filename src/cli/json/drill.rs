//! The answer of `drill`.

use lua_store::ops::DrilledVersion;
use serde::Serialize;

use super::path::{JsonPath, all};
use super::{Answer, milliseconds};

/// How the drill went.
#[derive(Debug, Serialize)]
pub struct Drill<'a> {
    ok: bool,
    drilled: Vec<Drilled<'a>>,
}

#[derive(Debug, Serialize)]
struct Drilled<'a> {
    version: u64,
    ok: bool,
    files: u64,
    directories: u64,
    bytes: u64,
    differences: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purged: Vec<JsonPath>,
    elapsed_ms: u64,
}

/// The answer of `drill`.
pub fn drilled(drilled: &[DrilledVersion]) -> Answer<Drill<'_>> {
    let one = |drilled: &'_ DrilledVersion| drilled.differences.is_empty();
    let rows = drilled.iter().map(|drilled| Drilled {
        version: drilled.version.0,
        ok: one(drilled),
        files: drilled.files,
        directories: drilled.directories,
        bytes: drilled.bytes,
        differences: &drilled.differences,
        purged: all(&drilled.purged),
        elapsed_ms: milliseconds(drilled.elapsed),
    });
    Answer::new(Drill { ok: drilled.iter().all(one), drilled: rows.collect() })
}
