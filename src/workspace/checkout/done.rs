//! What a checkout has done to the workspace so far, and how it ends when it cannot go on.

use super::contents::PlaceError;
use super::keep::ConflictCopy;
use super::moves::Put;

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It was taken back: the workspace is as it was before, and nothing is left in the stage. The journal can go.
    #[error("{source}; everything is as it was before")]
    Undone {
        /// What failed.
        source: PlaceError,
        /// What others changed meanwhile and is in no version.
        conflicts: Vec<ConflictCopy>,
    },
    /// It could not be taken back either. The journal must stay: the next command tries again from there.
    #[error("{source}; going back failed too: {back}")]
    Stuck {
        /// What failed first.
        source: PlaceError,
        /// What failed on the way back.
        back: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Something that was done to the workspace, with what is needed to take it back.
#[derive(Debug)]
pub(super) enum Done {
    /// A file or link was moved into its slot.
    Taken { group: usize, place: usize },
    /// An empty directory was removed.
    RemovedDirectory { place: usize, mode: u16 },
    /// What was in the slot was moved to its place.
    Put { group: usize, place: usize, put: Put },
    /// A move to the place failed, perhaps in the middle.
    HalfPut { group: usize, place: usize },
    /// Permission bits were set.
    Chmod { place: usize, mode: u16 },
}
