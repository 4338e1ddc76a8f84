//! Questions to the log. Each is answered from one state of it, and every row is checked on the way.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::error::LogError;
use super::head::LogHead;
use super::mark_table::{self, CheckRow};
use super::marks::Marks;
use super::row::{self, BLOBS_BYTES_MAX, LogRow, VersionRow, select_rows, stored};
use crate::format::record::{PurgeRecord, Record, RecordBody, VersionNumber};
use crate::id::ObjectId;

/// A move of the active mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveChange {
    /// The version that became the active one.
    pub version: VersionNumber,
    /// Whether it was promoted; otherwise it became active by being made.
    pub promoted: bool,
    /// Place of the record in the log.
    pub sequence: u64,
    /// When the record was made, in milliseconds since 1970-01-01 UTC. For display only.
    pub created_ms: i64,
    /// Id of the record.
    pub id: ObjectId,
}

impl ActiveChange {
    fn of(row: &LogRow) -> Option<Self> {
        let (version, promoted) = match &row.record.body {
            _ if row.is_superseded => return None,
            RecordBody::Version(version) => (version.number, false),
            RecordBody::Promote(number) => (*number, true),
            _ => return None,
        };
        Some(Self { version, promoted, sequence: row.record.sequence, created_ms: row.record.created_ms, id: row.id })
    }
}

/// A version by its number.
pub(super) fn version(conn: &Connection, number: VersionNumber) -> Result<Option<VersionRow>, LogError> {
    let transaction = conn.unchecked_transaction()?;
    let head = row::read_head(&transaction)?;
    // Versions are numbered without gaps, so the head knows which ones there must be.
    if number.0 == 0 || Some(number) > head.newest {
        return Ok(None);
    }
    Ok(row::row_of_version(&transaction, number)?.into_version())
}

/// The newest version.
pub(super) fn newest_version(conn: &Connection) -> Result<Option<VersionRow>, LogError> {
    let transaction = conn.unchecked_transaction()?;
    match row::read_head(&transaction)?.newest {
        None => Ok(None),
        Some(number) => Ok(row::row_of_version(&transaction, number)?.into_version()),
    }
}

/// Versions from the newest on.
pub(super) fn versions_newest_first(conn: &Connection, rows_max: u64) -> Result<Vec<VersionRow>, LogError> {
    let transaction = conn.unchecked_transaction()?;
    let head = row::read_head(&transaction)?;
    let newest = head.newest.map_or(0, |number| number.0);
    let rows_max = rows_max.min(newest);
    let mut versions = Vec::new();
    walk_back(&transaction, &head, rows_max, &mut versions, LogRow::into_version)?;
    let numbers = versions.iter().map(|version| version.record.number.0);
    if !numbers.eq((0..rows_max).map(|place| newest - place)) {
        return Err(LogError::damaged("its versions are not numbered without gaps"));
    }
    Ok(versions)
}

/// Moves of the active mark from the latest on.
pub(super) fn promotions(conn: &Connection, rows_max: u64) -> Result<Vec<ActiveChange>, LogError> {
    let transaction = conn.unchecked_transaction()?;
    let head = row::read_head(&transaction)?;
    let mut changes = Vec::new();
    walk_back(&transaction, &head, rows_max, &mut changes, |row| ActiveChange::of(&row))?;
    if changes.first().map(|change: &ActiveChange| change.version) != head.active.filter(|_| rows_max > 0) {
        return Err(LogError::damaged("its head names another active version than its records"));
    }
    Ok(changes)
}

/// All marks as they stand.
pub(super) fn marks(conn: &Connection) -> Result<Marks, LogError> {
    let transaction = conn.unchecked_transaction()?;
    mark_table::marks(&transaction)
}

/// The version that has a label.
pub(super) fn labelled(conn: &Connection, name: &str) -> Result<Option<VersionNumber>, LogError> {
    let transaction = conn.unchecked_transaction()?;
    Ok(mark_table::labels(&transaction)?.get(name).map(|label| label.version))
}

/// The last check of a version.
pub(super) fn last_check(conn: &Connection, version: VersionNumber) -> Result<Option<CheckRow>, LogError> {
    let transaction = conn.unchecked_transaction()?;
    mark_table::last_check(&transaction, version)
}

/// Why versions were pruned.
pub(super) fn prune_reasons(
    conn: &Connection,
    first: VersionNumber,
    last: VersionNumber,
) -> Result<BTreeMap<VersionNumber, String>, LogError> {
    let transaction = conn.unchecked_transaction()?;
    mark_table::prune_reasons(&transaction, first, last)
}

/// The purges, the oldest first, each with its place in the log.
pub(super) fn purges(conn: &Connection) -> Result<Vec<(u64, PurgeRecord)>, LogError> {
    let mut statement = conn.prepare_cached(select_rows!("version IS NULL ORDER BY sequence"))?;
    let mut rows = statement.query([BLOBS_BYTES_MAX])?;
    let mut purges = Vec::new();
    while let Some(row) = rows.next()? {
        let Record { sequence, body, .. } = LogRow::read(row)?.record;
        if let RecordBody::Purge(purge) = body {
            purges.push((sequence, purge));
        }
    }
    Ok(purges)
}

/// All records up to the first that is not sound, in order. For whoever saves what can be saved.
pub(super) fn sound_records(conn: &Connection) -> Result<Vec<Record>, LogError> {
    let mut statement = conn.prepare_cached(select_rows!("TRUE ORDER BY sequence"))?;
    let mut rows = statement.query([BLOBS_BYTES_MAX])?;
    let mut records: Vec<Record> = Vec::new();
    let mut previous = ObjectId::ZERO;
    while let Ok(Some(Ok(row))) = rows.next().map(|row| row.map(LogRow::read)) {
        if row.record.previous != previous {
            break;
        }
        previous = row.id;
        records.push(row.record);
    }
    Ok(records)
}

/// Goes from the head towards the first record, checking that each row is the one its successor names, and collects what
/// `pick` takes until there are `rows_max`.
fn walk_back<T>(
    conn: &Connection,
    head: &LogHead,
    rows_max: u64,
    picked: &mut Vec<T>,
    pick: impl Fn(LogRow) -> Option<T>,
) -> Result<(), LogError> {
    let mut statement = conn.prepare_cached(select_rows!("sequence <= ?2 ORDER BY sequence DESC"))?;
    let mut rows = statement.query(params![BLOBS_BYTES_MAX, stored(head.sequence)?])?;
    let (mut sequence, mut id) = (head.sequence, head.id);
    while sequence > 0 && (picked.len() as u64) < rows_max {
        let row = rows.next()?.map(LogRow::read).transpose()?;
        let Some(row) = row.filter(|row| (row.record.sequence, row.id) == (sequence, id)) else {
            return Err(LogError::damaged(format!("record {sequence} is not the one that its successor names")));
        };
        (sequence, id) = (sequence - 1, row.record.previous);
        picked.extend(pick(row));
    }
    if sequence == 0 && id != ObjectId::ZERO {
        return Err(LogError::damaged("its first record names one before it"));
    }
    Ok(())
}
