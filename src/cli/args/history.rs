//! Arguments of the commands about versions.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use lua_store::limits::LIST_ROWS_DEFAULT;
use lua_store::ops::Revision;

use super::value::parse_revision;
use super::{PushArgs, VersionDiffArgs};

/// `source …`
#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    List(VersionListArgs),
    Rollback(RollbackArgs),
    Restore(RestoreArgs),
}

/// `version …`
#[derive(Debug, Subcommand)]
pub enum VersionCommand {
    Promote(PromoteArgs),
    List(VersionListArgs),
    Show(ShowArgs),
    Diff(VersionDiffArgs),
    /// Show which version is active, and how it came to be
    Status(ListArgs),
    /// Record the workspace as a new version (the same as `push`)
    Create(PushArgs),
    Delete(DeleteArgs),
}

/// How many rows are shown
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Show all instead of the newest 50
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Show at most N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

/// List versions, newest first; the active one is starred
#[derive(Debug, Args)]
pub struct VersionListArgs {
    #[command(flatten)]
    pub rows: ListArgs,
    /// Only versions whose last check passed
    #[arg(long)]
    pub green: bool,
}

impl ListArgs {
    /// How many rows are wanted; `None` for all.
    pub fn row_limit(&self) -> Option<u64> {
        if self.all { None } else { Some(self.limit.unwrap_or(LIST_ROWS_DEFAULT as u64)) }
    }
}

/// Bring the files of a version back, and record that as the newest version
///
/// Unsaved work is recorded first, as a version of its own. What the ignore rules leave out is not touched.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} source rollback --version 5 --dry-run\n  {lua} source rollback --version 5\n  {lua} rollback 5 --force\n  {lua} rollback before-refactor\n  {lua} source rollback --last-green --force"
)]
pub struct RollbackArgs {
    #[command(flatten)]
    pub target: RollbackTarget,
    #[command(flatten)]
    pub how: RollbackHow,
}

/// The version to bring back, in one of three ways.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct RollbackTarget {
    /// The version to bring back
    #[arg(long, value_name = "N", value_parser = parse_revision)]
    pub version: Option<Revision>,
    /// The same, without the flag
    #[arg(value_name = "N", value_parser = parse_revision)]
    pub number: Option<Revision>,
    /// The newest version whose last check passed
    #[arg(long)]
    pub last_green: bool,
}

/// How a rollback is done.
#[derive(Debug, Args)]
pub struct RollbackHow {
    /// Do not ask
    #[arg(long)]
    pub force: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Show every path of the plan
    #[arg(short, long)]
    pub verbose: bool,
    /// Who does it
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// Take back the last rollback, or restore into the workspace
///
/// The version before it is brought back and appended as the newest; what is unsaved is recorded first. Again, it takes itself back.
#[derive(Debug, Args)]
pub struct UndoArgs {
    #[command(flatten)]
    pub how: RollbackHow,
}

/// Bring a version, or some of its paths, into another folder or into the workspace
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} source restore --version 5 --to /tmp/v5\n  {lua} source restore --version 5 src/main.rs 'docs/**/*.md'"
)]
pub struct RestoreArgs {
    /// The version; else the active one
    #[arg(long, value_name = "N", value_parser = parse_revision)]
    pub version: Option<Revision>,
    /// Write into DIR, which must be empty or not exist yet, instead of into the workspace
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Show what would be written and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Who does it
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Paths or globs (* ? [..] **); all when none is given
    #[arg(value_name = "PATH")]
    pub patterns: Vec<OsString>,
}

/// Make a version the active one; no file is touched
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} version promote 5")]
pub struct PromoteArgs {
    /// The version
    #[arg(value_name = "N", value_parser = parse_revision)]
    pub version: Revision,
}

/// Show everything about one version
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The version
    #[arg(value_name = "N", value_parser = parse_revision)]
    pub version: Revision,
}

/// Delete the contents of a version; its entry stays in the log, marked
///
/// The active and the newest version cannot be deleted.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// The version
    #[arg(value_name = "N", value_parser = parse_revision)]
    pub version: Revision,
    /// Leave the room to a later `gc`
    #[arg(long)]
    pub no_gc: bool,
    /// Do not ask
    #[arg(long)]
    pub force: bool,
}
