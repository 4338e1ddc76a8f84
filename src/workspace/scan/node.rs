//! What a scan knows about a directory.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::listing::Listing;
use super::trust::DirTrust;
use crate::format::stat_cache::{BlockHead, BlockRef, RulesDigest, Witness};
use crate::id::ObjectId;

/// Number of a directory in a scan. Greater than that of the directory it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(pub u32);

impl NodeId {
    pub const ROOT: Self = Self(0);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A directory.
#[derive(Debug)]
pub(super) struct Node {
    /// The directory that it lies in; the root's is the root.
    pub above: NodeId,
    /// Where its name is.
    pub name: Range<usize>,
    /// The directories in it that are recorded, in the order of their names.
    pub first_child: u32,
    /// See `first_child`.
    pub child_count: u32,
    /// Its block in the stat cache, if there is a good one.
    pub cached: Option<Cached>,
    pub state: DirState,
}

impl Node {
    pub fn new(above: NodeId, name: Range<usize>) -> Self {
        Self { above, name, first_child: 0, child_count: 0, cached: None, state: DirState::Absent }
    }

    /// The directories in it that are recorded, in the order of their names.
    pub fn children(&self) -> impl Iterator<Item = NodeId> + use<> {
        (self.first_child..self.first_child + self.child_count).map(NodeId)
    }
}

/// What the stat cache says about a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cached {
    pub at: BlockRef,
    pub tree: ObjectId,
    pub files: u64,
    pub bytes: u64,
}

impl Cached {
    pub fn new(at: BlockRef, head: &BlockHead) -> Self {
        Self { at, tree: head.tree, files: head.files, bytes: head.bytes }
    }
}

/// What a look at a directory gave.
#[derive(Debug)]
pub(super) enum DirState {
    /// It is not recorded: it was gone or could not be read, or was only measured.
    Absent,
    /// As its block says, names and files. The directories in it may have changed.
    Same,
    /// Its block is no longer right.
    Changed(Box<ChangedDir>),
}

impl DirState {
    /// Whether its names and files are those of its block.
    pub fn has_rows_of_block(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Same => true,
            Self::Changed(changed) => changed.listing.is_none(),
        }
    }
}

/// A directory that needs a new block.
#[derive(Debug)]
pub(super) struct ChangedDir {
    pub directory: Witness,
    pub rules_above: RulesDigest,
    pub rules: RulesDigest,
    pub ignore_files: [Option<Witness>; 2],
    pub trust: DirTrust,
    /// What is in it; `None` while that is still what the block says.
    pub listing: Option<Mutex<Listing>>,
}

impl ChangedDir {
    /// What is in it, when that is not what the block says.
    pub fn listing(&self) -> Option<MutexGuard<'_, Listing>> {
        Some(self.listing.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What became of a directory.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeResult {
    /// It is not recorded.
    Absent,
    Recorded(RecordedDir),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct RecordedDir {
    pub tree: ObjectId,
    pub files: u64,
    pub bytes: u64,
    /// The tree is the one that the stat cache names.
    pub is_same_tree: bool,
    /// The whole block is right, with all below it.
    pub is_same_block: bool,
}
