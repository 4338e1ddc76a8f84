//! Arguments of the commands about remotes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lua_store::ops::Revision;

use super::value::{parse_rate, parse_revision};

/// `remote …`
#[derive(Debug, Subcommand)]
pub enum RemoteCommand {
    Add(RemoteAddArgs),
    /// List the remotes of this workspace
    List,
    Remove(RemoteRemoveArgs),
    Check(RemoteCheckArgs),
    /// Change what opens an encrypted remote, or show its recovery code
    #[command(subcommand)]
    Key(RemoteKeyCommand),
    Auto(RemoteAutoArgs),
}

/// `remote key …`
#[derive(Debug, Subcommand)]
pub enum RemoteKeyCommand {
    Change(RemoteKeyChangeArgs),
    Show(RemoteKeyShowArgs),
}

/// Give an encrypted remote another passphrase; the former one opens nothing any more
///
/// Only the key is wrapped anew, nothing is sent again, and the recovery code stays. Whoever has opened the remote before has the key.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} remote key change\n  LUA_REMOTE_NEW_PASSPHRASE=… {lua} remote key change nas")]
pub struct RemoteKeyChangeArgs {
    /// The remote; else the only one, or origin
    pub name: Option<String>,
    /// What is in FILE becomes the passphrase; else LUA_REMOTE_NEW_PASSPHRASE, else it is asked for
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// Show the recovery code of an encrypted remote, which opens it without a passphrase
#[derive(Debug, Args)]
pub struct RemoteKeyShowArgs {
    /// The remote; else the only one, or origin
    pub name: Option<String>,
}

/// Whether a push is followed by a sync, in the background
///
/// The push does not wait for it. One sync is at work at a time; `{lua} status` shows how the last one ended.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} remote auto on\n  {lua} remote auto off nas")]
pub struct RemoteAutoArgs {
    /// on or off
    #[arg(value_enum)]
    pub switch: Switch,
    /// The remote; else the only one, or origin
    pub name: Option<String>,
}

/// What opens an encrypted remote.
#[derive(Debug, Default, Args)]
pub struct KeyArgs {
    /// What is in FILE opens the remote; else LUA_REMOTE_PASSPHRASE, else the key that this machine keeps, else it is asked for
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Open an encrypted remote with its recovery code, which is asked for, or read from standard input
    #[arg(long, conflicts_with = "key_file")]
    pub recovery_code: bool,
}

/// Which remote is used, and how fast.
#[derive(Debug, Default, Args)]
pub struct RemoteUseArgs {
    /// The remote; else the only one, or origin
    #[arg(long, value_name = "NAME")]
    pub remote: Option<String>,
    /// Send and receive at most so many bytes in a second on average, as in 500kB/s
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub limit: Option<u64>,
}

/// A setting with two states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    On,
    Off,
}

/// Share the history with a remote: a bucket, or a directory
///
/// A history that is there is joined; where there is none one begins. Credentials come from where the provider's own tools have
/// them: AWS_* and the profiles in ~/.aws (AWS_PROFILE), GOOGLE_* and gcloud's file for applications, AZURE_*; none are kept. It is tried whether the storage keeps two writers apart.
///
/// A new history is encrypted with --encrypt: contents, names, messages and ids are sealed under a passphrase, and a recovery code is
/// printed. In a directory it is not unless that is asked for; for other storage it must be said.
///
/// SFTP, WebDAV and others are not spoken: mount them and name the folder. It is tried whether the mount keeps two writers apart.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} remote add s3://bucket/site --encrypt\n  {lua} remote add nas file:///mnt/nas/histories/site\n  AWS_ENDPOINT=http://127.0.0.1:9000 AWS_ALLOW_HTTP=true {lua} remote add s3://bucket"
)]
pub struct RemoteAddArgs {
    /// NAME and URL, or only the URL: s3://BUCKET/PREFIX, gs://…, az://…, file:///DIR; the name is origin then
    #[arg(value_name = "[NAME] URL", num_args = 1..=2, required = true)]
    pub name_and_url: Vec<String>,
    /// Take storage that lets two machines overwrite each other's versions; only one machine may ever write to it
    #[arg(long)]
    pub single_writer: bool,
    /// Encrypt the history that begins there, with a passphrase that is asked for, or LUA_REMOTE_PASSPHRASE, or a key file
    #[arg(long)]
    pub encrypt: bool,
    /// Send the history that begins there as it is
    #[arg(long, conflicts_with = "encrypt")]
    pub no_encrypt: bool,
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Forget a remote; what lies there stays
#[derive(Debug, Args)]
pub struct RemoteRemoveArgs {
    /// The remote
    pub name: String,
    /// Even if it has contents that are not here
    #[arg(long)]
    pub force: bool,
}

/// Check that a remote can be reached, has a sound log, and keeps two writers apart
#[derive(Debug, Args)]
pub struct RemoteCheckArgs {
    /// The remote; else the only one, or origin
    pub name: Option<String>,
    /// Agree that this machine talks to it: needed once for a remote that came with a copied workspace
    #[arg(long)]
    pub agree: bool,
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Exchange versions with a remote, both ways
///
/// Others' versions come first. Versions that only this machine has are sent, and get other numbers if others were faster; each is
/// named. Without --pull no file of the workspace is touched.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} sync\n  {lua} sync --check || echo \"something is not shared\"\n  {lua} sync --pull --force\n  {lua} sync --limit 2MB/s"
)]
pub struct SyncArgs {
    /// Only send; others' versions come all the same, because numbers depend on them
    #[arg(long, conflicts_with = "pull")]
    pub push: bool,
    /// Only receive, and bring the active version into the workspace; what is unsaved is recorded first
    #[arg(long)]
    pub pull: bool,
    /// Say whether anything is not shared, with exit code 1, and change nothing
    #[arg(long)]
    pub check: bool,
    /// Say what would be sent and received and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// With --pull, ask nothing; without it, join the histories even if they have nothing in common
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub with: RemoteUseArgs,
    /// Who changes the workspace
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// What a push begins behind itself
    #[arg(long, hide = true, requires = "remote", conflicts_with_all = ["push", "pull", "check", "dry_run", "force"])]
    pub background: bool,
}

/// Receive versions from a remote and bring one into the workspace, without making another
///
/// What is unsaved is recorded first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} pull\n  {lua} pull --version 3 --force")]
pub struct PullArgs {
    /// The version; else the active one
    #[arg(long, value_name = "N", value_parser = parse_revision)]
    pub version: Option<Revision>,
    /// Ask nothing
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub with: RemoteUseArgs,
    /// Who changes the workspace
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// Receive versions from a remote and touch no file of the workspace
///
/// All versions come, with their trees and what is small of their contents. Other contents come once a command needs them, or are fetched
/// here: those of the versions that are named, or all. What was fetched before an interruption is not fetched again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} fetch\n  {lua} fetch 12 13\n  {lua} fetch --all")]
pub struct FetchArgs {
    /// Versions whose contents are fetched
    #[arg(value_name = "N", value_parser = parse_revision, conflicts_with = "all")]
    pub versions: Vec<Revision>,
    /// Fetch the contents of all versions
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub with: RemoteUseArgs,
}
