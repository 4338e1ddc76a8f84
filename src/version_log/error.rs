//! Why the index of the version log cannot do what it was asked, sorted by what a caller can do about it.

use rusqlite::{ErrorCode, ffi};

use crate::disk::DiskError;

/// What failed below: SQLite, or an operation on a file of the store.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// SQLite's own words.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The operating system's.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why the version log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no index: make one, or rebuild it from the segments.
    #[error("there is no index of the version log")]
    NotFound,
    /// An index exists already.
    #[error("there is an index of the version log already")]
    AlreadyExists,
    /// A symbolic link, folder or device stands where a file belongs. Nothing was opened.
    #[error("{name} of the version log is not a regular file")]
    NotRegular {
        /// The name in the folder of the store.
        name: String,
    },
    /// Written by a newer version of the program.
    #[error("the index of the version log has schema version {found}; this program knows up to {known}")]
    TooNew {
        /// Its schema version.
        found: i64,
        /// The newest one known here.
        known: i64,
    },
    /// The index is not what a writer leaves. Nothing that was read is wrong; rebuild the index from the segments.
    #[error("the index of the version log is damaged: {why}")]
    Damaged {
        /// What does not fit.
        why: String,
    },
    /// A record does not follow the head of the log. Nothing was written.
    #[error("record {sequence} does not continue the version log: {why}")]
    NotNext {
        /// The record's own number.
        sequence: u64,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// Another process has rebuilt the index since it was opened, or moved the store. Open it anew.
    #[error("the index of the version log was replaced by another process")]
    Replaced,
    /// Another process held the index for longer than [`crate::limits::SQLITE_BUSY_MS`].
    #[error("the index of the version log is in use by another process: {0}")]
    Busy(#[source] Cause),
    /// The index had to be written and may not be.
    #[error("the index of the version log cannot be written: {0}")]
    ReadOnly(#[source] Cause),
    /// No space is left for the index.
    #[error("no space is left for the index of the version log: {0}")]
    Full(#[source] Cause),
    /// The operating system could not read, write or open. Drop the log: what it has in memory may not be what the disk has.
    #[error("the index of the version log cannot be read or written: {0}")]
    Io(#[source] Cause),
    /// Anything else SQLite refuses, such as memory that has run out.
    #[error("the index of the version log failed: {0}")]
    Other(#[source] Cause),
}

impl LogError {
    /// Something in the index is not what a writer leaves.
    pub(super) fn damaged(why: impl Into<String>) -> Self {
        Self::Damaged { why: why.into() }
    }

    /// A record breaks a rule.
    pub(super) fn refused(sequence: u64, why: &'static str) -> Self {
        Self::NotNext { sequence, why }
    }
}

impl From<DiskError> for LogError {
    fn from(error: DiskError) -> Self {
        if error.is_full() {
            Self::Full(error.into())
        } else if error.is_read_only() {
            Self::ReadOnly(error.into())
        } else {
            Self::Io(error.into())
        }
    }
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(failure, _) => {
                let failure = *failure;
                from_code(failure, error)
            }
            // A column of another type or range than any writer stores.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows => Self::damaged(error.to_string()),
            _ => Self::Other(error.into()),
        }
    }
}

fn from_code(failure: ffi::Error, error: rusqlite::Error) -> LogError {
    match (failure.code, failure.extended_code) {
        (_, ffi::SQLITE_READONLY_DBMOVED) => LogError::Replaced,
        (_, ffi::SQLITE_CANTOPEN_SYMLINK) => LogError::NotRegular { name: super::NAME.to_owned() },
        (_, ffi::SQLITE_IOERR_CORRUPTFS) => LogError::damaged(error.to_string()),
        // The shared memory of the index could not grow: in practice a full disk.
        (_, ffi::SQLITE_IOERR_SHMSIZE) => LogError::Full(error.into()),
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed, _) => LogError::Busy(error.into()),
        (ErrorCode::ReadOnly, _) => LogError::ReadOnly(error.into()),
        (ErrorCode::DiskFull, _) => LogError::Full(error.into()),
        (ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied, _) => LogError::Io(error.into()),
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => LogError::damaged(error.to_string()),
        // All statements are fixed and tested, so only what is in the file can make one of them fail.
        (ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig | ErrorCode::SchemaChanged, _)
        | (ErrorCode::Unknown, ffi::SQLITE_ERROR) => LogError::damaged(error.to_string()),
        _ => LogError::Other(error.into()),
    }
}
