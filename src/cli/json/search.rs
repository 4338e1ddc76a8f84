//! The answers of `grep` and `when` in JSON.

use lua_store::format::record::VersionNumber;
use lua_store::ops::{GrepMatch, GrepOutcome, HitLine, Matched, Presence, VersionSpan, WhenOutcome};
use lua_store::version_log::VersionRow;
use serde::Serialize;

use super::Answer;
use super::history::Version;
use super::path::{JsonPath, all, hexadecimal_unless_text, lossy};
use crate::cli::render::when::command;

/// Where something was found.
#[derive(Debug, Serialize)]
pub struct Grep {
    /// The versions that were searched.
    searched: Vec<u64>,
    contents: u64,
    bytes: u64,
    matches: Vec<JsonMatch>,
    too_large: Vec<JsonPath>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purged: Vec<JsonPath>,
}

#[derive(Debug, Serialize)]
struct JsonMatch {
    #[serde(flatten)]
    path: JsonPath,
    /// Pairs of the first and the last version.
    versions: Vec<[u64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<JsonLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    binary: bool,
}

#[derive(Debug, Serialize)]
struct JsonLine {
    number: u64,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_bytes: Option<String>,
    is_match: bool,
}

impl From<&HitLine> for JsonLine {
    fn from(line: &HitLine) -> Self {
        let HitLine { number, text, is_match } = line;
        Self { number: *number, text: lossy(text), text_bytes: hexadecimal_unless_text(text), is_match: *is_match }
    }
}

impl From<&GrepMatch> for JsonMatch {
    fn from(found: &GrepMatch) -> Self {
        let span = |VersionSpan { first, last }: &VersionSpan| [first.0, last.0];
        let (lines, count) = match &found.matched {
            Matched::Lines(lines) => (Some(lines.iter().map(JsonLine::from).collect()), None),
            Matched::Count(count) => (None, Some(*count)),
            Matched::File | Matched::Binary => (None, None),
        };
        let versions = found.versions.iter().map(span).collect();
        Self { path: (&found.path).into(), versions, lines, count, binary: found.matched == Matched::Binary }
    }
}

/// The answer of `grep`.
pub fn grep(outcome: &GrepOutcome) -> Answer<Grep> {
    Answer::new(Grep {
        searched: outcome.versions.iter().map(|version| version.0).collect(),
        contents: outcome.contents,
        bytes: outcome.bytes,
        matches: outcome.matches.iter().map(JsonMatch::from).collect(),
        too_large: all(&outcome.too_large),
        purged: all(&outcome.purged),
    })
}

/// When a text was where.
#[derive(Debug, Serialize)]
pub struct When<'a> {
    presences: Vec<JsonPresence<'a>>,
    too_large: Vec<JsonPath>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purged: Vec<JsonPath>,
}

#[derive(Debug, Serialize)]
struct JsonPresence<'a> {
    #[serde(flatten)]
    path: JsonPath,
    appeared: Version<'a>,
    /// The last version that has it.
    last: u64,
    /// `null` while it is there.
    vanished: Option<Version<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    with_file: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    now_in: Option<JsonPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore: Option<String>,
}

/// The answer of `when`.
pub fn when<'a>(outcome: &'a WhenOutcome, active: Option<VersionNumber>, program: &str) -> Answer<When<'a>> {
    let presences = outcome.presences.iter().map(|presence| json_presence(presence, active, program)).collect();
    Answer::new(When { presences, too_large: all(&outcome.too_large), purged: all(&outcome.purged) })
}

fn json_presence<'a>(presence: &'a Presence, active: Option<VersionNumber>, program: &str) -> JsonPresence<'a> {
    let end = presence.end.as_ref();
    let version = |row: &'a VersionRow| Version::new(row, active);
    JsonPresence {
        path: (&presence.path).into(),
        appeared: version(&presence.appeared),
        last: presence.last.record.number.0,
        vanished: end.map(|end| version(&end.vanished)),
        with_file: end.map(|end| end.with_file),
        now_in: end.and_then(|end| Some(end.now_in.as_ref()?.into())),
        restore: end.map(|_| command(presence, program)),
    }
}
