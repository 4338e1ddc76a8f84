//! The answer of `status` in JSON.

use lua_store::ops::{BackgroundResult, Status};
use serde::Serialize;

use super::Answer;
use super::change::JsonChange;
use super::push::LeftOut;

/// How workspace and history stand to each other.
#[derive(Debug, Serialize)]
pub struct JsonStatus<'a> {
    active: Option<u64>,
    newest: Option<u64>,
    /// Whether the workspace equals the newest version.
    clean: bool,
    changes: Vec<JsonChange>,
    files: u64,
    bytes: u64,
    #[serde(flatten)]
    left_out: LeftOut<'a>,
    store_bytes: u64,
    segments: usize,
    last_push_age_ms: Option<u64>,
    /// What came of the last syncs behind pushes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    background_syncs: Vec<BackgroundSync<'a>>,
}

#[derive(Debug, Serialize)]
struct BackgroundSync<'a> {
    remote: &'a str,
    ended_ms: i64,
    received: u64,
    sent: u64,
    renumbered: &'a [(u64, u64)],
    error: Option<&'a str>,
}

impl<'a> From<&'a BackgroundResult> for BackgroundSync<'a> {
    fn from(result: &'a BackgroundResult) -> Self {
        let BackgroundResult { remote, ended_ms, received, sent, renumbered, error } = result;
        Self { remote, ended_ms: *ended_ms, received: *received, sent: *sent, renumbered, error: error.as_deref() }
    }
}

/// The answer of `status`.
pub fn status(status: &Status, last_push_age_ms: Option<u64>) -> Answer<JsonStatus<'_>> {
    Answer::new(JsonStatus {
        active: status.active.map(|active| active.0),
        newest: status.newest.as_ref().map(|newest| newest.record.number.0),
        clean: status.changes.is_empty(),
        changes: status.changes.iter().map(JsonChange::from).collect(),
        files: status.report.files,
        bytes: status.report.bytes,
        left_out: LeftOut::new(&status.report),
        store_bytes: status.store_bytes,
        segments: status.segments,
        last_push_age_ms,
        background_syncs: status.background.iter().map(BackgroundSync::from).collect(),
    })
}
