//! Why a git repository could not be read.

use std::path::PathBuf;

/// Why a git repository could not be read. Nothing in it was changed: nothing here writes.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// Neither this folder nor one above it is a git repository.
    #[error("{} is not in a git repository", path.display())]
    NotARepository {
        /// Where the search began.
        path: PathBuf,
    },
    /// The repository is of a kind that is not read.
    #[error("the git repository {} cannot be read: {why}", path.display())]
    Unsupported {
        /// The repository.
        path: PathBuf,
        /// What of it.
        why: &'static str,
    },
    /// A file of the repository could not be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No branch, tag or commit has this name.
    #[error("{name:?} names no commit: {why}")]
    UnknownRevision {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The repository lacks an object that something in it refers to, as in a partial clone.
    #[error("the git repository lacks {what} {id}")]
    Missing {
        /// Kind of the object.
        what: &'static str,
        /// Its hash.
        id: String,
    },
    /// An object of the repository is not what it should be.
    #[error("the git repository is damaged: {what} {id}: {why}")]
    Damaged {
        /// Kind of the object.
        what: &'static str,
        /// Its hash.
        id: String,
        /// What is wrong.
        why: String,
    },
}
