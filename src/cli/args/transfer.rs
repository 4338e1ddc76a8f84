//! Arguments of the commands that bring histories in and out.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `import …`
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    Git(ImportGitArgs),
}

/// Make a version of each commit of a git history
///
/// Every version has its commit's files, author, date and message. The files of the workspace are not touched; `{lua} rollback`
/// brings any version into it. A merge is one version, with all that its branch brought, unless --all-commits asks for the branch's
/// own commits too. Submodules are named and left out; pointers of Git LFS stay pointers.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} import git                          # the repository that this folder is in\n  {lua} import git ~/src/project --to ~/work/project\n  {lua} import git --append                 # what was committed since the last import"
)]
pub struct ImportGitArgs {
    /// The repository, or a folder in it; else the current folder
    pub repository: Option<PathBuf>,
    /// The last commit: a branch, a tag or the beginning of a hash, ~N for the N-th before it
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub rev: String,
    /// Leave out this commit and all before it
    #[arg(long, value_name = "REV")]
    pub since: Option<String>,
    /// Follow only the first parent of each commit (the default)
    #[arg(long, conflicts_with = "all_commits")]
    pub first_parent: bool,
    /// Make versions of the commits of merged branches too; each lists what differs from the version before, whatever branch that is of
    #[arg(long)]
    pub all_commits: bool,
    /// Add the versions behind those that are there, from the last commit on that was imported before
    #[arg(long)]
    pub append: bool,
    /// Make DIR a workspace and import into that
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Show how many commits would be imported and write nothing
    #[arg(long)]
    pub dry_run: bool,
}
