//! The journal on disk: published before the workspace is touched, removed when what it became is recorded.

use crate::disk::{Dir, DiskError};
use crate::format::FormatError;
use crate::format::journal::Journal;
use crate::limits::JOURNAL_BYTES_MAX;

/// Name of the journal in the store's folder.
pub const JOURNAL_NAME: &str = "checkout.journal";

/// Why there is no journal to be had.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// It is damaged (it is published whole, so no crash does that), written by a newer program, or too large to write.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// Says what is about to be done.
///
/// # Durability
/// On return it is durable: a command that comes after a crash finds it. It replaces one that was there.
pub fn publish_journal(store: &Dir, tmp: &Dir, journal: &Journal) -> Result<(), JournalError> {
    let bytes = journal.encode();
    // One that could not be read again must not be relied on.
    Journal::decode(&bytes)?;
    Ok(store.publish(tmp, JOURNAL_NAME, &bytes)?)
}

/// The journal of a checkout that was interrupted, if there is one.
pub fn read_journal(store: &Dir) -> Result<Option<Journal>, JournalError> {
    match store.read(JOURNAL_NAME, JOURNAL_BYTES_MAX as u64) {
        Ok(bytes) => Ok(Some(Journal::decode(&bytes)?)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Says that all is done.
///
/// # Durability
/// On return its absence is durable.
pub fn remove_journal(store: &Dir) -> Result<(), JournalError> {
    store.remove_file(JOURNAL_NAME.as_ref())?;
    Ok(store.sync()?)
}
