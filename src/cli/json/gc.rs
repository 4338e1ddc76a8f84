//! The answer of `gc` in JSON.

use std::time::Duration;

use lua_store::ops::GcOutcome;
use serde::Serialize;

use super::{Answer, milliseconds};

/// What was collected, or would be.
#[derive(Debug, Serialize)]
pub struct Gc {
    dry_run: bool,
    bytes_before: u64,
    bytes_after: u64,
    dropped_objects: u64,
    left_dead_bytes: u64,
    segments_before: usize,
    segments_after: usize,
    damaged: Vec<String>,
    was_busy: bool,
    elapsed_ms: u64,
}

impl Gc {
    /// An outcome as it is shown.
    pub fn new(outcome: &GcOutcome, dry_run: bool, elapsed: Duration) -> Self {
        Self {
            dry_run,
            bytes_before: outcome.bytes_before,
            bytes_after: outcome.bytes_after,
            dropped_objects: outcome.dropped_objects,
            left_dead_bytes: outcome.left_dead_bytes,
            segments_before: outcome.segments.0,
            segments_after: outcome.segments.1,
            damaged: outcome.damaged.clone(),
            was_busy: outcome.was_busy,
            elapsed_ms: milliseconds(elapsed),
        }
    }
}

/// The answer of `gc`.
pub fn gc(outcome: &GcOutcome, dry_run: bool, elapsed: Duration) -> Answer<Gc> {
    Answer::new(Gc::new(outcome, dry_run, elapsed))
}
