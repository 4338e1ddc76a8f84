//! Adding records to the log.

use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::LogError;
use super::head::{LogHead, LogPosition};
use super::place::Place;
use super::{connection, mark_table, row, supersede};
use crate::format::record::{Record, RecordBody, VersionNumber};
use crate::limits::SQLITE_BUSY_MS;

/// From this length on the write-ahead log is written back into the database after a commit, in bytes: about every 40
/// commits of one record. Each process that opens the index reads the whole of it (a microsecond a page), while writing it
/// back waits for the disk.
const WAL_BYTES_MAX: u64 = 256 << 10;

/// Adds records and moves the applied position, in one transaction.
///
/// # Errors
/// [`LogError::Replaced`] when the database is no longer the one of its name; those of the rules.
pub(super) fn append(conn: &mut Connection, records: &[Record], applied: LogPosition) -> Result<(), LogError> {
    add_all(conn, records, applied)?.commit()?;
    Ok(())
}

/// Whether the records could be appended. Nothing is changed.
pub(super) fn check(conn: &mut Connection, records: &[Record]) -> Result<(), LogError> {
    Ok(add_all(conn, records, LogPosition::default())?.rollback()?)
}

fn add_all<'c>(conn: &'c mut Connection, records: &[Record], applied: LogPosition) -> Result<Transaction<'c>, LogError> {
    let transaction = Transaction::new(conn, TransactionBehavior::Immediate)?;
    // Looked at only now, because the transaction may have waited for a rebuild.
    if connection::has_moved(&transaction)? {
        return Err(LogError::Replaced);
    }
    let mut head = row::read_head(&transaction)?;
    for record in records {
        head = add(&transaction, &head, record)?;
    }
    row::write_head(&transaction, &LogHead { applied, ..head })?;
    Ok(transaction)
}

/// Adds one record behind a head and gives the new head.
fn add(conn: &Connection, head: &LogHead, record: &Record) -> Result<LogHead, LogError> {
    let refuse = |why| LogError::refused(record.sequence, why);
    let bytes = record.encode();
    if Record::decode(&bytes).as_ref() != Ok(record) {
        return Err(refuse("it is over a limit and could not be read back"));
    }
    let id = Record::id_of(&bytes);
    let next = head.followed_by(record, id).map_err(refuse)?;
    if record.body.names_living() {
        for &number in record.body.named_versions() {
            let living = not_deleted(conn, number, record)?;
            if record.body.deletes() {
                row::mark_deleted(conn, &living, Some(record.sequence))?;
            }
        }
    }
    if let RecordBody::Supersede(body) = &record.body {
        supersede::supersede(conn, body, record.sequence)?;
    }
    row::insert(conn, record, id, &bytes)?;
    mark_table::add(conn, record)?;
    Ok(next)
}

fn not_deleted(conn: &Connection, version: VersionNumber, by: &Record) -> Result<row::LogRow, LogError> {
    let row = row::row_of_version(conn, version)?;
    match row.deleted_by {
        None => Ok(row),
        Some(_) => Err(LogError::NotNext { sequence: by.sequence, why: "it names a version that was deleted" }),
    }
}

/// Writes the write-ahead log back into the database and empties it, once it is long.
///
/// SQLite would do so by itself, but never empties the log of processes that live for one commit: each of them reads it
/// anew, cannot know how much is written back already, and would write all of it back again.
pub(super) fn write_back_if_long(conn: &Connection, place: &Place) {
    if place.wal_bytes() < WAL_BYTES_MAX {
        return;
    }
    // A failure is no failure of the commit before it. The log stays as it is, nothing is lost, and the next append tries
    // again; a disk that cannot write fails the segments first, which wait for it every time. A reader in the midst of a
    // transaction is not waited for either.
    let _ = conn.busy_timeout(Duration::ZERO);
    let _ = write_back(conn);
    let _ = conn.busy_timeout(Duration::from_millis(SQLITE_BUSY_MS));
}

/// Writes the write-ahead log back into the database and empties it; says whether all of it could be.
pub(super) fn write_back(conn: &Connection) -> Result<bool, LogError> {
    let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}
