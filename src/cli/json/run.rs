//! The answers of `at` and `bisect` in JSON.

use lua_store::ops::{BisectOutcome, Culprit, DiffForm, Ended, TestVerdict, VersionRun};
use serde::Serialize;

use super::Answer;
use super::past::ChangedBy;
use super::path::{hexadecimal_unless_text, lossy};
use crate::cli::render::run::verdict_name;

/// What became of a command.
#[derive(Debug, Serialize)]
pub struct Runs {
    runs: Vec<JsonRun>,
}

#[derive(Debug, Serialize)]
struct JsonRun {
    version: u64,
    /// `null` when a signal ended it.
    exit: Option<i32>,
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    duration_ms: u64,
    last_line: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_line_bytes: Option<String>,
}

impl JsonRun {
    fn new(run: &VersionRun, verdict: Option<TestVerdict>) -> Self {
        let (exit, signal) = match run.ended {
            Ended::Code(code) => (Some(code), None),
            Ended::Signal(signal) => (None, Some(signal)),
        };
        Self {
            version: run.version.0,
            exit,
            signal,
            verdict: verdict.map(verdict_name),
            duration_ms: super::milliseconds(run.duration),
            last_line: lossy(&run.last_line),
            last_line_bytes: hexadecimal_unless_text(&run.last_line),
        }
    }
}

/// The answer of `at`.
pub fn runs(runs: &[VersionRun]) -> Answer<Runs> {
    Answer::new(Runs { runs: runs.iter().map(|run| JsonRun::new(run, None)).collect() })
}

/// What a search for the first bad version found.
#[derive(Debug, Serialize)]
pub struct Bisect<'a> {
    /// `null` when there was no telling.
    first_bad: Option<ChangedBy<'a>>,
    /// The versions of which one is the first bad one.
    one_of: Vec<u64>,
    tests: Vec<JsonRun>,
}

/// The answer of `bisect`.
pub fn bisect(outcome: &BisectOutcome) -> Answer<Bisect<'_>> {
    let tests = outcome.tests.iter().map(|(run, verdict)| JsonRun::new(run, Some(*verdict))).collect();
    let (first_bad, one_of) = match &outcome.culprit {
        Culprit::First(shown) => (Some(ChangedBy::new(shown, DiffForm::NameOnly)), vec![shown.version.row.record.number.0]),
        Culprit::OneOf(versions) => (None, versions.iter().map(|version| version.0).collect()),
    };
    Answer::new(Bisect { first_bad, one_of, tests })
}
