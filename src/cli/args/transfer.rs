//! Arguments of the commands that bring histories in and out.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lua_store::ops::{Revision, RevisionRange};

use super::value::{parse_range, parse_revision};

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

/// `export …`
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    Git(ExportGitArgs),
    Tar(ExportTarArgs),
}

/// Make a git commit of each version
///
/// With --to a repository is made or filled, by git. Without it the history goes to standard output in the format of
/// `git fast-import`. The last lines of each message name the version, its trigger and its hash. git holds no empty folders and one
/// permission bit; what is lost that way is counted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} export git --to ~/site.git-copy\n  {lua} export git --to . --branch lua-history --versions 10..20\n  {lua} export git | git -C REPOSITORY fast-import"
)]
pub struct ExportGitArgs {
    /// Make DIR a git repository, or add the branch to the one that it is; - is standard output
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Only these versions: A..B, A.., ..B or A
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    pub versions: Option<RevisionRange>,
    /// The branch that gets the commits
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub branch: String,
}

/// Write one version as an archive: tar, compressed with zstd
///
/// The same version gives the same bytes, wherever it is exported: entries are in order, all times are the version's, owner and
/// group are 0.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} export tar --to site.tar.zst\n  {lua} export tar --version 5 | tar -x --zstd -C DIR")]
pub struct ExportTarArgs {
    /// The version; else the newest
    #[arg(long, value_name = "N", value_parser = parse_revision, default_value = "newest")]
    pub version: Revision,
    /// Write to FILE, which must not exist yet, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// How hard to compress
    #[arg(long, value_name = "1..19", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=19))]
    pub level: i32,
}

/// Bring versions back into a scratch folder, compare them with the history, and clear up
///
/// Everything is written, read back from the disk and compared: names, contents, permission bits, links. Neither the workspace nor
/// the history is touched. The exit code is 4 if anything differs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} drill\n  {lua} drill --random 5 --to /mnt/other-disk")]
pub struct DrillArgs {
    /// The version; else the newest
    #[arg(value_name = "N", value_parser = parse_revision)]
    pub version: Option<Revision>,
    /// Drill K versions, picked at random
    #[arg(long, value_name = "K", conflicts_with = "version", value_parser = clap::value_parser!(u64).range(1..))]
    pub random: Option<u64>,
    /// Make the scratch folder in DIR instead of beside the history
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_may_be_open() {
        let shown = |text: &str| {
            parse_range(text).unwrap().into_ends().map(|revision| revision.map_or("-".to_owned(), |revision| revision.to_string()))
        };
        assert_eq!(shown("3..5"), ["v3", "v5"]);
        assert_eq!(shown("3.."), ["v3", "-"]);
        assert_eq!(shown("..newest"), ["-", "newest"]);
        assert_eq!(shown("7"), ["v7", "v7"]);
        assert!(parse_range("x:y..5").is_err() && parse_range("").is_err());
    }
}
