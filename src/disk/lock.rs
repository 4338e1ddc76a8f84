//! Locks between processes: kernel locks on open files, gone with their process. There are no lock files that could stay
//! behind: the locked file itself means nothing.

use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::dir::FILE_MODE;
use super::{Dir, DiskError, DiskResult};
use crate::limits::{LOCK_NOTICE_AFTER_MS, LOCK_RETRY_MS};

/// Whether others may hold the lock at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Together with other shared holders.
    Shared,
    /// Alone.
    Exclusive,
}

/// A lock that is held until it is dropped or its process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock; calls `on_wait` once when that takes longer than [`LOCK_NOTICE_AFTER_MS`].
    pub fn acquire(dir: &Dir, name: &str, mode: LockMode, on_wait: &dyn Fn()) -> DiskResult<Self> {
        let started = Instant::now();
        let mut announced = false;
        loop {
            if let Some(lock) = Self::try_acquire(dir, name, mode)? {
                return Ok(lock);
            }
            if !announced && started.elapsed() >= Duration::from_millis(LOCK_NOTICE_AFTER_MS) {
                announced = true;
                on_wait();
            }
            std::thread::sleep(Duration::from_millis(LOCK_RETRY_MS));
        }
    }

    /// Takes the lock if it is free.
    pub fn try_acquire(dir: &Dir, name: &str, mode: LockMode) -> DiskResult<Option<Self>> {
        let file = open(dir, name)?;
        let taken = match mode {
            LockMode::Shared => file.try_lock_shared(),
            LockMode::Exclusive => file.try_lock(),
        };
        match taken {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(DiskError::new("lock", dir.path_of(name), error)),
        }
    }
}

fn open(dir: &Dir, name: &str) -> DiskResult<File> {
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let opened = rustix::fs::openat(dir, name, flags | OFlags::RDWR | OFlags::CREATE, FILE_MODE)
        // In a store that may only be read, a lock on a file opened for reading does as well.
        .or_else(|_| rustix::fs::openat(dir, name, flags | OFlags::RDONLY, FILE_MODE));
    opened.map(File::from).map_err(|error| DiskError::new("open", dir.path_of(name), error))
}
