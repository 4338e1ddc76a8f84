//! Checking the whole log.

use rusqlite::Connection;

use super::error::LogError;
use super::head::LogHead;
use super::row::{self, BLOBS_BYTES_MAX, LogRow, select_rows};
use crate::format::record::{RecordBody, VersionNumber};

/// Checks SQLite's own structures, then every record, every mark of a deletion, and the head, in one state of the log.
pub(super) fn verify(conn: &Connection) -> Result<(), LogError> {
    let transaction = conn.unchecked_transaction()?;
    check_structure(&transaction)?;
    let head = row::read_head(&transaction)?;
    let replayed = replay(&transaction)?;
    if (LogHead { applied: head.applied, ..replayed }) != head {
        return Err(LogError::damaged("its head is not what its records lead to"));
    }
    Ok(())
}

fn check_structure(conn: &Connection) -> Result<(), LogError> {
    let finding: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if finding == "ok" { Ok(()) } else { Err(LogError::damaged(finding)) }
}

/// Goes through all records from the first on and gives the head that they lead to.
fn replay(conn: &Connection) -> Result<LogHead, LogError> {
    let mut statement = conn.prepare_cached(select_rows!("TRUE ORDER BY sequence"))?;
    let mut rows = statement.query([BLOBS_BYTES_MAX])?;
    let mut head = LogHead::EMPTY;
    let mut deletions = 0;
    while let Some(row) = rows.next()? {
        let row = LogRow::read(row)?;
        let damaged = |why| LogError::damaged(format!("record {}: {why}", row.record.sequence));
        head = head.followed_by(&row.record, row.id).map_err(damaged)?;
        check_named_version(conn, &row)?;
        deletions += u64::from(matches!(row.record.body, RecordBody::Delete(_)));
    }
    // Every deletion was found on its version. No other version may say that it was deleted.
    let marks: u64 =
        conn.query_row("SELECT count(*) FROM log WHERE deleted_by IS NOT NULL", [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)?;
    if marks == deletions { Ok(head) } else { Err(LogError::damaged("a version is marked as deleted that no record deletes")) }
}

/// Checks that a version which a record promotes or deletes was not deleted before.
fn check_named_version(conn: &Connection, row: &LogRow) -> Result<(), LogError> {
    let deleted_by = |version: VersionNumber| row::row_of_version(conn, version).map(|row| row.deleted_by);
    let sequence = row.record.sequence;
    let fits = match row.record.body {
        RecordBody::Version(_) | RecordBody::Restore(_) => true,
        RecordBody::Promote(number) => deleted_by(number)?.is_none_or(|by| by > sequence),
        RecordBody::Delete(number) => deleted_by(number)? == Some(sequence),
    };
    if fits { Ok(()) } else { Err(LogError::damaged(format!("record {sequence} does not fit the deletions"))) }
}
