//! Arguments of the commands that keep the history small and clean.

use std::ffi::OsString;

use clap::Args;

/// Remove the contents of paths from every version: a key that should never have been recorded
///
/// All contents that the paths ever had go, also where the same bytes stand under other names. The versions stay and say what is missing.
/// Remove or change the files and push first: what the workspace or the newest version still has is not purged. Then everything
/// that is left is searched for the contents; exit code 4 says that something was found. What was pushed out of this folder, copied
/// or printed before is out of reach, so replace a leaked key all the same.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} purge .env --dry-run\n  {lua} purge config/keys '**/*.pem' --force")]
pub struct PurgeArgs {
    /// Paths with all below them, or globs (* ? [..] **)
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<OsString>,
    /// Show what would be removed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub force: bool,
}
