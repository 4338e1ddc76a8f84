//! The only place that writes files of the store: folders by handle, temporary files, syncs, publishing, locks, maps.
//!
//! Everything goes through a [`Dir`], an open handle of a folder, and one name in it; no path is put together and none is
//! followed through a symbolic link. Store files are for their owner alone (mode 0600, folders 0700), whatever the umask.
//!
//! After an error a file's writer must not be used again, and a failed sync is never tried a second time: Linux reports a
//! lost write once and then forgets it (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).

mod dir;
mod file;
mod lock;
mod map;
// The fuzzer puts stores there, and has no use for faults.
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), allow(dead_code, unused_imports))]
pub(crate) mod simulated;
mod system;

pub use dir::{Dir, RootOf};
pub use file::{StoreFile, TempFile};
pub use lock::{Lock, LockMode};
pub use map::Map;
pub use system::names_in;

use std::path::PathBuf;

use rustix::io::Errno;

/// An operation of the operating system on a file of the store failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct DiskError {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: std::io::Error,
}

/// Whether the process or the system has run out of something for the moment: open files or memory. What failed for that says
/// nothing of the file it failed on, so nothing may be concluded from it.
pub fn is_exhausted(error: &std::io::Error) -> bool {
    const EXHAUSTED: [Errno; 3] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|code| EXHAUSTED.contains(&code))
}

impl DiskError {
    /// Makes an error for an action on a path.
    pub fn new(action: &'static str, path: impl Into<PathBuf>, source: impl Into<std::io::Error>) -> Self {
        Self { action, path: path.into(), source: source.into() }
    }

    /// Whether the file does not exist.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == std::io::ErrorKind::NotFound
    }

    /// Whether the file exists already.
    pub fn is_already_exists(&self) -> bool {
        self.source.kind() == std::io::ErrorKind::AlreadyExists
    }

    /// Whether there is more than may be read.
    pub fn is_too_large(&self) -> bool {
        self.source.kind() == std::io::ErrorKind::InvalidData
    }

    /// Whether there is no right to do it: a read-only file system, or permissions.
    pub fn is_read_only(&self) -> bool {
        matches!(self.source.kind(), std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied)
    }

    /// Whether the disk, the quota or the file size limit is exhausted.
    pub fn is_full(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self.source.kind(), StorageFull | QuotaExceeded | FileTooLarge)
    }
}

/// The result of an operation on files of the store.
pub type DiskResult<T> = Result<T, DiskError>;
