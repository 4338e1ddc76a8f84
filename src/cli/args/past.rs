//! Arguments of the commands that look back.

use std::ffi::OsString;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use lua_store::ops::{DiffForm, Revision};

use super::DiffFormArgs;
use super::value::{RevisionPath, parse_file, parse_file_of_newest, parse_folder, parse_revision};

/// Show which versions changed paths, and how, newest first
///
/// A single file is followed to the names that it had before.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} log\n  {lua} log src/main.rs\n  {lua} log -n 3 -p src")]
pub struct LogArgs {
    /// Show at most N versions
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Show patches
    #[arg(short, long, conflicts_with = "stat")]
    pub patch: bool,
    /// Show how many lines changed in each file
    #[arg(long)]
    pub stat: bool,
    /// Do not follow a file to its former names
    #[arg(long)]
    pub no_follow: bool,
    /// Paths or globs (* ? [..] **); all when none is given
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,
}

impl LogArgs {
    /// The form that is asked for.
    pub fn form(&self) -> DiffForm {
        match (self.patch, self.stat) {
            (true, _) => DiffForm::Patch,
            (_, true) => DiffForm::Stat,
            _ => DiffForm::NameOnly,
        }
    }
}

/// Show a version and what it changed
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} show 5\n  {lua} show newest --stat\n  {lua} show 5 src/main.rs")]
pub struct ShowVersionArgs {
    /// The version
    #[arg(value_name = "N", default_value = "newest", value_parser = parse_revision)]
    pub version: Revision,
    /// Only these paths or globs
    #[arg(value_name = "PATH")]
    pub paths: Vec<OsString>,
    #[command(flatten)]
    pub form: DiffFormArgs,
}

/// Write contents of a version to standard output, byte by byte
///
/// Of a symbolic link, its target. With --json a content of more than 32 MiB is refused.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} cat 5:src/main.rs\n  {lua} cat newest:logo.png > logo.png")]
pub struct CatArgs {
    /// A version and a path in it
    #[arg(value_name = "N:PATH", required = true, value_parser = OsStringValueParser::new().try_map(parse_file))]
    pub places: Vec<RevisionPath>,
}

/// List a folder of a version
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} ls 5\n  {lua} ls -l 5:src\n  {lua} ls -r newest:docs")]
pub struct LsArgs {
    /// Show permission bits and sizes too
    #[arg(short, long)]
    pub long: bool,
    /// List what is below folders too
    #[arg(short, long)]
    pub recursive: bool,
    /// A version, and a folder in it if not all is meant
    #[arg(value_name = "N[:DIR]", default_value = "newest", value_parser = OsStringValueParser::new().try_map(parse_folder))]
    pub place: RevisionPath,
}

/// Show which version last changed each line of a file
///
/// Without a version the newest is meant. A file whose name begins like a version is written as ./5:NAME.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} blame src/main.rs\n  {lua} blame 5:src/main.rs")]
pub struct BlameArgs {
    /// A path, and the version it is in
    #[arg(value_name = "[N:]PATH", value_parser = OsStringValueParser::new().try_map(parse_file_of_newest))]
    pub place: RevisionPath,
}

/// Draw a version, or a folder of it, as a tree
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  {lua} tree 5\n  {lua} tree newest:src")]
pub struct TreeArgs {
    /// A version, and a folder in it if not all is meant
    #[arg(value_name = "N[:DIR]", default_value = "newest", value_parser = OsStringValueParser::new().try_map(parse_folder))]
    pub place: RevisionPath,
}
