//! Checking the whole log.

use rusqlite::Connection;

use super::error::LogError;
use super::head::LogHead;
use super::mark_table;
use super::marks::Marks;
use super::row::{self, BLOBS_BYTES_MAX, LogRow, select_rows};
use super::supersede::Accounts;

/// Checks SQLite's own structures, then every record, every mark of a deletion, and the head, in one state of the log.
pub(super) fn verify(conn: &Connection) -> Result<(), LogError> {
    let transaction = conn.unchecked_transaction()?;
    check_structure(&transaction)?;
    let head = row::read_head(&transaction)?;
    let (replayed, marks) = replay(&transaction)?;
    if (LogHead { applied: head.applied, ..replayed }) != head {
        return Err(LogError::damaged("its head is not what its records lead to"));
    }
    if marks != mark_table::marks(&transaction)? {
        return Err(LogError::damaged("its marks are not what its records lead to"));
    }
    Ok(())
}

fn check_structure(conn: &Connection) -> Result<(), LogError> {
    let finding: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if finding == "ok" { Ok(()) } else { Err(LogError::damaged(finding)) }
}

/// Goes through all records from the first on and gives the head and the marks that they lead to.
fn replay(conn: &Connection) -> Result<(LogHead, Marks), LogError> {
    let mut statement = conn.prepare_cached(select_rows!("TRUE ORDER BY sequence"))?;
    let mut rows = statement.query([BLOBS_BYTES_MAX])?;
    let mut head = LogHead::EMPTY;
    let mut marks = Marks::default();
    let mut deletions = 0;
    let mut accounts = Accounts::default();
    while let Some(row) = rows.next()? {
        let row = LogRow::read(row)?;
        let damaged = |why| LogError::damaged(format!("record {}: {why}", row.record.sequence));
        head = head.followed_by(&row.record, row.id).map_err(damaged)?;
        accounts.take(&row);
        if row.is_superseded {
            continue;
        }
        check_named_versions(conn, &row)?;
        marks.add(&row.record);
        if row.record.body.deletes() {
            deletions += row.record.body.named_versions().len() as u64;
        }
    }
    if !accounts.add_up(head.sequence) {
        return Err(LogError::damaged("its superseded records are not those that its records name"));
    }
    // Every deletion was found on its version. No other version may say that it was deleted.
    let deleted: u64 = conn
        .query_row("SELECT count(*) FROM log WHERE deleted_by IS NOT NULL AND version IS NOT NULL", [], |row| row.get::<_, i64>(0))
        .map(i64::unsigned_abs)?;
    if deleted == deletions { Ok((head, marks)) } else { Err(LogError::damaged("a version is marked as deleted that no record deletes")) }
}

/// Checks that versions which a record names were not deleted before, and that those which it deletes say so.
fn check_named_versions(conn: &Connection, row: &LogRow) -> Result<(), LogError> {
    let (sequence, body) = (row.record.sequence, &row.record.body);
    for &number in body.named_versions() {
        let deleted_by = row::row_of_version(conn, number)?.deleted_by;
        let fits = match body.deletes() {
            true => deleted_by == Some(sequence),
            false => !body.names_living() || deleted_by.is_none_or(|by| by > sequence),
        };
        if !fits {
            return Err(LogError::damaged(format!("record {sequence} does not fit the deletions")));
        }
    }
    Ok(())
}
