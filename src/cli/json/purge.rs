//! The answer of `purge` in JSON.

use std::time::Duration;

use lua_store::ops::{PurgeOutcome, PurgePlan, PurgedContent};
use serde::Serialize;

use super::gc::Gc;
use super::path::JsonPath;
use super::{Answer, milliseconds};

/// What would be purged.
#[derive(Debug, Serialize)]
pub struct Plan {
    dry_run: bool,
    contents: Vec<Content>,
}

/// What was purged, and whether it is gone.
#[derive(Debug, Serialize)]
pub struct Purged<'a> {
    dry_run: bool,
    contents: Vec<Content>,
    collected: Gc,
    proof: Proof<'a>,
    /// Remotes that may have the contents until they are collected.
    remotes: &'a [String],
    elapsed_ms: u64,
}

#[derive(Debug, Serialize)]
struct Content {
    hash: String,
    bytes: u64,
    places: Vec<Place>,
}

#[derive(Debug, Serialize)]
struct Place {
    #[serde(flatten)]
    path: JsonPath,
    /// Pairs of the first and the last version.
    versions: Vec<[u64; 2]>,
    named: bool,
}

#[derive(Debug, Serialize)]
struct Proof<'a> {
    absent: bool,
    found: &'a [String],
    objects: u64,
    files: u64,
    bytes: u64,
    unsearchable: u64,
    in_others: u64,
}

fn contents(plan: &PurgePlan) -> Vec<Content> {
    let content = |content: &PurgedContent| Content {
        hash: content.id.to_string(),
        bytes: content.bytes,
        places: content.places.iter().map(place).collect(),
    };
    plan.contents.iter().map(content).collect()
}

fn place(place: &lua_store::ops::PurgePlace) -> Place {
    let versions = place.versions.iter().map(|span| [span.first.0, span.last.0]).collect();
    Place { path: (&place.path).into(), versions, named: place.is_named }
}

/// The answer of a dry run of `purge`.
pub fn plan(plan: &PurgePlan) -> Answer<Plan> {
    Answer::new(Plan { dry_run: true, contents: contents(plan) })
}

/// The answer of `purge`.
pub fn purged(outcome: &PurgeOutcome, elapsed: Duration) -> Answer<Purged<'_>> {
    let proof = &outcome.proof;
    Answer::new(Purged {
        dry_run: false,
        contents: contents(&outcome.plan),
        collected: Gc::new(&outcome.collected, false, elapsed),
        proof: Proof {
            absent: proof.is_absent(),
            found: &proof.found,
            objects: proof.objects,
            files: proof.files,
            bytes: proof.bytes,
            unsearchable: proof.unsearchable,
            in_others: proof.in_others,
        },
        remotes: &outcome.remotes,
        elapsed_ms: milliseconds(elapsed),
    })
}
