//! The answer of `prune` in JSON.

use std::time::Duration;

use lua_store::ops::{GcOutcome, KeepReason, PruneOutcome};
use serde::Serialize;

use super::Answer;
use super::gc::Gc;
use crate::cli::render::prune::reason;

/// What a prune did, or would do.
#[derive(Debug, Serialize)]
pub struct Prune {
    dry_run: bool,
    /// The versions that were dropped, newest first.
    pruned: Vec<u64>,
    /// The versions that were kept, newest first.
    kept: Vec<Kept>,
}

/// What a prune did, and what came back.
#[derive(Debug, Serialize)]
pub struct Pruned {
    #[serde(flatten)]
    prune: Prune,
    collected: Option<Gc>,
}

#[derive(Debug, Serialize)]
struct Kept {
    version: u64,
    reasons: Vec<String>,
}

/// The answer of a `prune` that was done.
pub fn pruned(outcome: &PruneOutcome, collected: Option<&GcOutcome>, elapsed: Duration) -> Answer<Pruned> {
    Answer::new(Pruned { prune: body(outcome, false), collected: collected.map(|collected| Gc::new(collected, false, elapsed)) })
}

/// The answer of a dry run of `prune`.
pub fn prune(outcome: &PruneOutcome, dry_run: bool) -> Answer<Prune> {
    Answer::new(body(outcome, dry_run))
}

fn body(outcome: &PruneOutcome, dry_run: bool) -> Prune {
    let kept = outcome.verdicts.iter().filter(|verdict| !verdict.reasons.is_empty());
    let raw = |kept: &KeepReason| match kept {
        KeepReason::Label(name) => format!("label {name}"),
        other => reason(other),
    };
    let kept = kept.map(|verdict| Kept { version: verdict.row.record.number.0, reasons: verdict.reasons.iter().map(raw).collect() });
    Prune { dry_run, pruned: outcome.dropped().map(|version| version.0).collect(), kept: kept.collect() }
}
