//! The form of the program's answers under `--json`, and its exit codes. The only place in the tests that knows them.

use serde::Deserialize;
use serde_json::Value;

/// Exit codes of the program.
pub mod exit {
    /// All done.
    pub const OK: i32 = 0;
    /// Not done, and a message says why.
    pub const ERROR: i32 = 1;
    /// The command line is wrong.
    pub const USAGE: i32 = 2;
    /// Done, but something could not be recorded; each such path is listed.
    pub const LEFT_OUT: i32 = 3;
    /// The store is damaged; what, is listed.
    pub const DAMAGED: i32 = 4;
    /// There is no workspace here.
    pub const NOT_A_WORKSPACE: i32 = 5;
    /// There is no such version.
    pub const NO_SUCH_VERSION: i32 = 6;
    /// The disk is full, or may not be written to.
    pub const NO_SPACE: i32 = 7;
    /// Recorded, but the check that was asked for failed.
    pub const CHECK_FAILED: i32 = 8;
    /// Stopped by Ctrl-C.
    pub const INTERRUPTED: i32 = 130;

    /// Whether a command that ended with this code says that it did nothing, and why.
    pub fn is_refusal(code: i32) -> bool {
        matches!(code, ERROR | USAGE | NOT_A_WORKSPACE | NO_SUCH_VERSION | NO_SPACE)
    }
}

/// Answer of `lua push`.
#[derive(Clone, Debug, Deserialize)]
pub struct Push {
    /// The version that holds the workspace as it is now.
    pub version: u64,
    /// Whether that version was made by this push.
    pub changed: bool,
    /// Id of its tree.
    pub tree: String,
    /// Files and links that are new.
    pub added: u64,
    /// Files and links that differ.
    pub changed_files: u64,
    /// Files and links that are gone.
    pub removed: u64,
    /// What could not be recorded.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// A path that could not be recorded.
#[derive(Clone, Debug, Deserialize)]
pub struct LeftOut {
    /// The path in the workspace.
    pub path: String,
    /// Why not.
    pub reason: String,
}

/// A row of `lua source list`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Row {
    /// The version's number.
    pub version: u64,
    /// Whether it is the active one.
    pub active: bool,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Who made it.
    pub by: String,
    /// What made it.
    pub triggered_by: String,
    /// What its maker says.
    pub message: String,
    /// Id of its tree.
    pub tree: String,
    /// Files and links that are new against the version before.
    pub added: u64,
    /// Those that differ.
    pub changed: u64,
    /// Those that are gone.
    pub removed: u64,
    /// Files and links in it.
    pub files: u64,
    /// What was said about it later.
    #[serde(flatten)]
    pub marks: Marks,
}

/// What was said about a version after it was made.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Marks {
    /// Whether its contents may be gone.
    pub deleted: bool,
    /// What asked for that, if it was pruned.
    pub pruned: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// Whether its last check passed, if it was checked.
    pub passed: Option<bool>,
}

impl Row {
    /// The row without all that later commands change: the mark of the active version, and what was said about it later.
    pub fn without_marks(mut self) -> Self {
        self.active = false;
        self.marks = Marks::default();
        self
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.active { "*" } else { "" };
        let tree = self.tree.get(..8).unwrap_or(&self.tree);
        write!(f, "v{}{mark} {tree} ({}, +{} ~{} -{})", self.version, self.triggered_by, self.added, self.changed, self.removed)
    }
}

/// Rows as they fit into a message.
pub fn in_short(rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
    format!("[{}]", rows.join(", "))
}

#[derive(Deserialize)]
struct List {
    versions: Vec<Row>,
}

/// Answer of `lua status`.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// The active version, if there is one.
    pub active: Option<u64>,
    /// The newest version, if there is one.
    pub newest: Option<u64>,
    /// Whether the workspace equals the newest version.
    pub clean: bool,
    /// What differs; its form is checked by the snapshots of the outputs.
    #[serde(default)]
    pub changes: Vec<Value>,
}

/// Answer of `lua verify`.
#[derive(Clone, Debug, Deserialize)]
pub struct Verify {
    /// Whether nothing is damaged.
    pub ok: bool,
    /// Which paths of which versions cannot be brought back. Damage elsewhere makes `ok` false, too.
    #[serde(default)]
    pub damaged: Vec<Damage>,
    /// What is wrong with the list of versions.
    pub log_damage: Option<String>,
}

/// A path that cannot be brought back.
#[derive(Clone, Debug, Deserialize)]
pub struct Damage {
    /// In these versions.
    pub versions: Vec<u64>,
    /// The path.
    pub path: String,
}

/// Reads an answer of `lua push`.
pub fn push(stdout: &str) -> Result<Push, String> {
    read("push", stdout)
}

/// Reads an answer of `lua source list --all`: newest first, numbers without gaps down to 1.
pub fn list(stdout: &str) -> Result<Vec<Row>, String> {
    let List { versions } = read("source list", stdout)?;
    let consecutive = versions.iter().rev().zip(1..).all(|(row, number)| row.version == number);
    if consecutive { Ok(versions) } else { Err(format!("version numbers are not N, N-1, … 1: {stdout}")) }
}

/// Reads an answer of `lua status`.
pub fn status(stdout: &str) -> Result<Status, String> {
    read("status", stdout)
}

/// Reads an answer of `lua verify`.
pub fn verify(stdout: &str) -> Result<Verify, String> {
    let verify: Verify = read("verify", stdout)?;
    if verify.ok && !verify.damaged.is_empty() { Err(format!("`ok` contradicts `damaged`: {stdout}")) } else { Ok(verify) }
}

fn read<'a, T: Deserialize<'a>>(command: &str, stdout: &'a str) -> Result<T, String> {
    serde_json::from_str(stdout).map_err(|error| format!("unexpected answer of `{command}` ({error}): {stdout:?}"))
}
