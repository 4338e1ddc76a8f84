//! Arguments of the commands about the workspace.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lua_store::ops::{DiffForm, Revision};

use super::KeyArgs;
use super::value::{parse_rate, parse_revision};

/// Make a folder a workspace, with its history in .lua (a first push does it too)
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} init\n  {lua} init --restore-sources --remote s3://bucket/site   # a new machine\n  {lua} init --store ~/histories/site   # out of reach of rm -rf and git clean"
)]
pub struct InitArgs {
    /// Id of the agent; else that of lua.skill.yaml, if there is one
    #[arg(long, value_name = "ID")]
    pub agent_id: Option<String>,
    /// Keep the history in DIR, outside the workspace; one that is there already is taken over
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Bring the history and the files of its active version from the remote; needs --remote
    #[arg(long, requires = "remote")]
    pub restore_sources: bool,
    /// Where a history is that is to be shared: s3://BUCKET/PREFIX, gs://…, az://…, file:///DIR
    #[arg(long, value_name = "URL", requires = "restore_sources")]
    pub remote: Option<String>,
    #[command(flatten)]
    pub key: KeyArgs,
    /// Take the folder even if it is /, a home folder or the root of a mount
    #[arg(long)]
    pub yes_this_root: bool,
    /// The folder; else the current one
    pub dir: Option<PathBuf>,
}

/// Record the workspace as the next version and make it the active one
///
/// With nothing changed no version is made.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} push -m \"parser works\"\n  {lua} push --check \"cargo test\"\n  {lua} push --dry-run")]
pub struct PushArgs {
    /// Accepted for compatibility: both push the whole workspace
    #[arg(value_name = "WHAT")]
    pub what: Option<PushWhat>,
    /// What to say about the version
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// What triggers it
    #[arg(long, value_name = "TEXT")]
    pub triggered_by: Option<String>,
    /// Who makes it
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Make a version even if nothing changed
    #[arg(long)]
    pub allow_empty: bool,
    /// Show what would be recorded and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing, and record even if ignore rules leave out nearly everything
    #[arg(long)]
    pub force: bool,
    /// Read every file again, whatever its times say
    #[arg(long)]
    pub rehash: bool,
    /// Then exchange versions with the remote; the version is recorded whatever comes of it
    #[arg(long, conflicts_with = "dry_run")]
    pub sync: bool,
    /// With --sync: send and receive at most so many bytes in a second on average, as in 500kB/s
    #[arg(long, value_name = "RATE", value_parser = parse_rate, requires = "sync")]
    pub limit: Option<u64>,
    /// Do not look for keys and tokens in new contents (`secret_scan = false` in .lua/config.toml: never)
    #[arg(long)]
    pub no_secret_scan: bool,
    /// Then run CMD with `sh -c` in the workspace and record with the version whether it succeeds; exit code 8 if not
    #[arg(long, value_name = "CMD", conflicts_with = "dry_run")]
    pub check: Option<String>,
}

/// The parts that the vendor's tool knows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PushWhat {
    All,
    Backup,
}

/// Show what differs from the newest version, what is active, and what is left out
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Read every file again, whatever its times say
    #[arg(long)]
    pub rehash: bool,
    /// Count files and bytes in left-out folders too, and name every rule
    #[arg(long)]
    pub left_out: bool,
}

/// Show what differs between two versions, or between a version and the workspace
///
/// A is the newest version unless it is given, B the workspace. The first two words are versions if they look like 5 or v5,
/// or are labels and no path has that name; all others, and all after `--`, are paths.
#[derive(Debug, Args)]
#[command(
    override_usage = "{lua} diff [OPTIONS] [A [B]] [PATH]... [-- PATH...]",
    after_help = "Examples:\n  {lua} diff                 # newest version against the workspace\n  {lua} diff v3 v5 --stat\n  {lua} diff 3 src/ > changes.patch && git apply -R changes.patch"
)]
pub struct DiffArgs {
    /// Versions and paths
    #[arg(value_name = "A | B | PATH", hide = true)]
    pub words: Vec<OsString>,
    /// Paths
    #[arg(last = true, value_name = "PATH", hide = true)]
    pub paths: Vec<OsString>,
    #[command(flatten)]
    pub form: DiffFormArgs,
}

/// Show what differs between two versions
#[derive(Debug, Args)]
pub struct VersionDiffArgs {
    /// The older version
    #[arg(value_parser = parse_revision)]
    pub a: Revision,
    /// The newer version
    #[arg(value_parser = parse_revision)]
    pub b: Revision,
    /// Only these paths
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,
    #[command(flatten)]
    pub form: DiffFormArgs,
}

/// What of the differences is shown.
#[derive(Clone, Copy, Debug, Args)]
pub struct DiffFormArgs {
    /// Show how many lines changed in each file instead of a patch
    #[arg(long, conflicts_with = "name_only")]
    pub stat: bool,
    /// Show only which paths differ
    #[arg(long)]
    pub name_only: bool,
}

impl DiffFormArgs {
    /// The form that is asked for.
    pub fn form(self) -> DiffForm {
        match self {
            Self { stat: true, .. } => DiffForm::Stat,
            Self { name_only: true, .. } => DiffForm::NameOnly,
            Self { .. } => DiffForm::Patch,
        }
    }
}

/// Read and check every object of every version, or what lies at a remote
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} verify\n  {lua} verify --remote\n  {lua} verify --remote --read-data")]
pub struct VerifyArgs {
    /// Check only that everything is there, without reading contents
    #[arg(long)]
    pub quick: bool,
    /// Check a remote instead: that its log is a chain, and all that it names is there; the only one, or origin, if it is not named
    #[arg(long, value_name = "NAME", num_args = 0..=1, conflicts_with = "quick")]
    pub remote: Option<Option<String>>,
    /// Read every byte of the remote, too
    #[arg(long, requires = "remote")]
    pub read_data: bool,
}

/// Give back the room of contents that no version reaches any more, and join small segments
///
/// Pushes and reads go on meanwhile, and it can be stopped at any time. With --remote it is a remote that is collected: small packs are
/// merged, and what was purged or belongs to no version goes. What nothing names stays for the grace period, because another machine
/// may be about to name it; what was purged goes at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} gc --dry-run\n  {lua} gc\n  {lua} gc --remote --dry-run\n  {lua} gc --remote")]
pub struct GcArgs {
    /// Say what would come back, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Take every last byte, also where it is hardly worth it
    #[arg(long)]
    pub all: bool,
    /// Compress everything anew, harder; takes long and gains a few percent
    #[arg(long)]
    pub recompress: bool,
    /// Collect a remote instead: the only one, or origin, if it is not named
    #[arg(long, value_name = "NAME", num_args = 0..=1, conflicts_with_all = ["all", "recompress"])]
    pub remote: Option<Option<String>>,
    /// How long what nothing names stays in a remote; less only while no other machine syncs
    #[arg(long, value_name = "HOURS", requires = "remote", default_value_t = 168)]
    pub grace: u32,
    /// What a push begins behind itself
    #[arg(long, hide = true, conflicts_with_all = ["remote", "all", "recompress", "dry_run"])]
    pub background: bool,
}

/// Say which of the paths are left out, and by which rule
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} check-ignore -v build/app.log")]
pub struct CheckIgnoreArgs {
    /// Show every path, with the rule that decides
    #[arg(short, long)]
    pub verbose: bool,
    /// The paths; they need not exist
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}
