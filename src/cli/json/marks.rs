//! Labels, pins and checks in JSON.

use std::collections::BTreeMap;

use lua_store::format::record::{CheckRecord, ProcessEnd, VersionNumber};
use lua_store::ops::LabelOutcome;
use lua_store::version_log::LabelMark;
use serde::Serialize;

use super::Answer;

/// A label that was given.
#[derive(Debug, Serialize)]
pub struct Labelled<'a> {
    label: &'a str,
    version: u64,
    /// The version that had it before.
    before: Option<u64>,
    changed: bool,
}

/// The answer of `label N NAME`.
pub fn labelled<'a>(name: &'a str, outcome: &LabelOutcome) -> Answer<Labelled<'a>> {
    let LabelOutcome { version, before, changed } = *outcome;
    Answer::new(Labelled { label: name, version: version.0, before: before.map(|before| before.0), changed })
}

/// A label that was taken away.
#[derive(Debug, Serialize)]
pub struct Unlabelled<'a> {
    label: &'a str,
    /// The version that had it.
    version: u64,
    removed: bool,
}

/// The answer of `label --remove`.
pub fn unlabelled(name: &str, version: VersionNumber) -> Answer<Unlabelled<'_>> {
    Answer::new(Unlabelled { label: name, version: version.0, removed: true })
}

/// All labels.
#[derive(Debug, Serialize)]
pub struct Labels<'a> {
    labels: Vec<Label<'a>>,
}

#[derive(Debug, Serialize)]
struct Label<'a> {
    label: &'a str,
    version: u64,
}

/// The answer of `label`.
pub fn labels(labels: &BTreeMap<String, LabelMark>) -> Answer<Labels<'_>> {
    let labels = labels.iter().map(|(name, label)| Label { label: name, version: label.version.0 });
    Answer::new(Labels { labels: labels.collect() })
}

/// A version that was pinned, or whose pin was taken away.
#[derive(Debug, Serialize)]
pub struct Pinned {
    version: u64,
    pinned: bool,
    changed: bool,
}

/// The answer of `pin N` and `pin --remove N`.
pub fn pinned(version: VersionNumber, pinned: bool, changed: bool) -> Answer<Pinned> {
    Answer::new(Pinned { version: version.0, pinned, changed })
}

/// The pinned versions.
#[derive(Debug, Serialize)]
pub struct Pins {
    pinned: Vec<u64>,
}

/// The answer of `pin`.
pub fn pins(versions: &[VersionNumber]) -> Answer<Pins> {
    Answer::new(Pins { pinned: versions.iter().map(|version| version.0).collect() })
}

/// A check of a version.
#[derive(Debug, Serialize)]
pub struct Check<'a> {
    command: &'a str,
    passed: bool,
    /// `null` when a signal ended it.
    exit_code: Option<u32>,
    /// `null` when it ended by itself.
    signal: Option<u32>,
    duration_ms: u64,
    /// The last lines that it wrote.
    output: &'a str,
}

impl<'a> From<&'a CheckRecord> for Check<'a> {
    fn from(check: &'a CheckRecord) -> Self {
        let (exit_code, signal) = match check.end {
            ProcessEnd::Exited(code) => (Some(code), None),
            ProcessEnd::Signalled(signal) => (None, Some(signal)),
        };
        let CheckRecord { command, duration_ms, output, .. } = check;
        Self { command, passed: check.passed(), exit_code, signal, duration_ms: *duration_ms, output }
    }
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    #[test]
    fn checks_say_how_they_ended() {
        let check = |end| CheckRecord { version: VersionNumber(1), command: "make".into(), end, duration_ms: 5, output: "x\ny".into() };
        let shown = text(&Check::from(&check(ProcessEnd::Exited(2))));
        let expected = r#"{"command":"make","passed":false,"exit_code":2,"signal":null,"duration_ms":5,"output":"x\ny"}"#;
        assert_eq!(shown, expected);
        let shown = text(&Check::from(&check(ProcessEnd::Signalled(15))));
        assert!(shown.contains(r#""passed":false,"exit_code":null,"signal":15"#), "{shown}");
    }
}
