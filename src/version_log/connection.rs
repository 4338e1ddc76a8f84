//! Connections to the index: opened so that a prepared database can do no harm, and checked before they are used.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, FileControl, MAIN_DB, OpenFlags};

use super::error::{Cause, LogError};
use super::place::Place;
use super::{row, schema};
use crate::disk::DiskError;
use crate::limits::SQLITE_BUSY_MS;

/// Size of a page of the database in bytes. A commit of one record touches three pages and writes them whole, and each open
/// reads what the write-ahead log has gathered, so smaller pages are quicker there; larger ones are when all rows are read.
const PAGE_BYTES: u32 = 2048;

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Read and write.
    Write,
    /// Read, while others write.
    Read,
    /// Read the database file alone, without locks and without the write-ahead log.
    ReadImmutable,
}

/// Opens a database for reading and writing and checks it; one of an older schema is brought up to date.
pub(super) fn open(place: &Place) -> Result<Connection, LogError> {
    let mut conn = open_as(place, Access::Write)?;
    if check(&conn)? < schema::STEPS.len() {
        schema::upgrade(&mut conn, schema::STEPS)?;
    }
    Ok(conn)
}

/// Opens a database for reading and checks it.
pub(super) fn open_read_only(place: &Place) -> Result<Connection, LogError> {
    match open_to_read(place, Access::Read) {
        // The files that readers and writers share are not there and cannot be made.
        Err(LogError::Io(Cause::Sqlite(error)) | LogError::ReadOnly(Cause::Sqlite(error))) if is_cannot_open(&error) => {
            open_immutable(place)
        }
        opened => opened,
    }
}

/// Opens the database file alone and checks it.
pub(super) fn open_immutable(place: &Place) -> Result<Connection, LogError> {
    open_to_read(place, Access::ReadImmutable)
}

fn open_to_read(place: &Place, access: Access) -> Result<Connection, LogError> {
    let conn = open_as(place, access)?;
    if check(&conn)? < schema::STEPS.len() {
        let error = DiskError::new("bring up to date", place.path()?, std::io::ErrorKind::ReadOnlyFilesystem);
        return Err(LogError::ReadOnly(error.into()));
    }
    Ok(conn)
}

fn is_cannot_open(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Makes the tables in a database file that is there and empty.
///
/// # Durability
/// None. Once the connection is closed without an error everything is in the one file.
pub(super) fn create(place: &Place) -> Result<Connection, LogError> {
    let mut conn = open_as(place, Access::Write)?;
    // With a journal in memory the one page that must be written before there can be a write-ahead log needs no journal file.
    conn.execute_batch(&format!("PRAGMA synchronous=OFF; PRAGMA page_size={PAGE_BYTES}; PRAGMA journal_mode=MEMORY"))?;
    let mode: String = conn.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let error = DiskError::new("make a write-ahead log for", place.path()?, std::io::ErrorKind::Unsupported);
        return Err(error.into());
    }
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    schema::create(&mut conn)?;
    Ok(conn)
}

/// Makes the tables in a new database in memory.
pub(super) fn in_memory() -> Result<Connection, LogError> {
    let mut conn = Connection::open_in_memory_with_flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    harden(&conn)?;
    schema::create(&mut conn)?;
    Ok(conn)
}

/// Closes a connection, which a mere drop does as well but without saying what failed.
pub(super) fn close(conn: Connection) -> Result<(), LogError> {
    conn.close().map_err(|(_, error)| error.into())
}

/// Whether the file that was opened is no longer the one of its name. A database in memory never moves.
pub(super) fn has_moved(conn: &Connection) -> Result<bool, LogError> {
    let mut moved = 0;
    match conn.file_control(Some(MAIN_DB), FileControl::HasMoved(&mut moved)) {
        Ok(()) => Ok(moved != 0),
        // There is no file to ask about.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotFound) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn open_as(place: &Place, access: Access) -> Result<Connection, LogError> {
    place.check()?;
    let path = place.path()?;
    // No component of the path may be a link, and a connection is used by one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = match access {
        Access::Write => Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE),
        Access::Read => Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY),
        Access::ReadImmutable => {
            Connection::open_with_flags(immutable_uri(&path), flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
        }
    };
    // A rebuild may have moved the file away since it was looked at.
    let conn = conn.or_else(|error| place.check().and(Err(error.into())))?;
    harden(&conn)?;
    conn.busy_timeout(Duration::from_millis(SQLITE_BUSY_MS))?;
    Ok(conn)
}

/// Settings that come before the first look into the file. They cost no access to it.
fn harden(conn: &Connection) -> Result<(), LogError> {
    use DbConfig::*;
    let settings = [
        (SQLITE_DBCONFIG_DEFENSIVE, true),
        (SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (SQLITE_DBCONFIG_DQS_DML, false),
        (SQLITE_DBCONFIG_DQS_DDL, false),
        (SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
        (SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
        // The last to close would otherwise write the log back, wait for the disk and remove the shared files, each time.
        (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    ];
    for (setting, on) in settings {
        conn.set_db_config(setting, on)?;
    }
    conn.execute_batch("PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY")?;
    Ok(())
}

/// Checks a database that was just opened, and gives its schema version.
fn check(conn: &Connection) -> Result<usize, LogError> {
    let checked = check_content(conn);
    // A rebuild moves the old file away before anything else, so a file that is still in its place was read together with
    // the write-ahead log that belongs to it. Otherwise whatever was found says nothing.
    if has_moved(conn)? { Err(LogError::Replaced) } else { checked }
}

fn check_content(conn: &Connection) -> Result<usize, LogError> {
    // NORMAL: a commit does not wait for the disk, see the module's description. Cannot be set inside of a transaction.
    conn.execute_batch("PRAGMA synchronous=NORMAL")?;
    // One transaction, so that all is read of one state, and the locks are taken once.
    let transaction = conn.unchecked_transaction()?;
    let version = schema::inspect(&transaction, schema::STEPS)?;
    row::read_head(&transaction)?;
    Ok(version)
}

/// The path as a URI that says that nobody changes the file. All of it is escaped.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        // Writing to a string cannot fail.
        _ = write!(uri, "%{byte:02X}");
    }
    uri.push_str("?immutable=1");
    uri
}
