//! The answers of `gc --remote` and `verify --remote` in JSON.

use std::time::Duration;

use lua_store::ops::{RemoteGcOutcome, RemoteVerifyOutcome};
use serde::Serialize;

use super::{Answer, milliseconds};

/// What was collected in a remote, or would be.
#[derive(Debug, Serialize)]
pub struct Collected<'a> {
    dry_run: bool,
    remote: &'a str,
    packs_before: u64,
    packs_after: u64,
    bytes_before: u64,
    bytes_after: u64,
    dropped_objects: u64,
    summarized: bool,
    /// What nothing names: how many objects of the storage, and their bytes.
    removed: u64,
    removed_bytes: u64,
    waiting: u64,
    waiting_bytes: u64,
    requests: u64,
    received_bytes: u64,
    sent_bytes: u64,
    elapsed_ms: u64,
}

/// The answer of `gc --remote`.
pub fn collected(outcome: &RemoteGcOutcome, dry_run: bool, elapsed: Duration) -> Answer<Collected<'_>> {
    Answer::new(Collected {
        dry_run,
        remote: &outcome.remote,
        packs_before: outcome.packs.0,
        packs_after: outcome.packs.1,
        bytes_before: outcome.bytes.0,
        bytes_after: outcome.bytes.1,
        dropped_objects: outcome.dropped_objects,
        summarized: outcome.summarized,
        removed: outcome.removed.0,
        removed_bytes: outcome.removed.1,
        waiting: outcome.waiting.0,
        waiting_bytes: outcome.waiting.1,
        requests: outcome.requests,
        received_bytes: outcome.received_bytes,
        sent_bytes: outcome.sent_bytes,
        elapsed_ms: milliseconds(elapsed),
    })
}

/// What was found at a remote.
#[derive(Debug, Serialize)]
pub struct Verified<'a> {
    ok: bool,
    remote: &'a str,
    entries: u64,
    packs: u64,
    bytes: u64,
    problems: &'a [String],
    requests: u64,
    received_bytes: u64,
    elapsed_ms: u64,
}

/// The answer of `verify --remote`.
pub fn verified(outcome: &RemoteVerifyOutcome, elapsed: Duration) -> Answer<Verified<'_>> {
    Answer::new(Verified {
        ok: outcome.problems.is_empty(),
        remote: &outcome.remote,
        entries: outcome.entries,
        packs: outcome.packs,
        bytes: outcome.bytes,
        problems: &outcome.problems,
        requests: outcome.requests,
        received_bytes: outcome.received_bytes,
        elapsed_ms: milliseconds(elapsed),
    })
}
