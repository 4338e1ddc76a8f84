//! The index of the version log: which versions there are, in what order, and which is the active one. An SQLite
//! database, `index.db` in the folder of the store. Knows no contents.
//!
//! # The segments are the truth
//! Every record is in the segments before it is here, and this index can be rebuilt from them at any time
//! ([`VersionLog::rebuild`]). So a commit does not wait for the disk: SQLite runs with a write-ahead log and
//! `synchronous=NORMAL`, and only about every fortieth append waits, to write that log back. After a power cut the index may lack its latest records; [`LogHead::applied`] says from which
//! place on the segments must be taken in again. After [`LogError::Damaged`] it is rebuilt.
//!
//! # Nothing is believed
//! SQLite notices when its structures are broken, but has no checksums. Each row that is read is held against the
//! id of its record, neighbours against the chain of ids, the marks against a sum over all of them, and the head against a checksum and the last row. So what is
//! returned is what a writer stored, or an error. Whoever can write the file can also make a log that
//! is consistent; that it is the log of *this* store only the segments can tell.
//!
//! # Many processes
//! Readers and one writer at a time work together; each call sees one state. A process that has the index open while
//! another rebuilds it goes on reading the old one, which is the same log up to some record; its next append fails with
//! [`LogError::Replaced`], and [`VersionLog::is_replaced`] tells readers that live long. While a rebuild puts the new index in
//! place, an open may for a moment find none ([`LogError::NotFound`]) or a replaced one. So when an open fails, take the
//! lock of the store and open again before doing anything about it.

mod append;
mod connection;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod head;
mod mark_table;
mod marks;
mod place;
mod read;
mod rebuild;
mod row;
mod schema;
mod supersede;
#[cfg(test)]
mod tests;
mod verify;

pub use error::{Cause, LogError};
pub use head::{LogHead, LogPosition};
pub use mark_table::CheckRow;
pub use marks::{LabelMark, Marks, VersionMarks};
pub use read::ActiveChange;
pub use row::VersionRow;

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::disk::Dir;
use crate::format::record::{PurgeRecord, Record, VersionNumber};
use place::Place;

/// Name of the index in the folder of the store.
const NAME: &str = "index.db";

/// An open index of the version log.
#[derive(Debug)]
pub struct VersionLog {
    conn: Connection,
    /// `None` for one in memory.
    place: Option<Place>,
}

impl VersionLog {
    /// Makes the index of an empty log and opens it. For whoever holds the lock of the store.
    ///
    /// # Errors
    /// [`LogError::AlreadyExists`].
    ///
    /// # Durability
    /// None. After a crash the index may be missing or [`LogError::Damaged`]; both end in a rebuild.
    pub fn create(dir: &Dir) -> Result<Self, LogError> {
        let place = Place::new(dir, NAME);
        place.make()?;
        if let Err(error) = Self::fill_new(&place) {
            // What cannot be removed is found damaged by the next open.
            let _ = place.remove();
            return Err(error);
        }
        Self::open(dir)
    }

    fn fill_new(place: &Place) -> Result<(), LogError> {
        // Left by a rebuild that was interrupted before its new index was in place.
        place.remove_companions()?;
        connection::close(connection::create(place)?)
    }

    /// Opens the index for reading and appending.
    ///
    /// # Errors
    /// [`LogError::NotFound`], [`LogError::NotRegular`], [`LogError::TooNew`], [`LogError::Damaged`], [`LogError::Replaced`],
    /// and those of the operating system. In a folder that cannot be written use [`VersionLog::open_read_only`].
    pub fn open(dir: &Dir) -> Result<Self, LogError> {
        let place = Place::new(dir, NAME);
        Ok(Self { conn: connection::open(&place)?, place: Some(place) })
    }

    /// Opens the index for reading, also where nothing can be written.
    ///
    /// Where the files that SQLite shares between processes can neither be found nor made, the database file is read alone,
    /// without locks. Then records that are only in the write-ahead log are missing: compare [`LogHead::applied`] with the
    /// segments and take in the rest, in memory. And should somebody write at the same time after all, reading may fail with
    /// [`LogError::Damaged`], though it gives nothing wrong.
    ///
    /// # Errors
    /// Those of [`VersionLog::open`]; [`LogError::ReadOnly`] also for an index of an older schema, which would have to be
    /// written first.
    pub fn open_read_only(dir: &Dir) -> Result<Self, LogError> {
        let place = Place::new(dir, NAME);
        Ok(Self { conn: connection::open_read_only(&place)?, place: Some(place) })
    }

    /// An empty log in memory, where no index can be had and none can be written.
    pub fn in_memory() -> Result<Self, LogError> {
        Ok(Self { conn: connection::in_memory()?, place: None })
    }

    /// Writes a new index of all these records, which come from the segments, and opens it. The old index, if there is one,
    /// is kept as `index.db.damaged`, in place of one that was kept before.
    ///
    /// For whoever holds the lock of the store alone, and has opened the index once more under that lock: another process may
    /// have rebuilt it meanwhile. See the module's description for processes that have the old index open.
    ///
    /// # Errors
    /// [`LogError::NotNext`] when the records are no log; the old index is untouched then, as after every error before the
    /// new one is complete.
    ///
    /// # Durability
    /// On return the new index is durable. After a crash there is the old index, no index, or the whole new one. `tmp`
    /// must be of the same file system.
    pub fn rebuild(dir: &Dir, tmp: &Dir, records: impl Iterator<Item = Record>, applied: LogPosition) -> Result<Self, LogError> {
        rebuild::rebuild(dir, tmp, records, applied)?;
        Self::open(dir)
    }

    /// Makes all records durable here as well; `false` when a reader in the midst of something prevents it. Before segments are
    /// replaced this must be so: a log that a power cut threw back would look for its next record at a place that means something
    /// else by then.
    ///
    /// # Durability
    /// On `true` all records are durable in the database.
    pub fn make_durable(&self) -> Result<bool, LogError> {
        append::write_back(&self.conn)
    }

    /// The state of the log after its last record.
    ///
    /// # Errors
    /// As all reading: [`LogError::Damaged`], and those of the operating system.
    pub fn head(&self) -> Result<LogHead, LogError> {
        let transaction = self.conn.unchecked_transaction()?;
        row::read_head(&transaction)
    }

    /// Appends records that continue the log and moves the applied position, all or nothing.
    ///
    /// # Errors
    /// [`LogError::NotNext`] when a record has not the next number, does not name its predecessor, makes a version that is not the
    /// next one, or names one that does not exist or was deleted. [`LogError::Busy`] after
    /// [`crate::limits::SQLITE_BUSY_MS`]. [`LogError::Replaced`] when the index is no longer the one that was opened.
    ///
    /// # Durability
    /// None, on purpose: the segments are. After a crash of the process the records are there, after a power cut
    /// they may be missing with all that came after them.
    pub fn append(&mut self, records: &[Record], applied: LogPosition) -> Result<(), LogError> {
        append::append(&mut self.conn, records, applied)?;
        if let Some(place) = &self.place {
            append::write_back_if_long(&self.conn, place);
        }
        Ok(())
    }

    /// Whether records could be appended: all the rules of [`VersionLog::append`], and nothing is changed.
    ///
    /// # Errors
    /// As [`VersionLog::append`].
    pub fn check_append(&mut self, records: &[Record]) -> Result<(), LogError> {
        append::check(&mut self.conn, records)
    }

    /// The records that count and stand behind a place in the log, in order, without those that supersede others.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn counting_behind(&self, sequence: u64) -> Result<Vec<Record>, LogError> {
        supersede::counting_behind(&self.conn, sequence)
    }

    /// The version of this number; `None` when it was never made.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn version(&self, number: VersionNumber) -> Result<Option<VersionRow>, LogError> {
        read::version(&self.conn, number)
    }

    /// Whether the version of this number was made and then deleted.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn is_deleted(&self, number: VersionNumber) -> Result<bool, LogError> {
        Ok(self.version(number)?.is_some_and(|version| version.deleted))
    }

    /// The newest version, deleted or not.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn newest_version(&self) -> Result<Option<VersionRow>, LogError> {
        read::newest_version(&self.conn)
    }

    /// All versions or the first `limit` of them, from the newest on, deleted ones too.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn versions_newest_first(&self, limit: Option<u64>) -> Result<Vec<VersionRow>, LogError> {
        read::versions_newest_first(&self.conn, limit.unwrap_or(u64::MAX))
    }

    /// All moves of the active mark or the last `limit` of them, from the latest on: versions that were made, and promotions.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn promotions(&self, limit: Option<u64>) -> Result<Vec<ActiveChange>, LogError> {
        read::promotions(&self.conn, limit.unwrap_or(u64::MAX))
    }

    /// All labels, pins and ends of checks as they stand.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn marks(&self) -> Result<Marks, LogError> {
        read::marks(&self.conn)
    }

    /// The version that has a label.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn labelled(&self, name: &str) -> Result<Option<VersionNumber>, LogError> {
        read::labelled(&self.conn, name)
    }

    /// The last check of a version.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn last_check(&self, version: VersionNumber) -> Result<Option<CheckRow>, LogError> {
        read::last_check(&self.conn, version)
    }

    /// Why versions from `first` to `last` were pruned. Those that were not, or were deleted otherwise, are not in the map.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn prune_reasons(&self, first: VersionNumber, last: VersionNumber) -> Result<BTreeMap<VersionNumber, String>, LogError> {
        read::prune_reasons(&self.conn, first, last)
    }

    /// All purges, the oldest first, each with its place in the log.
    ///
    /// # Errors
    /// As [`VersionLog::head`].
    pub fn purges(&self) -> Result<Vec<(u64, PurgeRecord)>, LogError> {
        read::purges(&self.conn)
    }

    /// All records from the first up to the last that is sound and chained to it.
    ///
    /// # Errors
    /// As [`VersionLog::head`], where not even the first can be read.
    pub fn records(&self) -> Result<Vec<Record>, LogError> {
        read::sound_records(&self.conn)
    }

    /// Checks everything: SQLite's structures, each record, the whole chain, the deletions, the marks, and the head.
    ///
    /// # Errors
    /// As [`VersionLog::head`]. What is damaged is found in the index only; the segments are not looked at.
    pub fn verify(&self) -> Result<(), LogError> {
        verify::verify(&self.conn)
    }

    /// Whether another process has rebuilt the index since this one was opened.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn is_replaced(&self) -> Result<bool, LogError> {
        connection::has_moved(&self.conn)
    }
}
