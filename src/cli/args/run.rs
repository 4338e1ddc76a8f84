//! Arguments of the commands that run others in versions.

use std::ffi::OsString;

use clap::Args;
use lua_store::ops::{CommandLine, Revision, RevisionRange};

use super::value::{parse_range, parse_revision};

/// Run a command in a throw-away checkout of a version, or of each version of a range
///
/// The workspace is not touched. LUA_VERSION tells the command its version. For one version its exit code is passed on; for a
/// range the answer is a table, and the exit code 0 if all ended with 0, else 1.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} at 5 -- make test\n  {lua} at newest ls -l\n  {lua} at 3..9 -j 4 -- sh -c 'wc -l < src/main.rs'"
)]
pub struct AtArgs {
    /// Run so many at the same time; else as many as there are processors
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// A version, or a range: A..B, A.., ..B
    #[arg(value_name = "N|A..B", value_parser = parse_range)]
    pub versions: RevisionRange,
    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// Find the version that broke something, by running a command in throw-away checkouts
///
/// The command says by its exit code what a version is: 0 good, 125 no telling, any other up to 127 bad. A higher one ends the
/// search. The workspace is not touched. LUA_VERSION tells the command its version.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} bisect --good 3 --bad 40 -- cargo test\n  {lua} bisect --good 3 --bad newest -- sh -c '! grep -q TODO src/main.rs'"
)]
pub struct BisectArgs {
    /// A version that was good
    #[arg(long, value_name = "A", value_parser = parse_revision)]
    pub good: Revision,
    /// A newer version that is bad
    #[arg(long, value_name = "B", value_parser = parse_revision)]
    pub bad: Revision,
    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// A command from its words, of which there is at least one.
pub fn command_line(words: Vec<OsString>) -> CommandLine {
    let mut words = words.into_iter();
    CommandLine { program: words.next().unwrap_or_default(), arguments: words.collect() }
}
