//! Arguments of the commands that mark versions: labels, pins, pruning.

use clap::Args;
use lua_store::ops::{KeepSpan, Revision};

use super::value::{parse_count, parse_revision, parse_span};

/// Name a version; the name can then stand wherever a version can. Without arguments: list the names
///
/// A name can be whatever a git tag can be, unless it looks like a version. Labelled versions are never pruned.
#[derive(Debug, Args)]
#[command(
    override_usage = "{lua} label [N NAME [--move]]\n       {lua} label --remove NAME",
    after_help = "Examples:\n  {lua} label newest before-refactor\n  {lua} rollback before-refactor\n  {lua} label 7 stable --move\n  {lua} label --remove stable"
)]
pub struct LabelArgs {
    /// The version
    #[arg(value_name = "N", value_parser = parse_revision, requires = "name", conflicts_with = "remove")]
    pub version: Option<Revision>,
    /// The name
    pub name: Option<String>,
    /// Take the name from the version that has it
    #[arg(long = "move", requires = "name")]
    pub may_move: bool,
    /// Take the name away
    #[arg(long, value_name = "NAME")]
    pub remove: Option<String>,
}

/// Keep the contents of a version for good: it can be neither pruned nor deleted. Without arguments: list the pinned versions
#[derive(Debug, Args)]
#[command(override_usage = "{lua} pin [N]\n       {lua} pin --remove N", after_help = "Examples:\n  {lua} pin 5\n  {lua} pin --remove 5")]
pub struct PinArgs {
    /// The version
    #[arg(value_name = "N", value_parser = parse_revision, conflicts_with = "remove")]
    pub version: Option<Revision>,
    /// Take the pin of this version away
    #[arg(long, value_name = "N", value_parser = parse_revision)]
    pub remove: Option<Revision>,
}

/// Drop versions that no rule keeps; their entries stay in the list, marked
///
/// Rules add up. The active and the newest version, and those that are pinned or labelled, are always kept. Hours, days, weeks
/// (from Monday on), months and years are those of the local time zone; when fewer than N of them have a version, the oldest version is kept
/// as well. N may be `unlimited`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} prune --keep-last 20 --keep-daily 14 --keep-monthly 12 --dry-run\n  {lua} prune --keep-within 2m7d --force"
)]
pub struct PruneArgs {
    /// Keep the newest N versions
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub keep_last: Option<u64>,
    /// Keep the newest version of each of the last N hours that have one
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub keep_hourly: Option<u64>,
    /// The same for days
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub keep_daily: Option<u64>,
    /// The same for weeks
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub keep_weekly: Option<u64>,
    /// The same for months
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub keep_monthly: Option<u64>,
    /// The same for years
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub keep_yearly: Option<u64>,
    /// Keep all that are younger than this, counted from the newest: years, months, days, hours, as in 1y6m7d12h
    #[arg(long, value_name = "DURATION", value_parser = parse_span)]
    pub keep_within: Option<KeepSpan>,
    /// Keep versions with these labels, which are kept anyway; the only rule needed to keep nothing else
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub keep_label: Vec<String>,
    /// Show what would be dropped, and why the others are kept; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Leave the room to a later `gc`
    #[arg(long)]
    pub no_gc: bool,
    /// Do not ask
    #[arg(long)]
    pub force: bool,
}
