//! Going on from an earlier record: those behind it stay in the log and count no more.

use rusqlite::{Connection, params};

use super::error::LogError;
use super::head::LogHead;
use super::mark_table;
use super::row::{self, BLOBS_BYTES_MAX, LogRow, select_rows, stored};
use crate::format::record::{Record, RecordBody, SupersedeRecord};

/// Takes back what the records behind `body.kept` did. Costs a look at every record of the log.
pub(super) fn supersede(conn: &Connection, body: &SupersedeRecord, sequence: u64) -> Result<(), LogError> {
    let refuse = |why| Err(LogError::refused(sequence, why));
    let rows = all_rows(conn)?;
    if body.kept > 0 && !rows.iter().any(|row| row.record.sequence == body.kept && !row.is_superseded) {
        return refuse("it goes on from an entry that counts no more");
    }
    let mut at_kept = LogHead::EMPTY;
    mark_table::clear(conn)?;
    for row in rows.iter().filter(|row| !row.is_superseded) {
        if row.record.sequence > body.kept {
            row::mark_superseded(conn, row, sequence)?;
            continue;
        }
        if row.deleted_by.is_some_and(|by| by > body.kept) {
            row::mark_deleted(conn, row, None)?;
        }
        match &row.record.body {
            RecordBody::Version(version) => (at_kept.newest, at_kept.active) = (Some(version.number), Some(version.number)),
            RecordBody::Promote(number) => at_kept.active = Some(*number),
            _ => {}
        }
        mark_table::add(conn, &row.record)?;
    }
    if (at_kept.newest, at_kept.active) != (body.newest, body.active) {
        return refuse("it does not tell the state that it goes on from");
    }
    Ok(())
}

fn all_rows(conn: &Connection) -> Result<Vec<LogRow>, LogError> {
    let mut statement = conn.prepare_cached(select_rows!("TRUE ORDER BY sequence"))?;
    let mut rows = statement.query(params![BLOBS_BYTES_MAX])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(LogRow::read(row)?);
    }
    Ok(all)
}

/// The records that count and stand behind another one, in order.
pub(super) fn counting_behind(conn: &Connection, sequence: u64) -> Result<Vec<Record>, LogError> {
    let transaction = conn.unchecked_transaction()?;
    let mut statement = transaction.prepare_cached(select_rows!("sequence > ?2 ORDER BY sequence"))?;
    let mut rows = statement.query(params![BLOBS_BYTES_MAX, stored(sequence)?])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let row = LogRow::read(row)?;
        if !row.is_superseded && !matches!(row.record.body, RecordBody::Supersede(_)) {
            found.push(row.record);
        }
    }
    Ok(found)
}

/// Which records a log says are superseded, held against those that say so.
#[derive(Default)]
pub(super) struct Accounts {
    /// The last record that counts and the record that supersedes, of each that does.
    ranges: Vec<(u64, u64)>,
    /// Records that count no more, and by which they are superseded.
    superseded: Vec<(u64, Option<u64>)>,
}

impl Accounts {
    pub(super) fn take(&mut self, row: &LogRow) {
        let sequence = row.record.sequence;
        if row.is_superseded {
            self.superseded.push((sequence, row.deleted_by));
        }
        if let RecordBody::Supersede(body) = &row.record.body {
            self.ranges.push((body.kept, sequence));
        }
    }

    /// Whether exactly those records are superseded that should be, each by the first that supersedes it.
    pub(super) fn add_up(&self, last: u64) -> bool {
        let by = |sequence: u64| self.ranges.iter().find(|(kept, own)| *kept < sequence && sequence < *own).map(|(_, own)| *own);
        let expected = (1..=last).filter_map(|sequence| by(sequence).map(|own| (sequence, Some(own))));
        if self.ranges.is_empty() { self.superseded.is_empty() } else { expected.eq(self.superseded.iter().copied()) }
    }
}
