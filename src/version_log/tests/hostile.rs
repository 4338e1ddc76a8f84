//! A prepared index, made by somebody who knows SQLite well.

use rusqlite::{Connection, params};

use super::helper::{Chain, Folder, position, small_log};
use crate::format::record::VersionNumber;
use crate::version_log::{LogError, VersionLog};

/// A folder whose index was worked on with these statements, as anybody may with a tool of his own.
fn prepared(sql: &str) -> Folder {
    let folder = Folder::with(&small_log());
    edit(&folder).execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    folder
}

fn edit(folder: &Folder) -> Connection {
    let conn = Connection::open(folder.path("index.db")).unwrap();
    conn.execute_batch("PRAGMA writable_schema=ON").unwrap();
    conn
}

fn is_damaged<T>(result: Result<T, LogError>) -> bool {
    matches!(result, Err(LogError::Damaged { .. }))
}

#[test]
fn any_other_schema_is_refused() {
    let prepared_by = [
        "CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM log; END",
        "CREATE TRIGGER t AFTER UPDATE ON head BEGIN DELETE FROM log; END",
        "CREATE VIEW v AS SELECT * FROM log",
        "CREATE TABLE more(x)",
        "CREATE INDEX more ON log(id)",
        "CREATE VIRTUAL TABLE more USING fts5(x)",
        "DROP INDEX log_version",
        "DROP INDEX log_version; CREATE UNIQUE INDEX log_version ON log(version)",
        "DROP TABLE head",
        "ALTER TABLE log ADD COLUMN more ANY",
        "ALTER TABLE log RENAME TO log2; CREATE VIEW log AS SELECT * FROM log2 WHERE sequence < 5",
        "ALTER TABLE head RENAME TO head2; CREATE VIEW head AS SELECT * FROM head2",
        "ALTER TABLE head RENAME TO head2; CREATE VIRTUAL TABLE head USING fts5(one, content)",
        "UPDATE sqlite_schema SET sql = replace(sql, 'deleted_by INTEGER', 'deleted_by INTEGER DEFAULT (abs(-1))') WHERE name = 'log'",
        "UPDATE sqlite_schema SET sql = replace(sql, 'version INTEGER', 'version INTEGER AS (7)') WHERE name = 'log'",
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE log(' WHERE name = 'log'",
        "UPDATE sqlite_schema SET type = 'view' WHERE name = 'head'",
        "UPDATE sqlite_schema SET name = 'log3' WHERE name = 'log_version'",
        "ANALYZE",
    ];
    for sql in prepared_by {
        let folder = prepared(sql);
        assert!(is_damaged(folder.open()), "{sql}");
        assert!(is_damaged(VersionLog::open_read_only(&folder.dir)), "{sql}");
    }
}

#[test]
fn altered_rows_are_noticed_where_they_are_read() {
    // What is read, and whether the opening reads it already.
    let altered = [
        ("UPDATE log SET record = zeroblob(200) WHERE sequence = 5", true),
        ("UPDATE log SET id = zeroblob(32) WHERE sequence = 5", true),
        ("DELETE FROM log WHERE sequence = 5", true),
        ("DELETE FROM log", true),
        ("DELETE FROM head", true),
        ("UPDATE head SET content = zeroblob(76)", true),
        ("UPDATE head SET content = zeroblob(3000000)", true),
        ("UPDATE log SET sequence = 6 WHERE sequence = 5", true),
        ("INSERT INTO log SELECT 6, id, record, version, deleted_by, seal FROM log WHERE sequence = 5", true),
        ("UPDATE log SET record = zeroblob(3000000) WHERE sequence = 5", true),
        ("UPDATE log SET seal = zeroblob(8) WHERE sequence = 5", true),
        ("UPDATE log SET deleted_by = 4 WHERE sequence = 5", true),
        ("UPDATE log SET deleted_by = NULL WHERE sequence = 2", false),
        ("UPDATE log SET deleted_by = 4 WHERE sequence = 2", false),
        ("UPDATE log SET deleted_by = 0 WHERE sequence = 1", false),
        ("UPDATE log SET deleted_by = 5 WHERE sequence = 1", false),
        ("UPDATE log SET record = zeroblob(200) WHERE sequence = 2", false),
        ("UPDATE log SET record = zeroblob(3000000) WHERE sequence = 2", false),
        ("DELETE FROM log WHERE sequence = 2", false),
        ("UPDATE log SET version = 7 WHERE sequence = 2", false),
        ("UPDATE log SET version = -2 WHERE sequence = 2", false),
        ("UPDATE log SET version = NULL WHERE sequence = 2", false),
        (
            "DELETE FROM log WHERE sequence = 2; INSERT INTO log SELECT 2, id, record, 2, deleted_by, seal FROM log WHERE sequence = 1",
            false,
        ),
    ];
    for (sql, at_once) in altered {
        let folder = prepared(sql);
        let log = folder.open();
        assert_eq!(is_damaged(log.as_ref().map_err(|error| LogError::damaged(error.to_string()))), at_once, "{sql}");
        let Ok(log) = log else { continue };
        assert!(is_damaged(log.versions_newest_first(None)), "{sql}");
        assert!(is_damaged(log.promotions(None)), "{sql}");
        assert!(is_damaged(log.verify()), "{sql}");
        let numbers = [1, 2, 3].map(VersionNumber);
        assert!(numbers.iter().any(|&number| is_damaged(log.version(number))), "{sql}");
        assert_eq!(log.newest_version().unwrap().unwrap().record.number, VersionNumber(3), "what is whole is still read");
    }
}

#[test]
fn a_false_mark_of_deletion_with_a_true_seal_is_noticed_by_verify() {
    let records = small_log();
    let other = {
        let mut chain = Chain::new();
        let mut log = VersionLog::in_memory().unwrap();
        let mut others = chain.versions(3);
        others.push(chain.promote(1));
        others.push(chain.delete(3));
        log.append(&others, position(5)).unwrap();
        log
    };
    assert_eq!(records[2], small_log()[2]);
    let folder = Folder::with(&records);
    // The row of version 3 with the mark that it has in another log.
    let seal: Vec<u8> = other.conn.query_row("SELECT seal FROM log WHERE sequence = 3", [], |row| row.get(0)).unwrap();
    edit(&folder).execute("UPDATE log SET deleted_by = 5, seal = ?1 WHERE sequence = 3", params![seal]).unwrap();
    assert!(is_damaged(folder.open().unwrap().verify()));
}

#[test]
fn statistics_cannot_be_prepared() {
    let folder = prepared("CREATE TABLE sqlite_stat9(x)");
    assert!(is_damaged(folder.open()));
}
