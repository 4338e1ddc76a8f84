//! What can be typed. Plain text and flags; what they mean is decided in `commands`.
//!
//! `{lua}` in a help text stands for the name that the program was called by; see `usage`.

mod history;
mod marks;
mod past;
mod run;
mod search;
mod shell;
mod sync;
mod transfer;
mod upkeep;
mod value;
mod workspace;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use history::{
    DeleteArgs, ListArgs, PromoteArgs, RestoreArgs, RollbackArgs, RollbackHow, ShowArgs, SourceCommand, UndoArgs, VersionCommand,
    VersionListArgs,
};
pub use marks::{LabelArgs, PinArgs, PruneArgs};
pub use past::{BlameArgs, CatArgs, LogArgs, LsArgs, ShowVersionArgs, TreeArgs};
pub use run::{AtArgs, BisectArgs, command_line};
pub use search::{GrepArgs, WhenArgs};
pub use shell::{CompletionArgs, ManArgs, Shell};
pub use sync::{
    FetchArgs, KeyArgs, PullArgs, RemoteAddArgs, RemoteAutoArgs, RemoteCheckArgs, RemoteCommand, RemoteKeyChangeArgs, RemoteKeyCommand,
    RemoteKeyShowArgs, RemoteRemoveArgs, RemoteUseArgs, Switch, SyncArgs,
};
pub use transfer::{DrillArgs, ExportCommand, ExportGitArgs, ExportTarArgs, ImportCommand, ImportGitArgs};
pub use upkeep::{BudgetArgs, BudgetSize, DuArgs, DuBy, PurgeArgs};
pub use value::{RevisionPath, looks_like_version};
pub use workspace::{CheckIgnoreArgs, DiffArgs, DiffFormArgs, GcArgs, InitArgs, PushArgs, StatusArgs, VerifyArgs, VersionDiffArgs};

/// Exit codes and variables, below the list of commands.
const MORE_HELP: &str = "\
Examples:
  {lua} push -m \"before the refactoring\"
  {lua} list
  {lua} diff v3
  {lua} rollback 3

Exit codes:
  0    done
  1    failed; a message says why
  2    wrong usage, or a confirmation is missing; nothing was done
  3    done, but something was left out, or recorded and not shared; it is listed
  4    the history is damaged; what is affected is listed
  5    not in a workspace
  6    no such version
  7    the disk is full or cannot be written
  8    recorded, but the check failed
  130  stopped by Ctrl-C, nothing half done

Environment:
  LUA_AUTHOR        who makes versions, unless --by says it (else the user's name)
  LUA_TRIGGERED_BY  what triggers pushes, unless --triggered-by says it
  AWS_*, GOOGLE_*, AZURE_*  credentials and settings for remotes; else the files of the providers' tools
  LUA_REMOTE_PASSPHRASE  opens encrypted remotes whose key this machine does not keep
  LUA_REMOTE_NEW_PASSPHRASE  what `remote key change` changes it to
  PAGER, NO_COLOR, COLUMNS, TZ  as everywhere
  LUA_TEST_NOW_MS   for tests: fixes the clock, in milliseconds since 1970";

/// Keeps the version history of a workspace: every push records all of it, any version comes back.
#[derive(Debug, Parser)]
#[command(name = "lua", version, after_help = MORE_HELP, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Answer with one JSON object on standard output, errors too
    #[arg(long, global = true)]
    pub json: bool,
    /// Work as if started in DIR
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub workspace: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Init(InitArgs),
    Push(PushArgs),
    /// The history of the sources: list, rollback, restore
    #[command(subcommand)]
    Source(SourceCommand),
    /// Versions one by one: promote, list, show, diff, status, create, delete
    #[command(subcommand)]
    Version(VersionCommand),
    Undo(UndoArgs),
    Status(StatusArgs),
    Diff(DiffArgs),
    Log(LogArgs),
    Show(ShowVersionArgs),
    Cat(CatArgs),
    Ls(LsArgs),
    Tree(TreeArgs),
    Blame(BlameArgs),
    Grep(GrepArgs),
    When(WhenArgs),
    At(AtArgs),
    Bisect(BisectArgs),
    Verify(VerifyArgs),
    /// Make the log, the indexes and the caches anew from the recorded data
    ///
    /// The recorded data itself is not changed, and the former log is kept aside. What stays damaged is listed.
    Repair,
    CheckIgnore(CheckIgnoreArgs),
    Label(LabelArgs),
    Pin(PinArgs),
    Prune(PruneArgs),
    Gc(GcArgs),
    Purge(PurgeArgs),
    Budget(BudgetArgs),
    Du(DuArgs),
    /// Share the history with other machines: add, list, remove, check remotes, keys
    #[command(subcommand)]
    Remote(RemoteCommand),
    Sync(SyncArgs),
    Pull(PullArgs),
    Fetch(FetchArgs),
    Drill(DrillArgs),
    Completion(CompletionArgs),
    Man(ManArgs),
    /// Hand the history out to other tools: git, tar
    #[command(subcommand)]
    Export(ExportCommand),
    /// Take a history over from another tool: git
    #[command(subcommand)]
    Import(ImportCommand),
    /// Short for `source list`
    List(VersionListArgs),
    /// Short for `source rollback`
    Rollback(RollbackArgs),
    /// Short for `source restore`
    Restore(RestoreArgs),
    /// Short for `version promote`
    Promote(PromoteArgs),
}
