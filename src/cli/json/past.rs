//! Answers of the commands that look back, in JSON.

use lua_store::format::record::VersionNumber;
use lua_store::ops::{BlameLine, BlameOutcome, DiffForm, EntriesOutcome, LogEntry, ShowOutcome, VersionPath};
use lua_store::tree::OwnedNode;
use serde::Serialize;

use super::Answer;
use super::diff::Differences;
use super::history::Version;
use super::path::{JsonPath, hexadecimal_unless_text, lossy};

/// A version and what it changed.
#[derive(Debug, Serialize)]
pub struct ChangedBy<'a> {
    #[serde(flatten)]
    version: Version<'a>,
    /// The version that it is compared with; `null` when all of it is new.
    against: Option<u64>,
    #[serde(flatten)]
    differences: Differences,
}

impl<'a> ChangedBy<'a> {
    /// A version as it is shown.
    pub fn new(outcome: &'a ShowOutcome, form: DiffForm) -> Self {
        let ShowOutcome { version, active, before, diff, .. } = outcome;
        let against = before.map(|before| before.0);
        Self { version: Version::new(&version.row, *active), against, differences: Differences::new(diff, form) }
    }
}

/// The answer of `show`.
pub fn show(outcome: &ShowOutcome, form: DiffForm) -> Answer<ChangedBy<'_>> {
    Answer::new(ChangedBy::new(outcome, form))
}

/// Versions that changed something, newest first.
#[derive(Debug, Serialize)]
pub struct Log<'a> {
    versions: Vec<ChangedBy<'a>>,
}

/// The answer of `log`.
pub fn log(entries: &[LogEntry], active: Option<VersionNumber>, form: DiffForm) -> Answer<Log<'_>> {
    let mut versions = Vec::with_capacity(entries.len());
    for LogEntry { row, before, diff } in entries {
        let against = before.map(|before| before.0);
        versions.push(ChangedBy { version: Version::new(row, active), against, differences: Differences::new(diff, form) });
    }
    Answer::new(Log { versions })
}

/// Contents.
#[derive(Debug, Serialize)]
pub struct Contents {
    files: Vec<Content>,
}

#[derive(Debug, Serialize)]
struct Content {
    version: u64,
    #[serde(flatten)]
    path: JsonPath,
    bytes: usize,
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_bytes: Option<String>,
}

/// The answer of `cat`. A content that is no UTF-8 stands there in hexadecimal digits, too.
pub fn contents(places: &[VersionPath], contents: &[Vec<u8>]) -> Answer<Contents> {
    let content = |(place, content): (&VersionPath, &Vec<u8>)| Content {
        version: place.version.0,
        path: (&place.path).into(),
        bytes: content.len(),
        content: lossy(content),
        content_bytes: hexadecimal_unless_text(content),
    };
    Answer::new(Contents { files: places.iter().zip(contents).map(content).collect() })
}

/// What a version holds.
#[derive(Debug, Serialize)]
pub struct Entries {
    version: u64,
    folder: JsonPath,
    entries: Vec<JsonEntry>,
}

#[derive(Debug, Serialize)]
struct JsonEntry {
    #[serde(flatten)]
    path: JsonPath,
    /// `file`, `folder` or `link`.
    kind: &'static str,
    /// Permission bits in octal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_bytes: Option<String>,
    /// Whether its content was purged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    purged: bool,
}

impl JsonEntry {
    fn new(path: JsonPath, node: &OwnedNode, purged: bool) -> Self {
        let plain = Self { path, kind: "link", mode: None, bytes: None, hash: None, target: None, target_bytes: None, purged };
        let octal = |mode: u16| Some(format!("{mode:04o}"));
        match node {
            OwnedNode::File { mode, bytes, id } => {
                Self { kind: "file", mode: octal(*mode), bytes: Some(*bytes), hash: Some(id.to_string()), ..plain }
            }
            OwnedNode::Directory { mode, id } => Self { kind: "folder", mode: octal(*mode), hash: Some(id.to_string()), ..plain },
            OwnedNode::Symlink { target } => Self { target: Some(lossy(target)), target_bytes: hexadecimal_unless_text(target), ..plain },
        }
    }
}

/// The answer of `ls` and `tree`.
pub fn entries(place: &VersionPath, outcome: &EntriesOutcome) -> Answer<Entries> {
    let entries = outcome
        .entries
        .iter()
        .map(|entry| JsonEntry::new((&entry.path).into(), &entry.node, outcome.purged.has_node(&entry.node)))
        .collect();
    Answer::new(Entries { version: place.version.0, folder: (&outcome.folder).into(), entries })
}

/// A file, line by line.
#[derive(Debug, Serialize)]
pub struct Blame<'a> {
    version: u64,
    #[serde(flatten)]
    path: JsonPath,
    lines: Vec<JsonBlameLine>,
    /// The versions that are named, the newest first.
    versions: Vec<Version<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonBlameLine {
    number: usize,
    /// The version that last changed it.
    changed_in: u64,
    /// Where the line stood in that version.
    changed_at: JsonPath,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_bytes: Option<String>,
}

/// The answer of `blame`.
pub fn blame<'a>(place: &VersionPath, outcome: &'a BlameOutcome, active: Option<VersionNumber>) -> Answer<Blame<'a>> {
    let line = |(index, line): (usize, &BlameLine)| {
        let text = line.text.strip_suffix(b"\n").unwrap_or(&line.text);
        let changed_in = outcome.versions[line.version].record.number.0;
        let (changed_at, text_bytes) = ((&line.path).into(), hexadecimal_unless_text(text));
        JsonBlameLine { number: index + 1, changed_in, changed_at, text: lossy(text), text_bytes }
    };
    Answer::new(Blame {
        version: place.version.0,
        path: (&place.path).into(),
        lines: outcome.lines.iter().enumerate().map(line).collect(),
        versions: outcome.versions.iter().map(|row| Version::new(row, active)).collect(),
    })
}
