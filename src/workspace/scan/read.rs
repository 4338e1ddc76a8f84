//! Opening a file of the workspace to read it.
//!
//! Between the walk and the reading anything can have happened: the path may now be a link, a pipe, or gone. No link is
//! followed, the workspace is never left, nothing is waited for, and only a regular file is handed out. Whoever reads takes
//! [`OpenFile::stat`] before and [`OpenFile::stat_again`] after the reading: when they differ, what was read may be a mix.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::root::{WorkspaceRoot, open_beneath};
use super::trust::kind_of;
use crate::format::stat_cache::StatKey;
use crate::path::RelPath;

const FILE_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A file that is being read.
#[derive(Debug)]
pub struct OpenFile {
    /// The file, at its beginning.
    pub file: File,
    /// What it looked like before anything was read.
    pub stat: StatKey,
}

impl OpenFile {
    /// What the file looks like now.
    pub fn stat_again(&self) -> std::io::Result<StatKey> {
        Ok(StatKey::of(&rustix::fs::fstat(&self.file)?))
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is nothing at the path any more.
    #[error("it is gone")]
    Vanished,
    /// The path has become something else: a directory, a link, a pipe, or a link stands in its way.
    #[error("it is no file any more")]
    NotAFile,
    /// The system does not let us read it, or cannot.
    #[error("{0}")]
    Unreadable(std::io::Error),
}

impl WorkspaceRoot {
    /// Opens a file for reading.
    pub fn open_file(&self, path: &RelPath) -> Result<OpenFile, OpenError> {
        let handle = open_beneath(self.as_fd(), path.as_bytes(), FILE_FLAGS).map_err(explain)?;
        check(handle)
    }
}

fn check(handle: OwnedFd) -> Result<OpenFile, OpenError> {
    let stat = rustix::fs::fstat(&handle).map_err(explain)?;
    if kind_of(&stat) != FileType::RegularFile {
        return Err(OpenError::NotAFile);
    }
    Ok(OpenFile { file: File::from(handle), stat: StatKey::of(&stat) })
}

fn explain(error: Errno) -> OpenError {
    match error {
        Errno::NOENT => OpenError::Vanished,
        // A socket or a device without a driver refuses to be opened with NXIO; a link in the path gives LOOP or XDEV.
        Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::ISDIR | Errno::NXIO | Errno::NODEV => OpenError::NotAFile,
        error => OpenError::Unreadable(error.into()),
    }
}
