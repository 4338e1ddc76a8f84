//! Versions and the active mark in JSON.

use std::time::Duration;

use lua_store::format::record::{CheckRecord, VersionNumber};
use lua_store::ops::{GcOutcome, MarkedVersion, PromoteOutcome};
use lua_store::version_log::{ActiveChange, VersionRow};
use serde::Serialize;

use super::Answer;
use super::gc::Gc;
use super::marks::Check;
use super::path::{JsonPath, all};
use crate::cli::render::time::rfc_3339;

/// A version.
#[derive(Debug, Serialize)]
pub struct Version<'a> {
    version: u64,
    active: bool,
    deleted: bool,
    #[serde(flatten)]
    created: Created,
    by: &'a str,
    triggered_by: &'a str,
    message: &'a str,
    tree: String,
    added: u64,
    changed: u64,
    removed: u64,
    files: u64,
    bytes: u64,
    left_out: u64,
}

#[derive(Debug, Serialize)]
struct Created {
    created_ms: i64,
    created: Option<String>,
}

impl Created {
    fn at(created_ms: i64) -> Self {
        Self { created_ms, created: rfc_3339(created_ms) }
    }
}

impl<'a> Version<'a> {
    /// The entry of a version.
    pub fn new(row: &'a VersionRow, active: Option<VersionNumber>) -> Self {
        let record = &row.record;
        Self {
            version: record.number.0,
            active: active == Some(record.number),
            deleted: row.deleted,
            created: Created::at(row.created_ms),
            by: &record.by,
            triggered_by: &record.triggered_by,
            message: &record.message,
            tree: record.root.to_string(),
            added: record.changes.added,
            changed: record.changes.changed,
            removed: record.changes.removed,
            files: record.files,
            bytes: record.bytes,
            left_out: record.left_out,
        }
    }
}

/// A version with what was said about it later.
#[derive(Debug, Serialize)]
struct Marked<'a> {
    #[serde(flatten)]
    version: Version<'a>,
    /// What asked for its deletion, if it was pruned.
    pruned: Option<&'a str>,
    labels: &'a [String],
    pinned: bool,
    /// Whether its last check passed; `null` when it was never checked.
    passed: Option<bool>,
    /// Paths whose contents were purged; only where a single version is shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purged: Vec<JsonPath>,
}

impl<'a> Marked<'a> {
    fn new(version: &'a MarkedVersion, active: Option<VersionNumber>) -> Self {
        Self {
            version: Version::new(&version.row, active),
            pruned: version.pruned.as_deref(),
            labels: &version.labels,
            pinned: version.pinned,
            passed: version.passed,
            purged: all(&version.purged),
        }
    }
}

/// A version with its last check.
#[derive(Debug, Serialize)]
pub struct CheckedVersion<'a> {
    #[serde(flatten)]
    version: Marked<'a>,
    check: Option<Check<'a>>,
}

/// The answer of `version show`.
pub fn version<'a>(
    version: &'a MarkedVersion,
    check: Option<&'a CheckRecord>,
    active: Option<VersionNumber>,
) -> Answer<CheckedVersion<'a>> {
    Answer::new(CheckedVersion { version: Marked::new(version, active), check: check.map(Check::from) })
}

/// Versions, newest first.
#[derive(Debug, Serialize)]
pub struct Versions<'a> {
    active: Option<u64>,
    versions: Vec<Marked<'a>>,
}

/// The answer of `source list`.
pub fn versions(versions: &[MarkedVersion], active: Option<VersionNumber>) -> Answer<Versions<'_>> {
    let versions = versions.iter().map(|version| Marked::new(version, active)).collect();
    Answer::new(Versions { active: active.map(|active| active.0), versions })
}

/// What a promotion did.
#[derive(Debug, Serialize)]
pub struct Promoted {
    version: u64,
    before: Option<u64>,
    changed: bool,
}

/// The answer of `version promote`.
pub fn promoted(outcome: &PromoteOutcome) -> Answer<Promoted> {
    Answer::new(Promoted { version: outcome.version.0, before: outcome.before.map(|before| before.0), changed: outcome.changed })
}

/// The moves of the active mark, newest first.
#[derive(Debug, Serialize)]
pub struct ActiveMark {
    active: Option<u64>,
    promotions: Vec<JsonPromotion>,
}

#[derive(Debug, Serialize)]
struct JsonPromotion {
    version: u64,
    #[serde(flatten)]
    created: Created,
    by_push: bool,
}

/// The answer of `version status`.
pub fn active_mark(active: Option<VersionNumber>, moves: &[ActiveChange]) -> Answer<ActiveMark> {
    let promotion = |change: &ActiveChange| JsonPromotion {
        version: change.version.0,
        created: Created::at(change.created_ms),
        by_push: !change.promoted,
    };
    Answer::new(ActiveMark { active: active.map(|active| active.0), promotions: moves.iter().map(promotion).collect() })
}

/// A version that was deleted.
#[derive(Debug, Serialize)]
pub struct Deleted {
    version: u64,
    deleted: bool,
    collected: Option<Gc>,
}

/// The answer of `version delete`.
pub fn deleted(version: VersionNumber, collected: Option<&GcOutcome>, elapsed: Duration) -> Answer<Deleted> {
    let collected = collected.map(|collected| Gc::new(collected, false, elapsed));
    Answer::new(Deleted { version: version.0, deleted: true, collected })
}

#[cfg(test)]
mod tests {
    use lua_store::format::record::{ChangeCounts, VersionRecord};
    use lua_store::id::ObjectId;
    use lua_store::version_log::VersionRow;

    use super::super::text;
    use super::*;

    #[test]
    fn versions_are_listed_with_both_forms_of_time() {
        let record = VersionRecord {
            number: VersionNumber(5),
            root: ObjectId::ZERO,
            by: "ada".into(),
            triggered_by: "push".into(),
            message: "a\nb".into(),
            changes: ChangeCounts { added: 1, changed: 2, removed: 3 },
            files: 4,
            bytes: 5,
            left_out: 6,
        };
        let row = VersionRow { record, sequence: 7, created_ms: 1000, id: ObjectId::ZERO, deleted: false };
        let version = MarkedVersion { row, labels: vec!["x".into()], pinned: false, passed: Some(true), pruned: None, purged: Vec::new() };
        let zeros = "0".repeat(64);
        let expected = format!(
            concat!(
                r#"{{"format":1,"active":5,"versions":[{{"version":5,"active":true,"deleted":false,"#,
                r#""created_ms":1000,"created":"1970-01-01T00:00:01Z","by":"ada","triggered_by":"push","message":"a\nb","#,
                r#""tree":"{}","added":1,"changed":2,"removed":3,"files":4,"bytes":5,"left_out":6,"#,
                r#""pruned":null,"labels":["x"],"pinned":false,"passed":true}}]}}"#
            ),
            zeros
        );
        assert_eq!(text(&versions(&[version], Some(VersionNumber(5)))), expected);
    }
}
