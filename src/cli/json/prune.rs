//! The answer of `prune` in JSON.

use lua_store::ops::{KeepReason, PruneOutcome};
use serde::Serialize;

use super::Answer;
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

#[derive(Debug, Serialize)]
struct Kept {
    version: u64,
    reasons: Vec<String>,
}

/// The answer of `prune`.
pub fn prune(outcome: &PruneOutcome, dry_run: bool) -> Answer<Prune> {
    let kept = outcome.verdicts.iter().filter(|verdict| !verdict.reasons.is_empty());
    let raw = |kept: &KeepReason| match kept {
        KeepReason::Label(name) => format!("label {name}"),
        other => reason(other),
    };
    let kept = kept.map(|verdict| Kept { version: verdict.row.record.number.0, reasons: verdict.reasons.iter().map(raw).collect() });
    Answer::new(Prune { dry_run, pruned: outcome.dropped().map(|version| version.0).collect(), kept: kept.collect() })
}
