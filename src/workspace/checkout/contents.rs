//! Where the bytes of files come from, and how far a long operation has got.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::id::ObjectId;
use crate::path::RelPath;

/// Gives the contents of blobs. Each thread reads through a reader of its own, which may keep what it needs again.
pub trait Contents: Sync {
    /// Why a content could not be had.
    type Error: std::error::Error + Send + Sync + 'static;
    /// Reads for one thread.
    type Reader<'a>: ContentReader<Error = Self::Error>
    where
        Self: 'a;

    /// A reader for the calling thread.
    fn reader(&self) -> Self::Reader<'_>;

    /// How many bytes of the disk a file with this content will take at most; less than its length when it is known to
    /// have holes. Only decides whether there is room enough to begin.
    fn disk_bytes(&self, _id: &ObjectId, bytes: u64) -> u64 {
        bytes
    }
}

/// Reads contents, one after the other.
pub trait ContentReader {
    /// Why a content could not be had.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Hands the content of a blob to `out`, piece by piece. `Ok` means: all of it was handed over, and the bytes together
    /// have this id. Before that `out` may have had bytes that are wrong. An error of `out` ends the reading.
    fn read(&mut self, id: &ObjectId, out: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<(), ReadError<Self::Error>>;
}

/// Why a content was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E> {
    /// It could not be had, or was damaged.
    #[error("{0}")]
    Content(E),
    /// Who asked for it did not take it.
    #[error("{0}")]
    Out(std::io::Error),
}

/// Whether the ignore rules exclude a path: `(path, is it a directory)`. What lies below an excluded directory is asked
/// about with that directory first, so the answer need not look at the path's parents.
pub type LeftOut<'a> = dyn Fn(&RelPath, bool) -> bool + Sync + 'a;

/// How a long operation tells how far it is, and how it is told to stop.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Called with the files and bytes that were done since the last call, from any thread.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Set by whoever wants the operation to end: it stops within one file's piece and leaves the workspace as it was.
    pub cancel: &'a AtomicBool,
}

impl Watch<'_> {
    /// Tells nobody, and is never told to stop.
    pub fn none() -> Watch<'static> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Watch { progress: &|_, _| (), cancel: &NEVER }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

/// An operation of the operating system on a path of the workspace failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct PlaceError {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// On what.
    pub path: RelPath,
    /// What the operating system said.
    pub source: std::io::Error,
}

impl PlaceError {
    /// Makes an error for an action on a path.
    pub fn new(action: &'static str, path: &RelPath, source: impl Into<std::io::Error>) -> Self {
        Self { action, path: path.clone(), source: source.into() }
    }

    /// Whether the disk, the quota or the file size limit is exhausted.
    pub fn is_full(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self.source.kind(), StorageFull | QuotaExceeded | FileTooLarge)
    }
}

/// The operating system refused something, in the workspace or in the store.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// On a path of the workspace.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// On a file of the store.
    #[error(transparent)]
    Disk(#[from] crate::disk::DiskError),
    /// A tree could not be had.
    #[error("cannot read the tree of {path}: {reason}")]
    Tree {
        /// The directory.
        path: RelPath,
        /// Why.
        reason: String,
    },
}

/// Why files could not be written out of the store. The workspace has not been touched.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E: std::error::Error + 'static> {
    /// A content is missing or damaged: the store must be verified, the rest can still be had.
    #[error("cannot read the content of {path}: {source}")]
    Content {
        /// The file.
        path: RelPath,
        /// What is wrong with it.
        source: E,
    },
    /// A content has another length than its tree says: the tree was made by a broken or hostile program.
    #[error("{path} should have {expected_bytes} bytes, but its content has {found_bytes} or more")]
    Length {
        /// The file.
        path: RelPath,
        /// Its length in the tree.
        expected_bytes: u64,
        /// Bytes that came.
        found_bytes: u64,
    },
    /// The operating system refused, or a tree could not be had.
    #[error(transparent)]
    Other(CheckoutError),
    /// The disk has too little room; nothing was begun.
    #[error("{needed_bytes} bytes and {needed_files} files do not fit: the file system has {free_bytes} bytes and {free_files} files left")]
    NoSpace {
        /// Bytes that would be written.
        needed_bytes: u64,
        /// Files, links and directories that would be made.
        needed_files: u64,
        /// Bytes left.
        free_bytes: u64,
        /// Inodes left; the largest number where the file system does not count them.
        free_files: u64,
    },
    /// The directory to be filled holds something already.
    #[error("the folder is not empty")]
    NotEmpty,
    /// The user stopped it.
    #[error("stopped")]
    Cancelled,
}

impl<E: std::error::Error + 'static, F: Into<CheckoutError>> From<F> for WriteError<E> {
    fn from(error: F) -> Self {
        Self::Other(error.into())
    }
}
