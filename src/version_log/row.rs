//! Rows of the tables: written from records, and checked when they are read.
//!
//! SQLite keeps no checksums, so no field of a row is believed: the record is held against its id, everything that
//! repeats the record against the record, the mark of a deletion against its seal, and the head against its own
//! checksum and the last row.

use rusqlite::{Connection, Params, Row, params};

use super::error::LogError;
use super::head::{HEAD_BYTES, LogHead};
use crate::format::bytes::checksum;
use crate::format::record::{Record, RecordBody, VersionNumber, VersionRecord};
use crate::id::ObjectId;
use crate::limits::RECORD_BYTES_MAX;

/// Length of a seal in bytes.
const SEAL_BYTES: usize = 8;

/// Most bytes of the three blobs of a row together. SQLite compares the lengths without reading the blobs, so a prepared
/// index cannot make us read a row of gigabytes: such a row is missing, and that is noticed.
pub(super) const BLOBS_BYTES_MAX: i64 = (RECORD_BYTES_MAX + ObjectId::BYTES + SEAL_BYTES) as i64;

/// The text of a query for whole rows of the log; `?1` is [`BLOBS_BYTES_MAX`].
macro_rules! select_rows {
    ($condition:literal) => {
        concat!(
            "SELECT sequence, id, record, version, deleted_by, seal FROM log ",
            "WHERE octet_length(id) + octet_length(record) + octet_length(seal) <= ?1 AND ",
            $condition
        )
    };
}
pub(super) use select_rows;

/// A version as the log knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// What its record says.
    pub record: VersionRecord,
    /// The record's place in the log.
    pub sequence: u64,
    /// When it was made, in milliseconds since 1970-01-01 UTC. For display only.
    pub created_ms: i64,
    /// Id of the record.
    pub id: ObjectId,
    /// Whether a later record deletes it.
    pub deleted: bool,
}

/// A row of the log that has been checked.
#[derive(Debug)]
pub(super) struct LogRow {
    pub id: ObjectId,
    pub record: Record,
    /// Sequence of the record that deletes the version which this record makes, or that supersedes this record.
    pub deleted_by: Option<u64>,
    /// Whether the record counts no more. Then the column for its version is empty.
    pub is_superseded: bool,
}

impl LogRow {
    /// Checks a row that a query of [`select_rows`] gave.
    pub fn read(row: &Row<'_>) -> Result<Self, LogError> {
        let sequence = number(row, 0)?.unwrap_or(0);
        let damaged = |why: &str| LogError::damaged(format!("record {sequence}: {why}"));
        let id = ObjectId::from_bytes(array(row, 1)?);
        let bytes = row.get_ref(2)?.as_blob().map_err(|error| damaged(&error.to_string()))?;
        if Record::id_of(bytes) != id {
            return Err(damaged("its content does not have its id"));
        }
        let record = Record::decode(bytes).map_err(|error| damaged(&error.to_string()))?;
        let (version, deleted_by) = (number(row, 3)?, number(row, 4)?);
        let is_superseded = deleted_by.is_some() && version.is_none();
        if record.sequence != sequence || !is_superseded && version != version_of(&record).map(|number| number.0) {
            return Err(damaged("it stands in the place of another"));
        }
        if array(row, 5)? != seal(&id, deleted_by, is_superseded) {
            return Err(damaged("its seal is broken"));
        }
        Ok(Self { id, record, deleted_by, is_superseded })
    }

    /// The version that the record makes, if it makes one and counts.
    pub fn into_version(self) -> Option<VersionRow> {
        if self.is_superseded {
            return None;
        }
        let RecordBody::Version(version) = self.record.body else { return None };
        let deleted = self.deleted_by.is_some();
        Some(VersionRow { record: version, sequence: self.record.sequence, created_ms: self.record.created_ms, id: self.id, deleted })
    }
}

/// Number of the version that a record makes.
pub(super) fn version_of(record: &Record) -> Option<VersionNumber> {
    match &record.body {
        RecordBody::Version(version) => Some(version.number),
        _ => None,
    }
}

/// The first row of a query of [`select_rows`].
pub(super) fn first_row(conn: &Connection, sql: &str, params: impl Params) -> Result<Option<LogRow>, LogError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(LogRow::read).transpose()
}

/// The row of a version that the head says exists.
pub(super) fn row_of_version(conn: &Connection, version: VersionNumber) -> Result<LogRow, LogError> {
    let row = first_row(conn, select_rows!("version = ?2"), params![BLOBS_BYTES_MAX, stored(version.0)?])?;
    match row {
        Some(row) if version_of(&row.record) == Some(version) => Ok(row),
        _ => Err(LogError::damaged(format!("the record of {version} is missing"))),
    }
}

/// Adds a row for a record.
pub(super) fn insert(conn: &Connection, record: &Record, id: ObjectId, bytes: &[u8]) -> Result<(), LogError> {
    let version = version_of(record).map(|number| stored(number.0)).transpose()?;
    conn.prepare_cached("INSERT INTO log(sequence, id, record, version, seal) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        stored(record.sequence)?,
        id.as_bytes(),
        bytes,
        version,
        seal(&id, None, false)
    ])?;
    Ok(())
}

/// Marks the version that a row makes as deleted, or as not deleted.
pub(super) fn mark_deleted(conn: &Connection, row: &LogRow, deleted_by: Option<u64>) -> Result<(), LogError> {
    conn.prepare_cached("UPDATE log SET deleted_by = ?2, seal = ?3 WHERE sequence = ?1")?.execute(params![
        stored(row.record.sequence)?,
        deleted_by.map(stored).transpose()?,
        seal(&row.id, deleted_by, false)
    ])?;
    Ok(())
}

/// Marks a row as one that counts no more.
pub(super) fn mark_superseded(conn: &Connection, row: &LogRow, by: u64) -> Result<(), LogError> {
    conn.prepare_cached("UPDATE log SET version = NULL, deleted_by = ?2, seal = ?3 WHERE sequence = ?1")?.execute(params![
        stored(row.record.sequence)?,
        stored(by)?,
        seal(&row.id, Some(by), true)
    ])?;
    Ok(())
}

/// The head, checked against the last row. Both must be read in one transaction.
pub(super) fn read_head(conn: &Connection) -> Result<LogHead, LogError> {
    let head = stored_head(conn)?;
    let last = first_row(conn, select_rows!("TRUE ORDER BY sequence DESC LIMIT 1"), [BLOBS_BYTES_MAX])?;
    if fits(&head, last.as_ref()) { Ok(head) } else { Err(LogError::damaged("its head is not that of its last record")) }
}

fn stored_head(conn: &Connection) -> Result<LogHead, LogError> {
    let mut statement = conn.prepare_cached("SELECT content FROM head WHERE octet_length(content) = ?1")?;
    let mut rows = statement.query([HEAD_BYTES as i64])?;
    let row = rows.next()?.ok_or_else(|| LogError::damaged("its head is missing"))?;
    LogHead::decode(&array::<HEAD_BYTES>(row, 0)?).map_err(|error| LogError::damaged(error.to_string()))
}

/// Writes the head.
pub(super) fn write_head(conn: &Connection, head: &LogHead) -> Result<(), LogError> {
    conn.prepare_cached("UPDATE head SET content = ?1")?.execute([head.encode()])?;
    Ok(())
}

/// Whether a head can stand behind a last row.
fn fits(head: &LogHead, last: Option<&LogRow>) -> bool {
    let Some(last) = last else {
        return LogHead { applied: head.applied, ..LogHead::EMPTY } == *head;
    };
    let body_fits = match &last.record.body {
        RecordBody::Version(version) => head.active == Some(version.number) && head.newest == Some(version.number),
        RecordBody::Promote(number) => head.active == Some(*number) && head.newest >= Some(*number),
        RecordBody::Supersede(supersede) => (head.newest, head.active) == (supersede.newest, supersede.active),
        body => body.named_versions().iter().all(|number| head.newest >= Some(*number)),
    };
    body_fits && (head.sequence, head.id) == (last.record.sequence, last.id)
}

/// What protects the fields of a row that are in no record: a checksum over who deleted or superseded it, or the beginning of the
/// id, which is quicker and cannot become the former by damage.
fn seal(id: &ObjectId, by: Option<u64>, is_superseded: bool) -> [u8; SEAL_BYTES] {
    let id = id.as_bytes();
    match by {
        Some(by) if is_superseded => checksum(&[&id[..], &by.to_le_bytes(), b"superseded"].concat()),
        Some(by) => checksum(&[&id[..], &by.to_le_bytes()].concat()),
        None => std::array::from_fn(|place| id[place]),
    }
}

/// A number as SQLite stores it. Numbers of a log are consecutive, so none that passed the rules is too large.
pub(super) fn stored(number: u64) -> Result<i64, LogError> {
    i64::try_from(number).map_err(|_| LogError::damaged("a number is too large for it"))
}

pub(super) fn number(row: &Row<'_>, column: usize) -> Result<Option<u64>, LogError> {
    let value: Option<i64> = row.get(column)?;
    value.map(|value| u64::try_from(value).map_err(|_| LogError::damaged("a number is negative"))).transpose()
}

pub(super) fn array<const N: usize>(row: &Row<'_>, column: usize) -> Result<[u8; N], LogError> {
    let bytes = row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?;
    bytes.try_into().map_err(|_| LogError::damaged("a field has the wrong length"))
}
