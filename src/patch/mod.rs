//! Changes between two trees as `lua diff` shows them: renames found, a patch that `git apply` takes, counted lines.
//!
//! Everything here is pure: contents come in through [`Contents`], a patch goes out as bytes. Nothing holds more than
//! the two contents that are being compared, except [`file_changes`], which says what it keeps.
//!
//! The way through: [`tree::diff`](crate::tree::diff) gives changes of single paths, [`file_changes`] turns them into what
//! people mean (a file was renamed), and then [`render`] writes the patch of each one and [`count`] its numbers.
//!
//! # What a git patch cannot say
//!
//! git knows the modes 644, 755 and 120000, knows no directories, and takes binary contents only together with its own
//! SHA-1 ids. Such changes become [notes](render#notes): lines between the patches, which `git apply` passes over.

mod change;
mod compare;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod matching;
mod name;
mod note;
mod rename;
mod render;
mod similarity;
mod size;
mod stat;
mod text;

pub use change::{FileChange, Place};
pub use name::{display_name, quote};
pub use rename::{RenameDetection, file_changes};
pub use render::{PatchOptions, render};
pub use size::readable_size;
pub use stat::{Extent, StatTotals, count};
pub(crate) use text::is_binary;
pub use text::{LineCounts, NotText, TextPair, lines};

use crate::path::RelPath;
use crate::tree::OwnedNode;

/// Unchanged lines around each change, when nothing else is asked for. What git shows.
pub const CONTEXT_LINES_DEFAULT: u32 = 3;
/// A content with a zero byte among its first bytes, this many, is binary. git's rule.
pub const BINARY_TEST_BYTES: usize = 8000;
/// A content with more lines is not compared line by line. Only short lines come to so many within the largest file, and
/// comparing many lines of which few are distinct takes seconds for each million.
pub const DIFF_FILE_LINES_MAX: usize = 2_000_000;
/// Two contents that share at least this much are one file under two names, in percent.
pub const RENAME_SIMILARITY_PERCENT_MIN: u8 = 50;
/// Most pairs of a removed and an added file that are compared for similarity: 1,000 files on each side.
pub const RENAME_PAIRS_MAX: usize = 1_000_000;
/// Most contents that are read in order to find similar ones, in bytes; the smallest files come first.
/// What is kept of them is 12 bytes for each distinct line of each removed file: 16 MB for 32 MB of text (measured).
pub const RENAME_CONTENT_BYTES_MAX: u64 = 64 << 20;
/// Contents are compared for similarity by their lines; a longer line counts as pieces of this many bytes.
pub const SPAN_BYTES_MAX: usize = 64;

/// Which of two trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The tree that is compared from.
    Old,
    /// The tree that is compared to.
    New,
}

/// Where the contents of files come from: a version in a store, or the workspace.
pub trait Contents {
    /// Why a content could not be had.
    type Error;

    /// The content of the file that stands at this path on this side. Asked only for regular files of at most
    /// [`DIFF_FILE_BYTES_MAX`](crate::limits::DIFF_FILE_BYTES_MAX); targets of links stand in their nodes.
    fn read(&self, side: Side, path: &RelPath, node: &OwnedNode) -> Result<Vec<u8>, Self::Error>;

    /// Whether the content of this file is gone for good: then it is named and not read.
    fn is_gone(&self, _side: Side, _node: &OwnedNode) -> bool {
        false
    }
}

#[cfg(test)]
mod testing;
