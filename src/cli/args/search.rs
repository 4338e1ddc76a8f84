//! Arguments of the commands that search contents.

use std::ffi::OsString;

use clap::Args;
use lua_store::ops::{Query, RevisionRange, Wanted};

use super::value::parse_range;

/// What is searched for.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// Upper and lower case are the same
    #[arg(short, long)]
    pub ignore_case: bool,
    /// TEXT is a text and no regular expression
    #[arg(short = 'F', long)]
    pub fixed_strings: bool,
    /// Only whole words
    #[arg(short, long)]
    pub word: bool,
    /// A regular expression, or with -F a text
    #[arg(value_name = "TEXT")]
    pub text: String,
    /// Paths or globs (* ? [..] **); all when none is given
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,
}

impl QueryArgs {
    /// The query that is asked.
    pub fn query(&self) -> Query {
        Query { pattern: self.text.clone(), fixed: self.fixed_strings, ignore_case: self.ignore_case, word: self.word }
    }
}

/// Search the contents of the newest version, or of many
///
/// A line that stands in several versions is shown once, with the versions in which it stands: v3–v17,v20:PATH:TEXT. Exit code 0:
/// found; 1: not found. For files of the workspace as they are now, use grep or rg.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  {lua} grep -n 'fn main'\n  {lua} grep --all-versions -F 'TODO(ada)' src\n  {lua} grep -il password --versions 5..newest"
)]
pub struct GrepArgs {
    /// Search these versions: A..B, A.., ..B, or one
    #[arg(long, value_name = "A..B", value_parser = parse_range, conflicts_with = "all_versions")]
    pub versions: Option<RevisionRange>,
    /// Search all versions
    #[arg(long)]
    pub all_versions: bool,
    /// Show only which paths match
    #[arg(short = 'l', long, conflicts_with_all = ["count", "before_context", "after_context", "context"])]
    pub files_with_matches: bool,
    /// Show how many lines match
    #[arg(short, long, conflicts_with_all = ["before_context", "after_context", "context"])]
    pub count: bool,
    /// Number the lines, as in the newest of the versions
    #[arg(short = 'n', long)]
    pub line_number: bool,
    /// Show N lines before each
    #[arg(short = 'B', long, value_name = "N")]
    pub before_context: Option<u16>,
    /// Show N lines after each
    #[arg(short = 'A', long, value_name = "N")]
    pub after_context: Option<u16>,
    /// Show N lines before and after each
    #[arg(long, value_name = "N")]
    pub context: Option<u16>,
    #[command(flatten)]
    pub query: QueryArgs,
}

impl GrepArgs {
    /// What is wanted of each match.
    pub fn wanted(&self) -> Wanted {
        let lines = |own: Option<u16>| usize::from(own.or(self.context).unwrap_or(0));
        match (self.files_with_matches, self.count) {
            (true, _) => Wanted::Files,
            (_, true) => Wanted::Counts,
            _ => Wanted::Lines { before: lines(self.before_context), after: lines(self.after_context) },
        }
    }

    /// The versions that are meant; `None` for the newest.
    pub fn range(&self) -> Option<RevisionRange> {
        if self.all_versions { Some(RevisionRange::ALL) } else { self.versions.clone() }
    }
}

/// Show when a text appeared and vanished, in which files, by whom, and how to bring it back
///
/// Exit code 0: some version has it; 1: none has.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} when -F 'fn parse_header('\n  {lua} when -i 'rate limit' docs")]
pub struct WhenArgs {
    #[command(flatten)]
    pub query: QueryArgs,
}
