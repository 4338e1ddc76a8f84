//! The answer of `push` in JSON, and what a version does not hold.

use std::time::Duration;

use lua_store::format::record::CheckRecord;
use lua_store::id::ObjectId;
use lua_store::ops::{BudgetOutcome, LeftOutByRule, PushOutcome, PushReport, SyncOutcome};
use serde::Serialize;

use super::budget::Kept;
use super::change::JsonChange;
use super::marks::Check;
use super::path::JsonPath;
use super::{Answer, milliseconds};
use crate::cli::render::left_out::UNSTABLE;

/// What a push did.
#[derive(Debug, Serialize)]
pub struct Push<'a> {
    /// The version that holds the workspace as it is now, or would.
    version: Option<u64>,
    /// Whether that version was made by this push, or would be.
    changed: bool,
    dry_run: bool,
    /// Whether the workspace was made by this push.
    initialized: bool,
    tree: Option<String>,
    added: u64,
    changed_files: u64,
    removed: u64,
    files: u64,
    bytes: u64,
    new_bytes: u64,
    stored_bytes: u64,
    /// Objects of the newest version that the history had lost, and has again.
    stored_again: u64,
    /// What would be recorded; only in a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<JsonChange>,
    #[serde(flatten)]
    left_out: LeftOut<'a>,
    /// New contents that look like they hold a secret.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<Secret>,
    elapsed_ms: u64,
    /// The check that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check<'a>>,
    /// What was done to keep the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Kept>,
    /// What came of exchanging versions with the remote, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync: Option<PushSync>,
}

/// What came of the exchange behind a push.
#[derive(Debug, Serialize)]
pub struct PushSync {
    sent: u64,
    received: u64,
    /// The newest version now; the one that was pushed may have another number.
    newest: Option<u64>,
    /// Why it failed; the version is recorded all the same.
    error: Option<String>,
}

impl PushSync {
    /// What came of it, or why nothing did.
    pub fn new(outcome: &Result<SyncOutcome, impl std::fmt::Display>) -> Self {
        match outcome {
            Ok(done) => Self { sent: done.sent, received: done.received, newest: done.newest.map(|newest| newest.0), error: None },
            Err(error) => Self { sent: 0, received: 0, newest: None, error: Some(error.to_string()) },
        }
    }
}

#[derive(Debug, Serialize)]
struct Secret {
    #[serde(flatten)]
    path: JsonPath,
    rule: &'static str,
}

/// What cannot be told from the outcome alone.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// Whether the workspace was made by this push.
    pub initialized: bool,
    /// The tree of the version that holds the workspace, if there is one.
    pub tree: Option<ObjectId>,
    /// How long it took.
    pub elapsed: Duration,
}

/// The answer of `push`.
pub fn push<'a>(
    outcome: &'a PushOutcome,
    check: Option<&'a CheckRecord>,
    budget: Option<&'a BudgetOutcome>,
    sync: Option<PushSync>,
    circumstances: Circumstances,
) -> Answer<Push<'a>> {
    let (version, changed, report) = match outcome {
        PushOutcome::Made { version, report, .. } | PushOutcome::WouldMake { version, report } => (Some(*version), true, report),
        PushOutcome::Unchanged { newest, report } => (*newest, false, report),
    };
    let PushReport { changes, files, bytes, new_bytes, stored_bytes, stored_again, .. } = report;
    Answer::new(Push {
        version: version.map(|version| version.0),
        changed,
        dry_run: circumstances.dry_run,
        initialized: circumstances.initialized,
        tree: circumstances.tree.map(|tree| tree.to_string()),
        added: changes.added,
        changed_files: changes.changed,
        removed: changes.removed,
        files: *files,
        bytes: *bytes,
        new_bytes: *new_bytes,
        stored_bytes: *stored_bytes,
        stored_again: *stored_again,
        changes: report.changed_paths.iter().map(JsonChange::from).collect(),
        left_out: LeftOut::new(report),
        secrets: report.secrets.iter().map(|secret| Secret { path: (&secret.path).into(), rule: secret.rule }).collect(),
        elapsed_ms: milliseconds(circumstances.elapsed),
        check: check.map(Check::from),
        budget: budget.map(Kept::from),
        sync,
    })
}

/// What a version does not hold, or not for certain.
#[derive(Debug, Serialize)]
pub struct LeftOut<'a> {
    left_out: Vec<LeftOutPath<'a>>,
    /// How many there are, also where not all are named.
    left_out_total: u64,
    rules: Vec<Rule<'a>>,
}

#[derive(Debug, Serialize)]
struct LeftOutPath<'a> {
    #[serde(flatten)]
    path: JsonPath,
    reason: &'a str,
    /// Whether it is in the version all the same, as an uncertain read.
    recorded: bool,
}

#[derive(Debug, Serialize)]
struct Rule<'a> {
    rule: &'a str,
    files: u64,
    bytes: u64,
    directories: u64,
}

impl<'a> LeftOut<'a> {
    /// Paths that could not be recorded, paths that were recorded as an uncertain read, and what rules left out.
    pub fn new(report: &'a PushReport) -> Self {
        let PushReport { by_rules: rules, skipped, skipped_total, unstable, .. } = report;
        let skipped_paths =
            skipped.iter().map(|skipped| LeftOutPath { path: skipped.path[..].into(), reason: &skipped.reason, recorded: false });
        let unstable_paths = unstable.iter().map(|path| LeftOutPath { path: path.into(), reason: UNSTABLE, recorded: true });
        let rule = |LeftOutByRule { rule, files, bytes, directories, .. }: &'a LeftOutByRule| Rule {
            rule,
            files: *files,
            bytes: *bytes,
            directories: *directories,
        };
        Self {
            left_out: skipped_paths.chain(unstable_paths).collect(),
            left_out_total: *skipped_total + unstable.len() as u64,
            rules: rules.iter().map(rule).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use lua_store::format::record::{ChangeCounts, VersionNumber};

    use lua_store::ops::SkippedPath;
    use lua_store::workspace::scan::SkipKind;

    use super::super::text;
    use super::*;

    #[test]
    fn a_push_is_one_flat_object() {
        let changes = ChangeCounts { added: 3, changed: 2, removed: 1 };
        let skipped = vec![SkippedPath { path: b"s".to_vec(), kind: SkipKind::Special, reason: "a socket".into() }];
        let by_rules = vec![LeftOutByRule { rule: "built in".into(), files: 1, bytes: 2, directories: 3, example: Vec::new() }];
        let report = PushReport {
            changes,
            files: 9,
            bytes: 8,
            new_bytes: 7,
            stored_bytes: 6,
            skipped,
            skipped_total: 1,
            by_rules,
            ..PushReport::default()
        };
        let outcome = PushOutcome::Made { version: VersionNumber(5), root: ObjectId::ZERO, report };
        let circumstances = Circumstances { dry_run: false, initialized: true, tree: None, elapsed: Duration::from_micros(1900) };
        let expected = concat!(
            r#"{"format":1,"version":5,"changed":true,"dry_run":false,"initialized":true,"tree":null,"#,
            r#""added":3,"changed_files":2,"removed":1,"files":9,"bytes":8,"new_bytes":7,"stored_bytes":6,"#,
            r#""stored_again":0,"left_out":[{"path":"s","reason":"a socket","recorded":false}],"left_out_total":1,"#,
            r#""rules":[{"rule":"built in","files":1,"bytes":2,"directories":3}],"elapsed_ms":1}"#
        );
        assert_eq!(text(&push(&outcome, None, None, None, circumstances)), expected);
    }
}
