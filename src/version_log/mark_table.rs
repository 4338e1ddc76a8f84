//! The tables of the marks: written from records, and checked when they are read.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::LogError;
use super::marks::{LabelMark, MarkSums, Marks, RowSum, SUMS_BYTES, VersionMarks, label_digest, version_digest};
use super::row::{self, BLOBS_BYTES_MAX, array, number, select_rows, stored};
use crate::format::record::{CheckRecord, LabelRecord, Record, RecordBody, VersionNumber};
use crate::limits::LABEL_BYTES_MAX;

/// The last check of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRow {
    /// What its record says.
    pub record: CheckRecord,
    /// The record's place in the log.
    pub sequence: u64,
    /// When it was recorded, in milliseconds since 1970-01-01 UTC. For display only.
    pub created_ms: i64,
}

/// All marks. Everything must be read in one transaction.
pub(super) fn marks(conn: &Connection) -> Result<Marks, LogError> {
    let sums = stored_sums(conn)?;
    Ok(Marks { labels: labels_with_sum(conn, sums.labels)?, versions: versions_with_sum(conn, sums.versions)? })
}

/// All labels.
pub(super) fn labels(conn: &Connection) -> Result<BTreeMap<String, LabelMark>, LogError> {
    labels_with_sum(conn, stored_sums(conn)?.labels)
}

fn labels_with_sum(conn: &Connection, expected: RowSum) -> Result<BTreeMap<String, LabelMark>, LogError> {
    let mut statement = conn.prepare_cached("SELECT version, sequence, name FROM label WHERE octet_length(name) <= ?1")?;
    let mut rows = statement.query([LABEL_BYTES_MAX as i64])?;
    let (mut labels, mut found) = (BTreeMap::new(), RowSum::default());
    while let Some(row) = rows.next()? {
        let label = read_label(row)?;
        let name: String = row.get(2)?;
        found.add(label_digest(&name, &label));
        labels.insert(name, label);
        check_rows(found, expected)?;
    }
    if found == expected { Ok(labels) } else { Err(not_as_written()) }
}

fn versions_with_sum(conn: &Connection, expected: RowSum) -> Result<BTreeMap<VersionNumber, VersionMarks>, LogError> {
    let mut statement = conn.prepare_cached("SELECT version, pinned_by, checked_by, passed FROM mark")?;
    let mut rows = statement.query([])?;
    let (mut versions, mut found) = (BTreeMap::new(), RowSum::default());
    while let Some(row) = rows.next()? {
        let (version, marks) = read_marks(row)?;
        found.add(version_digest(version, &marks));
        versions.insert(version, marks);
        check_rows(found, expected)?;
    }
    if found == expected { Ok(versions) } else { Err(not_as_written()) }
}

/// Ends the reading of a table that has more rows than it should, however many.
fn check_rows(found: RowSum, expected: RowSum) -> Result<(), LogError> {
    if found.rows <= expected.rows { Ok(()) } else { Err(not_as_written()) }
}

fn not_as_written() -> LogError {
    LogError::damaged("its marks are not as they were written")
}

/// The last check of a version.
pub(super) fn last_check(conn: &Connection, version: VersionNumber) -> Result<Option<CheckRow>, LogError> {
    let marks = versions_with_sum(conn, stored_sums(conn)?.versions)?;
    let Some(sequence) = marks.get(&version).and_then(|marks| marks.checked_by) else { return Ok(None) };
    match row_at(conn, sequence)?.record {
        Record { body: RecordBody::Check(record), created_ms, .. } if record.version == version => {
            Ok(Some(CheckRow { record, sequence, created_ms }))
        }
        _ => Err(LogError::damaged(format!("record {sequence} is no check of {version}"))),
    }
}

/// Why versions from the first to the last of these were pruned; those that were not, or were deleted otherwise, are not named.
pub(super) fn prune_reasons(
    conn: &Connection,
    first: VersionNumber,
    last: VersionNumber,
) -> Result<BTreeMap<VersionNumber, String>, LogError> {
    let mut statement =
        conn.prepare_cached("SELECT DISTINCT deleted_by FROM log WHERE version BETWEEN ?1 AND ?2 AND deleted_by IS NOT NULL")?;
    let mut rows = statement.query(params![stored(first.0)?, stored(last.0)?])?;
    let mut reasons = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let sequence = number(row, 0)?.unwrap_or(0);
        if let RecordBody::Prune(prune) = row_at(conn, sequence)?.record.body {
            let listed = prune.versions.into_iter().filter(|version| (first..=last).contains(version));
            reasons.extend(listed.map(|version| (version, prune.reason.clone())));
        }
    }
    Ok(reasons)
}

fn row_at(conn: &Connection, sequence: u64) -> Result<row::LogRow, LogError> {
    let found = row::first_row(conn, select_rows!("sequence = ?2"), params![BLOBS_BYTES_MAX, stored(sequence)?])?;
    found.ok_or_else(|| LogError::damaged(format!("record {sequence} is missing")))
}

/// Forgets all marks.
pub(super) fn clear(conn: &Connection) -> Result<(), LogError> {
    Ok(conn.execute_batch("DELETE FROM label; DELETE FROM mark; DELETE FROM mark_sum")?)
}

/// Takes the next record of the log into the tables.
pub(super) fn add(conn: &Connection, record: &Record) -> Result<(), LogError> {
    match &record.body {
        RecordBody::Label(label) => change_label(conn, &label.name, Some(new_label(label, record))),
        RecordBody::Unlabel(name) => change_label(conn, name, None),
        RecordBody::Pin(version) | RecordBody::Unpin(version) => change_marks(conn, *version, record),
        RecordBody::Check(check) => change_marks(conn, check.version, record),
        _ => Ok(()),
    }
}

fn new_label(label: &LabelRecord, record: &Record) -> LabelMark {
    LabelMark { version: label.version, sequence: record.sequence }
}

fn change_label(conn: &Connection, name: &str, new: Option<LabelMark>) -> Result<(), LogError> {
    let mut sums = stored_sums(conn)?;
    if let Some(old) = stored_label(conn, name)? {
        sums.labels.remove(label_digest(name, &old));
        conn.prepare_cached("DELETE FROM label WHERE name = ?1")?.execute([name])?;
    }
    if let Some(new) = new {
        sums.labels.add(label_digest(name, &new));
        let mut insert = conn.prepare_cached("INSERT INTO label(name, version, sequence) VALUES (?1, ?2, ?3)")?;
        insert.execute(params![name, stored(new.version.0)?, stored(new.sequence)?])?;
    }
    write_sums(conn, &sums)
}

fn change_marks(conn: &Connection, version: VersionNumber, record: &Record) -> Result<(), LogError> {
    let mut sums = stored_sums(conn)?;
    let old = stored_marks(conn, version)?;
    let new = old.unwrap_or_default().after(record);
    if let Some(old) = old {
        sums.versions.remove(version_digest(version, &old));
        conn.prepare_cached("DELETE FROM mark WHERE version = ?1")?.execute([stored(version.0)?])?;
    }
    if new != VersionMarks::default() {
        sums.versions.add(version_digest(version, &new));
        let mut insert = conn.prepare_cached("INSERT INTO mark(version, pinned_by, checked_by, passed) VALUES (?1, ?2, ?3, ?4)")?;
        let sequence = |by: Option<u64>| by.map(stored).transpose();
        insert.execute(params![stored(version.0)?, sequence(new.pinned_by)?, sequence(new.checked_by)?, i64::from(new.passed)])?;
    }
    write_sums(conn, &sums)
}

fn stored_label(conn: &Connection, name: &str) -> Result<Option<LabelMark>, LogError> {
    let mut statement = conn.prepare_cached("SELECT version, sequence FROM label WHERE name = ?1")?;
    let mut rows = statement.query([name])?;
    rows.next()?.map(read_label).transpose()
}

fn stored_marks(conn: &Connection, version: VersionNumber) -> Result<Option<VersionMarks>, LogError> {
    let mut statement = conn.prepare_cached("SELECT version, pinned_by, checked_by, passed FROM mark WHERE version = ?1")?;
    let mut rows = statement.query([stored(version.0)?])?;
    Ok(rows.next()?.map(read_marks).transpose()?.map(|(_, marks)| marks))
}

fn read_label(row: &Row<'_>) -> Result<LabelMark, LogError> {
    let [version, sequence] = [number(row, 0)?, number(row, 1)?].map(Option::unwrap_or_default);
    Ok(LabelMark { version: VersionNumber(version), sequence })
}

fn read_marks(row: &Row<'_>) -> Result<(VersionNumber, VersionMarks), LogError> {
    let version = VersionNumber(number(row, 0)?.unwrap_or_default());
    let passed = match number(row, 3)? {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(not_as_written()),
    };
    Ok((version, VersionMarks { pinned_by: number(row, 1)?, checked_by: number(row, 2)?, passed }))
}

/// The sums. Without a row there never was a mark: an index of the first schema has none.
fn stored_sums(conn: &Connection) -> Result<MarkSums, LogError> {
    let mut statement = conn.prepare_cached("SELECT content FROM mark_sum WHERE octet_length(content) = ?1")?;
    let content = statement.query_row([SUMS_BYTES as i64], |row| Ok(array::<SUMS_BYTES>(row, 0))).optional()?.transpose()?;
    let Some(content) = content else { return Ok(MarkSums::default()) };
    MarkSums::decode(&content).map_err(|error| LogError::damaged(error.to_string()))
}

fn write_sums(conn: &Connection, sums: &MarkSums) -> Result<(), LogError> {
    conn.prepare_cached("INSERT OR REPLACE INTO mark_sum(one, content) VALUES (1, ?1)")?.execute([sums.encode()])?;
    Ok(())
}
