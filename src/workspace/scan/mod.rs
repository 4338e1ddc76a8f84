//! What the workspace holds now, compared with what it held when it was last looked at.
//!
//! [`scan`] walks the workspace with several threads and gives a [`Scan`], which its caller completes in three steps:
//!
//! 1. read the files that changed or cannot be relied on ([`Scan::files_to_read`]) and enter what they hold;
//! 2. build the trees of directories that changed ([`Scan::build_trees`]);
//! 3. bring the stat cache up to date ([`Scan::update_cache`]).
//!
//! A directory is opened relative to the one above it, and its files are looked at relative to it: no path is put together
//! for what did not change, no link is followed, and there is no depth that is too deep. The block of the directory in the stat
//! cache says which names to expect. While the directory itself is the same (a file system that keeps a directory's times
//! changes them with every name that comes or goes), its names are not even listed: each is looked at, and that is all. That
//! is what a push of an unchanged workspace costs: one `fstatat` for each name, and for each directory an `openat` and a
//! `close`.
//!
//! Memory: about 150 bytes for each directory, and 150 bytes for each name in a directory that changed.

mod build;
mod directory;
mod judge;
mod listing;
mod measure;
mod names;
mod node;
mod queue;
mod read;
mod report;
mod result;
mod root;
mod rule_table;
mod save;
mod trust;
mod walker;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

pub use build::{BuildError, BuiltTree, TreeSink};
pub use read::{OpenError, OpenFile};
pub use report::{LeftOut, RuleText, SkipKind, Skipped};
pub use result::{DropReason, FileIndex, FileToRead, ReadContent, Scan};
pub use root::WorkspaceRoot;

use crate::limits::{STAT_TRUST_AGE_MS, THREADS_MAX};
use crate::workspace::rules::Rules;
use crate::workspace::stat_cache::StatCache;

/// How to scan.
#[derive(Clone, Copy, Debug)]
pub struct ScanOptions {
    /// The time now, in nanoseconds since 1970, taken before the scan begins.
    pub now_ns: i64,
    /// How old a ctime must be to be relied on, in milliseconds.
    pub stat_trust_age_ms: i64,
    /// Read all files, whatever the stat cache says.
    pub rehash: bool,
    /// Count the files and bytes in directories that are left out.
    pub measure_left_out: bool,
    /// Most threads that walk.
    pub threads: usize,
}

impl ScanOptions {
    /// The usual way to scan, at this time in nanoseconds since 1970.
    pub fn at(now_ns: i64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(THREADS_MAX);
        Self { now_ns, stat_trust_age_ms: STAT_TRUST_AGE_MS, rehash: false, measure_left_out: false, threads }
    }
}

/// How far a scan has come. May be read at any time by another thread.
#[derive(Debug, Default)]
pub struct ScanProgress {
    /// Directories that were looked at.
    pub directories: AtomicU64,
    /// Names in them.
    pub entries: AtomicU64,
}

/// Why a scan gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The workspace's own folder cannot be read.
    #[error("the workspace cannot be read: {0}")]
    Root(std::io::Error),
    /// The system ran out of something that it has for all: open files, memory. The workspace is unharmed; trying again may help.
    #[error("the system has run out of something: {0}")]
    Exhausted(std::io::Error),
    /// The caller said so.
    #[error("the scan was cancelled")]
    Cancelled,
}

/// Scans a workspace. `rules` are those that hold before any ignore file is read; a cache must pass the test that
/// [`StatCache::root_tree`] describes.
pub fn scan(
    root: &WorkspaceRoot,
    rules: Arc<Rules>,
    cache: Option<Arc<StatCache>>,
    options: &ScanOptions,
    progress: &ScanProgress,
    cancelled: &AtomicBool,
) -> Result<Scan, ScanError> {
    let (table, report) = walker::walk(root, rules, cache.as_deref(), options, progress, cancelled)?;
    Ok(Scan::new(cache, table, report))
}
