//! The tables of the index, and how an index of an older program becomes one of this program.
//!
//! The schema only grows: a step adds tables and indexes and never changes what an earlier step made. So what an index
//! of any version must look like is known to the letter, and one that looks otherwise is refused before it is used: a
//! trigger, a view or an altered table in a prepared index has no effect.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::LogError;
use super::head::LogHead;

/// Marks the file as ours, in SQLite's header: `luaV`.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"luaV");

/// One table or index, as `sqlite_schema` lists it.
#[derive(Debug)]
pub(super) struct SchemaObject {
    kind: &'static str,
    name: &'static str,
    table: &'static str,
    /// The statement that makes it, which SQLite keeps as it was written.
    sql: &'static str,
}

impl SchemaObject {
    /// A table and the statement that makes it.
    pub const fn table(name: &'static str, sql: &'static str) -> Self {
        Self { kind: "table", name, table: name, sql }
    }

    /// An index of a table and the statement that makes it.
    pub const fn index(name: &'static str, table: &'static str, sql: &'static str) -> Self {
        Self { kind: "index", name, table, sql }
    }
}

/// What each schema version adds to the one before it. The number of steps is the schema version.
pub(super) type Steps = &'static [&'static [SchemaObject]];

/// The steps up to this program.
pub(super) const STEPS: Steps = &[&RECORDS, &MARKS, &OTHERS];

/// The records and what follows from them.
const RECORDS: [SchemaObject; 3] = [
    // `record` is the truth of a row. `id` is its hash. `version` is the number of the version that the record makes, for
    // looking it up. `deleted_by` is the sequence of the record that deletes this version; `seal` protects it.
    SchemaObject::table(
        "log",
        "CREATE TABLE log(sequence INTEGER PRIMARY KEY, id BLOB NOT NULL, record BLOB NOT NULL, version INTEGER, deleted_by INTEGER, seal BLOB NOT NULL) STRICT",
    ),
    SchemaObject::index("log_version", "log", "CREATE UNIQUE INDEX log_version ON log(version) WHERE version IS NOT NULL"),
    // One row: see `LogHead::encode`.
    SchemaObject::table("head", "CREATE TABLE head(one INTEGER PRIMARY KEY CHECK(one = 1), content BLOB NOT NULL) STRICT"),
];

/// The marks of versions as they stand: see `marks`. The numbers are those of versions and of the records that made the marks.
const MARKS: [SchemaObject; 3] = [
    SchemaObject::table(
        "label",
        "CREATE TABLE label(name TEXT PRIMARY KEY, version INTEGER NOT NULL, sequence INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    ),
    SchemaObject::table(
        "mark",
        "CREATE TABLE mark(version INTEGER PRIMARY KEY, pinned_by INTEGER, checked_by INTEGER, passed INTEGER NOT NULL) STRICT",
    ),
    // One row, or none before the first mark: see `MarkSums::encode`.
    SchemaObject::table("mark_sum", "CREATE TABLE mark_sum(one INTEGER PRIMARY KEY CHECK(one = 1), content BLOB NOT NULL) STRICT"),
];

/// The records that make no version, which are few: whoever looks for one of them need not read all the others.
const OTHERS: [SchemaObject; 1] =
    [SchemaObject::index("log_other", "log", "CREATE INDEX log_other ON log(sequence) WHERE version IS NULL")];

/// Makes all tables in an empty database, with the head of an empty log.
pub(super) fn create(conn: &mut Connection) -> Result<(), LogError> {
    let transaction = Transaction::new(conn, TransactionBehavior::Immediate)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    add_steps(&transaction, STEPS, 0)?;
    transaction.execute("INSERT INTO head(one, content) VALUES (1, ?1)", [LogHead::EMPTY.encode()])?;
    transaction.commit()?;
    Ok(())
}

/// Checks that the database is an index of these steps or of the first of them, and gives its schema version.
///
/// # Errors
/// [`LogError::TooNew`], and [`LogError::Damaged`] for anything that is not exactly what these steps make.
pub(super) fn inspect(conn: &Connection, steps: Steps) -> Result<usize, LogError> {
    let application_id: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application_id != APPLICATION_ID {
        return Err(LogError::damaged("it is no index of a version log, or was not finished"));
    }
    let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = steps.len() as i64;
    if found > known {
        return Err(LogError::TooNew { found, known });
    }
    if found < 1 {
        return Err(LogError::damaged("it has no schema version"));
    }
    let version = found as usize;
    compare(conn, steps[..version].iter().copied().flatten())?;
    Ok(version)
}

/// Brings an index of an older schema version up to these steps; others wait meanwhile.
pub(super) fn upgrade(conn: &mut Connection, steps: Steps) -> Result<(), LogError> {
    let transaction = Transaction::new(conn, TransactionBehavior::Immediate)?;
    // Looked at again under the lock: another process may have been faster.
    let version = inspect(&transaction, steps)?;
    add_steps(&transaction, steps, version)?;
    transaction.commit()?;
    Ok(())
}

fn add_steps(conn: &Connection, steps: Steps, from: usize) -> Result<(), LogError> {
    for object in steps[from..].iter().copied().flatten() {
        conn.execute_batch(object.sql)?;
    }
    conn.pragma_update(None, "user_version", steps.len() as i64)?;
    Ok(())
}

fn compare<'a>(conn: &Connection, mut expected: impl Iterator<Item = &'a SchemaObject>) -> Result<(), LogError> {
    let mut statement = conn.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text = |column| row.get_ref(column).ok().and_then(|value| value.as_str().ok());
        let matches = expected.next().is_some_and(|object| {
            [object.kind, object.name, object.table, object.sql]
                .into_iter()
                .enumerate()
                .all(|(column, wanted)| text(column) == Some(wanted))
        });
        if !matches {
            return Err(LogError::damaged("its tables are not those of this program"));
        }
    }
    match expected.next() {
        None => Ok(()),
        Some(missing) => Err(LogError::damaged(format!("it has no {} {}", missing.kind, missing.name))),
    }
}
