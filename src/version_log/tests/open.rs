//! Making and opening an index, and every way in which that can fail.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ffi};

use super::helper::{Chain, Folder, position, small_log};
use crate::disk::{Dir, RootOf};
use crate::version_log::schema::{self, APPLICATION_ID};
use crate::version_log::{LogError, VersionLog, connection, place::Place};

/// What an error is, without its words.
pub fn name(error: &LogError) -> &'static str {
    match error {
        LogError::NotFound => "NotFound",
        LogError::AlreadyExists => "AlreadyExists",
        LogError::NotRegular { .. } => "NotRegular",
        LogError::TooNew { .. } => "TooNew",
        LogError::Damaged { .. } => "Damaged",
        LogError::NotNext { .. } => "NotNext",
        LogError::Replaced => "Replaced",
        LogError::Busy(_) => "Busy",
        LogError::ReadOnly(_) => "ReadOnly",
        LogError::Full(_) => "Full",
        LogError::Io(_) => "Io",
        LogError::Other(_) => "Other",
    }
}

fn open_error(folder: &Folder) -> &'static str {
    let read_only = VersionLog::open_read_only(&folder.dir).map(|_| ()).unwrap_err();
    let error = folder.open().map(|_| ()).unwrap_err();
    assert_eq!(name(&error), name(&read_only), "{error} / {read_only}");
    name(&error)
}

#[test]
fn the_library_is_one_without_the_bug_that_corrupts_logs() {
    assert!(rusqlite::version_number() >= 3_053_000, "{}", rusqlite::version());
}

#[test]
fn a_missing_index_is_not_found() {
    assert_eq!(open_error(&Folder::new()), "NotFound");
}

#[test]
fn an_index_is_made_once() {
    let folder = Folder::new();
    let mut log = VersionLog::create(&folder.dir).unwrap();
    log.append(&small_log(), position(5)).unwrap();
    assert!(matches!(VersionLog::create(&folder.dir), Err(LogError::AlreadyExists)));
    assert_eq!(folder.open().unwrap().head().unwrap(), log.head().unwrap());
    assert_eq!(VersionLog::open_read_only(&folder.dir).unwrap().head().unwrap(), log.head().unwrap());
}

#[test]
fn all_files_are_for_their_owner_alone() {
    let folder = Folder::with(&small_log());
    let _log = folder.open().unwrap();
    let mut names: Vec<_> = folder.dir.names().unwrap();
    names.sort();
    assert_eq!(names, ["index.db", "index.db-shm", "index.db-wal"]);
    for name in names {
        let mode = std::fs::metadata(folder.temp.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{}", name.display());
    }
}

#[test]
fn odd_paths_are_no_obstacle() {
    let folder = Folder::new();
    for odd in [&b"file:x?mode=memory#%41"[..], b"\xff\xfe", b"with space and '\""] {
        let real = folder.temp.path().join(OsStr::from_bytes(odd));
        std::fs::create_dir(&real).unwrap();
        let link = folder.path("link");
        symlink(&real, &link).unwrap();
        let dir = Dir::open(&link, RootOf::UserPath).unwrap();
        VersionLog::create(&dir).unwrap().append(&small_log(), position(5)).unwrap();
        // The handle counts, wherever the link points by now.
        std::fs::remove_file(&link).unwrap();
        assert_eq!(VersionLog::open(&dir).unwrap().head().unwrap().sequence, 5);
        assert_eq!(VersionLog::open_read_only(&dir).unwrap().head().unwrap().sequence, 5);
        assert!(real.join("index.db").exists());
    }
}

#[test]
fn only_regular_files_are_opened() {
    for file in ["index.db", "index.db-wal", "index.db-shm"] {
        let folder = Folder::with(&small_log());
        let away = folder.path("away");
        std::fs::rename(folder.path(file), &away).unwrap();
        symlink(&away, folder.path(file)).unwrap();
        assert_eq!(open_error(&folder), "NotRegular");
        std::fs::remove_file(folder.path(file)).unwrap();
        std::fs::create_dir(folder.path(file)).unwrap();
        assert_eq!(open_error(&folder), "NotRegular");
        std::fs::remove_dir(folder.path(file)).unwrap();
        rustix::fs::mknodat(&folder.dir, file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        assert_eq!(open_error(&folder), "NotRegular");
    }
}

#[test]
fn a_rollback_journal_is_never_played() {
    let folder = Folder::with(&small_log());
    folder.write_back();
    std::fs::write(folder.path("index.db-journal"), b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7").unwrap();
    assert_eq!(open_error(&folder), "Damaged");
    assert!(folder.path("index.db-journal").exists());
}

#[test]
fn other_schema_versions_are_told_apart() {
    for (version, expected) in
        [(i64::from(i32::MAX), "TooNew"), (4, "TooNew"), (2, "Damaged"), (1, "Damaged"), (0, "Damaged"), (-1, "Damaged")]
    {
        let folder = Folder::with(&small_log());
        folder.open().unwrap().conn.pragma_update(None, "user_version", version).unwrap();
        assert_eq!(open_error(&folder), expected, "{version}");
    }
}

#[test]
fn other_files_are_damaged() {
    let contents: [&[u8]; 4] = [b"", b"SQLite format 3\0", b"no database at all", &[0xa5; 8192]];
    for content in contents {
        let folder = Folder::new();
        std::fs::write(folder.path("index.db"), content).unwrap();
        assert_eq!(open_error(&folder), "Damaged");
    }
    let folder = Folder::with(&small_log());
    folder.open().unwrap().conn.pragma_update(None, "application_id", APPLICATION_ID + 1).unwrap();
    assert_eq!(open_error(&folder), "Damaged");
}

#[test]
fn connections_are_hardened() {
    let folder = Folder::with(&small_log());
    let logs = [folder.open(), VersionLog::open_read_only(&folder.dir), VersionLog::in_memory()];
    for conn in logs.map(|log| log.unwrap().conn) {
        assert!(conn.db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE).unwrap());
        assert!(conn.db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE).unwrap());
        for off in
            [DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW]
        {
            assert!(!conn.db_config(off).unwrap(), "{off:?}");
        }
        let number = |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((number("cell_size_check"), number("trusted_schema"), number("application_id")), (1, 0, i64::from(APPLICATION_ID)));
        assert!(conn.query_row("SELECT load_extension('x')", [], |_| Ok(())).is_err());
    }
    let conn = folder.open().unwrap().conn;
    assert_eq!(conn.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap(), 1);
    assert_eq!(conn.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)).unwrap(), "wal");
    assert_eq!(conn.pragma_query_value(None, "busy_timeout", |row| row.get::<_, i64>(0)).unwrap(), crate::limits::SQLITE_BUSY_MS as i64);
}

#[test]
fn a_writer_that_is_in_the_way_is_busy() {
    let folder = Folder::with(&small_log());
    let holder = folder.open().unwrap();
    holder.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut log = folder.open().unwrap();
    log.conn.busy_timeout(Duration::from_millis(1)).unwrap();
    assert!(matches!(log.append(&[], position(1)), Err(LogError::Busy(_))));
    assert_eq!(log.head().unwrap().sequence, 5, "readers do not wait for writers");
    holder.conn.execute_batch("ROLLBACK").unwrap();
    log.append(&[], position(1)).unwrap();
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was() {
    let folder = Folder::with(&small_log());
    let mut log = folder.open().unwrap();
    let pages: i64 = log.conn.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    log.conn.pragma_update(None, "max_page_count", pages).unwrap();
    let mut chain = Chain::after(&log.head().unwrap());
    let records: Vec<_> = (0..100).map(|_| chain.version(&"x".repeat(1000))).collect();
    assert!(matches!(log.append(&records, position(9)), Err(LogError::Full(_))));
    assert_eq!(log.head().unwrap().sequence, 5);
    log.conn.pragma_update(None, "max_page_count", 1 << 30).unwrap();
    log.append(&records, position(9)).unwrap();
    log.verify().unwrap();
}

#[test]
fn a_log_opened_for_reading_cannot_be_appended_to() {
    let folder = Folder::with(&small_log());
    let mut log = VersionLog::open_read_only(&folder.dir).unwrap();
    assert!(matches!(log.append(&[], position(1)), Err(LogError::ReadOnly(_))));
}

#[test]
fn errors_of_sqlite_are_sorted_by_what_can_be_done() {
    let cases = [
        (ffi::SQLITE_CORRUPT, "Damaged"),
        (ffi::SQLITE_CORRUPT_INDEX, "Damaged"),
        (ffi::SQLITE_NOTADB, "Damaged"),
        (ffi::SQLITE_ERROR, "Damaged"),
        (ffi::SQLITE_IOERR_CORRUPTFS, "Damaged"),
        (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, "Damaged"),
        (ffi::SQLITE_BUSY, "Busy"),
        (ffi::SQLITE_BUSY_RECOVERY, "Busy"),
        (ffi::SQLITE_LOCKED, "Busy"),
        (ffi::SQLITE_PROTOCOL, "Busy"),
        (ffi::SQLITE_READONLY, "ReadOnly"),
        (ffi::SQLITE_READONLY_DIRECTORY, "ReadOnly"),
        (ffi::SQLITE_READONLY_DBMOVED, "Replaced"),
        (ffi::SQLITE_FULL, "Full"),
        (ffi::SQLITE_IOERR_SHMSIZE, "Full"),
        (ffi::SQLITE_IOERR_FSYNC, "Io"),
        (ffi::SQLITE_CANTOPEN, "Io"),
        (ffi::SQLITE_PERM, "Io"),
        (ffi::SQLITE_CANTOPEN_SYMLINK, "NotRegular"),
        (ffi::SQLITE_NOMEM, "Other"),
        (ffi::SQLITE_MISUSE, "Other"),
    ];
    for (code, expected) in cases {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        assert_eq!(name(&error.into()), expected, "{code}");
    }
}

#[test]
fn an_older_schema_grows() {
    const OLD: schema::Steps = &[&[schema::SchemaObject::table("head", "CREATE TABLE head(content BLOB)")]];
    const NEW: schema::Steps = &[
        &[schema::SchemaObject::table("head", "CREATE TABLE head(content BLOB)")],
        &[schema::SchemaObject::table("more", "CREATE TABLE more(x)")],
    ];
    let mut conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("CREATE TABLE head(content BLOB); PRAGMA user_version=1").unwrap();
    conn.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    assert_eq!(schema::inspect(&conn, OLD).unwrap(), 1);
    assert_eq!(schema::inspect(&conn, NEW).unwrap(), 1);
    schema::upgrade(&mut conn, NEW).unwrap();
    assert_eq!(schema::inspect(&conn, NEW).unwrap(), 2);
    schema::upgrade(&mut conn, NEW).unwrap();
    assert!(matches!(schema::inspect(&conn, OLD), Err(LogError::TooNew { found: 2, known: 1 })));
}

#[test]
fn a_failed_creation_leaves_nothing() {
    let folder = Folder::new();
    // The write-ahead log of the new database cannot be made.
    std::fs::create_dir(folder.path("index.db-wal")).unwrap();
    assert!(VersionLog::create(&folder.dir).is_err());
    assert!(!folder.path("index.db").exists());
    let place = Place::new(&folder.dir, "index.db");
    assert!(matches!(connection::open(&place), Err(LogError::NotFound)));
}
