//! A new index from records, in place of the one that is there.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use super::NAME;
use super::error::LogError;
use super::head::LogPosition;
use super::place::{NAME_KEPT, Place};
use super::{append, connection, verify};
use crate::disk::Dir;
use crate::format::record::Record;

/// Records that are added in one transaction while a new index is filled: bounds the memory.
const BATCH_RECORDS: usize = 1024;

/// A database under a temporary name, removed again unless it is put in place.
struct Draft {
    place: Place,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What stays is swept at the next start.
        let _ = self.place.remove();
    }
}

/// Writes a new index of these records and puts it in place.
pub(super) fn rebuild(dir: &Dir, tmp: &Dir, records: impl Iterator<Item = Record>, applied: LogPosition) -> Result<(), LogError> {
    let draft = make_draft(tmp)?;
    let mut conn = connection::create(&draft.place)?;
    fill(&mut conn, records, applied)?;
    verify::verify(&conn)?;
    close_whole(conn)?;
    draft.place.sync_data()?;
    put_in_place(&draft.place, dir)
}

fn make_draft(tmp: &Dir) -> Result<Draft, LogError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let process = rustix::process::getpid().as_raw_nonzero();
    loop {
        let place = Place::new(tmp, format!("index-{process}-{}.db", COUNTER.fetch_add(1, Ordering::Relaxed)));
        match place.make() {
            // Left by a process of the same number that was killed.
            Err(LogError::AlreadyExists) => continue,
            made => return made.map(|()| Draft { place }),
        }
    }
}

fn fill(conn: &mut Connection, mut records: impl Iterator<Item = Record>, applied: LogPosition) -> Result<(), LogError> {
    loop {
        let batch: Vec<Record> = records.by_ref().take(BATCH_RECORDS).collect();
        append::append(conn, &batch, applied)?;
        if batch.len() < BATCH_RECORDS {
            return Ok(());
        }
    }
}

/// Closes a connection that [`connection::create`] made, so that the one file holds everything.
fn close_whole(conn: Connection) -> Result<(), LogError> {
    // Done here as well as when it closes, because closing does not say when this fails.
    if !append::write_back(&conn)? {
        return Err(LogError::damaged("a new index is in use"));
    }
    connection::close(conn)
}

/// Puts a whole, durable database in the place of the index.
///
/// SQLite finds the write-ahead log of a database by name alone: a log that lies beside a database is played into it,
/// whether it belongs there or not. Hence the order:
///
/// 1. The old index gets its other name. From here on nobody opens it, so nobody begins to use its write-ahead log.
/// 2. The old write-ahead log and the shared memory are removed. Those who have them open keep them, and the old index.
/// 3. The folder is made durable, so that not even a power cut can bring the old log back once step 4 is done.
/// 4. The new index gets its name. It comes without a log.
///
/// Interrupted at any point, there is either no index (which is [`LogError::NotFound`], and whoever makes one removes
/// what lies beside it first) or the whole new one without a log.
fn put_in_place(draft: &Place, dir: &Dir) -> Result<(), LogError> {
    let index = Place::new(dir, NAME);
    index.rename_to(&Place::new(dir, NAME_KEPT))?;
    index.remove_companions()?;
    dir.sync()?;
    draft.rename_to(&index)?;
    Ok(dir.sync()?)
}
