//! Labels, pins, checks and prunes: what stands, and what is noticed when it was tampered with.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::helper::{Chain, Folder, chain_check, marked_log, position, small_log};
use crate::format::record::{LabelRecord, PruneRecord, Record, RecordBody, VersionNumber};
use crate::version_log::schema::STEPS;
use crate::version_log::{LabelMark, LogError, Marks, VersionLog, VersionMarks};

fn log_of(records: &[Record]) -> VersionLog {
    let mut log = VersionLog::in_memory().unwrap();
    log.append(records, position(records.len())).unwrap();
    log
}

fn numbers(numbers: &[u64]) -> Vec<VersionNumber> {
    numbers.iter().copied().map(VersionNumber).collect()
}

#[test]
fn the_last_word_counts() {
    let log = log_of(&marked_log());
    let marks = log.marks().unwrap();
    let label = |version, sequence| LabelMark { version: VersionNumber(version), sequence };
    assert_eq!(marks.labels, BTreeMap::from([("first".to_owned(), label(1, 17)), ("stable".to_owned(), label(3, 7))]));
    let pinned = VersionMarks { pinned_by: Some(9), ..VersionMarks::default() };
    let passed = VersionMarks { checked_by: Some(11), passed: true, ..VersionMarks::default() };
    let failed = VersionMarks { checked_by: Some(13), ..VersionMarks::default() };
    assert_eq!(marks.versions, BTreeMap::from([(VersionNumber(1), pinned), (VersionNumber(3), passed), (VersionNumber(5), failed)]));
    assert_eq!(marks.pinned().collect::<Vec<_>>(), numbers(&[1]));
    assert_eq!([3, 5, 1].map(|number| marks.passed(VersionNumber(number))), [Some(true), Some(false), None]);
    assert_eq!(log.labelled("stable").unwrap(), Some(VersionNumber(3)));
    assert_eq!((log.labelled("old").unwrap(), log.labelled("Stable").unwrap()), (None, None));
    let check = log.last_check(VersionNumber(5)).unwrap().unwrap();
    assert_eq!((check.record.output.as_str(), check.sequence), ("1 failed", 13));
    assert_eq!(log.last_check(VersionNumber(1)).unwrap(), None);
    log.verify().unwrap();
}

#[test]
fn pruned_versions_are_deleted_for_a_reason() {
    let mut records = marked_log();
    let mut chain = Chain::after(&log_of(&records).head().unwrap());
    records.push(chain.delete(3));
    let log = log_of(&records);
    let deleted: Vec<u64> =
        log.versions_newest_first(None).unwrap().into_iter().filter(|row| row.deleted).map(|row| row.record.number.0).collect();
    assert_eq!(deleted, [4, 3, 2]);
    let reasons = |first, last| log.prune_reasons(VersionNumber(first), VersionNumber(last)).unwrap().into_keys().collect::<Vec<_>>();
    assert_eq!(reasons(1, 5), numbers(&[2, 4]));
    assert_eq!(reasons(3, 5), numbers(&[4]));
    assert!(reasons(5, 5).is_empty());
    log.verify().unwrap();
}

#[test]
fn marks_name_living_versions() {
    let mut log = log_of(&marked_log());
    let chain = Chain::after(&log.head().unwrap());
    let label = |version| RecordBody::Label(LabelRecord { version: VersionNumber(version), name: "x".into() });
    let prune = |versions: &[u64]| RecordBody::Prune(PruneRecord { versions: numbers(versions), reason: "x".into() });
    for body in [label(6), label(0), RecordBody::Pin(VersionNumber(6)), RecordBody::Unpin(VersionNumber(6)), prune(&[3, 6])] {
        let error = log.append(&[chain.clone().next(body)], position(9)).unwrap_err();
        assert!(matches!(error, LogError::NotNext { why: "it names a version that does not exist", .. }), "{error}");
    }
    for body in [label(2), RecordBody::Pin(VersionNumber(4)), chain_check(2, 0, ""), prune(&[1, 2])] {
        let error = log.append(&[chain.clone().next(body)], position(9)).unwrap_err();
        assert!(matches!(error, LogError::NotNext { why: "it names a version that was deleted", .. }), "{error}");
    }
    for body in [prune(&[]), prune(&[3, 1]), prune(&[0])] {
        assert!(matches!(log.append(&[chain.clone().next(body)], position(9)), Err(LogError::NotNext { .. })));
    }
    log.append(&[chain.clone().next(RecordBody::Unpin(VersionNumber(4)))], position(9)).unwrap();
    assert!(!log.version(VersionNumber(1)).unwrap().unwrap().deleted, "nothing of a refused prune stays");
    log.verify().unwrap();
}

#[test]
fn marks_survive_a_rebuild() {
    let folder = Folder::with(&small_log());
    let records = marked_log();
    let log = VersionLog::rebuild(&folder.dir, &folder.tmp(), records.clone().into_iter(), position(records.len())).unwrap();
    assert_eq!(log.marks().unwrap(), log_of(&records).marks().unwrap());
    log.verify().unwrap();
}

#[test]
fn an_index_of_the_first_schema_gets_the_tables() {
    let records = small_log();
    let folder = Folder::with(&records);
    folder.write_back();
    let conn = Connection::open(folder.path("index.db")).unwrap();
    conn.execute_batch("DROP INDEX log_other; DROP TABLE label; DROP TABLE mark; DROP TABLE mark_sum; PRAGMA user_version=1").unwrap();
    drop(conn);
    assert!(matches!(VersionLog::open_read_only(&folder.dir), Err(LogError::ReadOnly(_))));
    let mut log = folder.open().unwrap();
    assert_eq!(log.marks().unwrap(), Marks::default());
    let mut chain = Chain::after(&log.head().unwrap());
    log.append(&[chain.next(RecordBody::Pin(VersionNumber(1)))], position(6)).unwrap();
    drop(log);
    let log = folder.open().unwrap();
    assert_eq!(log.marks().unwrap().pinned().collect::<Vec<_>>(), numbers(&[1]));
    log.verify().unwrap();
    assert_eq!(STEPS.len(), 3);
}

#[test]
fn altered_marks_are_noticed() {
    let altered = [
        "UPDATE label SET version = 5 WHERE name = 'stable'",
        "UPDATE label SET name = 'stabl' WHERE name = 'stable'",
        "UPDATE label SET sequence = 8 WHERE name = 'stable'",
        "UPDATE label SET version = -1 WHERE name = 'stable'",
        "UPDATE label SET name = hex(zeroblob(3000000)) WHERE name = 'stable'",
        "DELETE FROM label WHERE name = 'first'",
        "DELETE FROM label",
        "INSERT INTO label VALUES ('new', 3, 7)",
        "UPDATE mark SET passed = 1 WHERE version = 5",
        "UPDATE mark SET passed = 2 WHERE version = 5",
        "UPDATE mark SET pinned_by = NULL WHERE version = 1",
        "UPDATE mark SET pinned_by = 9 WHERE version = 5",
        "UPDATE mark SET checked_by = 11 WHERE version = 5",
        "UPDATE mark SET version = 2 WHERE version = 1",
        "DELETE FROM mark",
        "INSERT INTO mark VALUES (2, 9, NULL, 0)",
        "DELETE FROM mark_sum",
        "UPDATE mark_sum SET content = zeroblob(40)",
        "UPDATE mark_sum SET content = zeroblob(3000000)",
    ];
    for sql in altered {
        let folder = Folder::with(&marked_log());
        Connection::open(folder.path("index.db")).unwrap().execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let log = folder.open().unwrap();
        assert!(matches!(log.marks(), Err(LogError::Damaged { .. })), "{sql}");
        assert!(log.verify().is_err(), "{sql}");
        assert_eq!(log.versions_newest_first(None).unwrap().len(), 5, "what is whole is still read: {sql}");
    }
}

#[test]
fn many_marks_are_kept() {
    let mut chain = Chain::new();
    let mut records = chain.versions(300);
    for number in 1..=300u64 {
        let label = LabelRecord { version: VersionNumber(number), name: format!("label/{}", number % 70) };
        records.push(chain.next(RecordBody::Label(label)));
        records.push(chain.next(chain_check(number, (number % 3) as u32, "")));
    }
    let log = log_of(&records);
    let marks = log.marks().unwrap();
    assert_eq!((marks.labels.len(), marks.versions.len()), (70, 300));
    assert_eq!(log.labelled("label/5").unwrap(), Some(VersionNumber(285)));
    assert_eq!(marks.passed(VersionNumber(299)), Some(false));
    log.verify().unwrap();
}
