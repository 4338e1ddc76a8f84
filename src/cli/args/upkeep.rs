//! Arguments of the commands that keep the history small and clean.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

use super::value::parse_bytes;

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

/// Show which paths, or which versions, cost how much of the history
///
/// Sizes are those of the store, compressed. What several paths or versions share counts for the oldest version that has it, and the path at which
/// it stands there. OWN is what no other version has: about what dropping the version gives back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} du --limit 20\n  {lua} du --by version assets")]
pub struct DuArgs {
    /// Show paths or versions
    #[arg(long, value_enum, default_value_t = DuBy::Path, value_name = "WHAT")]
    pub by: DuBy,
    /// Show at most N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Only these paths with all below them, or globs
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,
}

/// What costs are shown of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DuBy {
    Path,
    Version,
}

/// Bound the size of the history: a push that leaves it larger drops old versions
///
/// Never dropped: the newest and the active version, those with a pin or a label, and the newest whose check passed. Others whose check passed
/// go last. Of the rest that one goes first whose neighbours are closest to each other in time for its age, so that history becomes thinner
/// the older it is; of equal ones the older. Dropped versions stay in the list, marked. What counts is what versions take: log, index and
/// caches come on top, about half a kilobyte for each version. Without an argument: show the budget.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} budget 2GiB\n  {lua} budget 500MB\n  {lua} budget none")]
pub struct BudgetArgs {
    /// Most bytes that versions take, as in 500MB or 2GiB; `none` takes the bound away
    #[arg(value_name = "BYTES", value_parser = parse_budget)]
    pub size: Option<BudgetSize>,
}

/// A bound, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetSize {
    /// So many bytes.
    Bytes(u64),
    /// No bound.
    None,
}

fn parse_budget(text: &str) -> Result<BudgetSize, &'static str> {
    const MALFORMED: &str = "a size is written as 500MB or 2GiB; `none` takes the budget away";
    if text.eq_ignore_ascii_case("none") {
        return Ok(BudgetSize::None);
    }
    parse_bytes(text).map(BudgetSize::Bytes).ok_or(MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_size_or_none() {
        assert_eq!(parse_budget("500MB"), Ok(BudgetSize::Bytes(500_000_000)));
        assert_eq!(parse_budget("None"), Ok(BudgetSize::None));
        assert!(parse_budget("5 apples").is_err());
    }
}
