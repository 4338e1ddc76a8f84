//! Rebuilding, interrupted rebuilding, and those who have the index open meanwhile.

use std::fs;

use super::helper::{Chain, Folder, position, small_log};
use crate::format::record::Record;
use crate::version_log::{LogError, VersionLog};

fn rebuild(folder: &Folder, records: Vec<Record>) -> Result<VersionLog, LogError> {
    let applied = position(records.len());
    VersionLog::rebuild(&folder.dir, &folder.tmp(), records.into_iter(), applied)
}

fn names(folder: &Folder) -> Vec<String> {
    let mut names: Vec<_> = folder.dir.names().unwrap().into_iter().map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_missing_or_damaged_index_is_rebuilt() {
    let records = small_log();
    let folder = Folder::new();
    for damage in [None, Some("damage"), Some("other damage")] {
        if let Some(damage) = damage {
            fs::write(folder.path("index.db"), damage).unwrap();
            fs::write(folder.path("index.db-wal"), damage).unwrap();
            fs::write(folder.path("index.db-journal"), damage).unwrap();
        }
        let log = rebuild(&folder, records.clone()).unwrap();
        log.verify().unwrap();
        assert_eq!((log.head().unwrap().sequence, log.head().unwrap().applied), (5, position(5)));
        drop(log);
        let kept = damage.map(|damage| assert_eq!(fs::read_to_string(folder.path("index.db.damaged")).unwrap(), damage));
        let mut expected = vec!["index.db", "index.db-shm", "index.db-wal", "tmp"];
        if kept.is_some() {
            expected.insert(3, "index.db.damaged");
        }
        expected.sort_unstable();
        assert_eq!(names(&folder), expected);
        assert!(folder.tmp().names().unwrap().is_empty());
    }
}

#[test]
fn more_records_than_one_batch_are_rebuilt() {
    for count in [0, 1023, 1024, 2500] {
        let folder = Folder::new();
        let log = rebuild(&folder, Chain::new().versions(count)).unwrap();
        assert_eq!(log.head().unwrap().sequence, count as u64);
        assert_eq!(log.head().unwrap().applied, position(count));
    }
}

#[test]
fn records_that_are_no_log_leave_the_old_index() {
    let folder = Folder::with(&small_log());
    let mut records = small_log();
    records.remove(1);
    assert!(matches!(rebuild(&folder, records), Err(LogError::NotNext { sequence: 3, .. })));
    folder.open().unwrap().verify().unwrap();
    assert_eq!(names(&folder), ["index.db", "index.db-shm", "index.db-wal", "tmp"]);
    assert!(folder.tmp().names().unwrap().is_empty());
}

#[test]
fn the_log_of_the_old_index_is_not_played_into_the_new_one() {
    let folder = Folder::with(&[]);
    // Everything of the old log is in its write-ahead log, for the very pages that the new one has.
    let mut other = Chain::new();
    let others: Vec<_> = (0..5).map(|_| other.version("of the old index")).collect();
    let mut old = folder.open().unwrap();
    old.append(&others, position(5)).unwrap();
    assert!(fs::metadata(folder.path("index.db-wal")).unwrap().len() > 0);
    let log = rebuild(&folder, small_log()).unwrap();
    log.verify().unwrap();
    assert_eq!(log.head().unwrap().sequence, 5);
    assert_eq!(log.newest_version().unwrap().unwrap().record.message, "save after a step");
    // Whoever has the old one open goes on with it, and cannot append to it.
    assert_eq!(old.newest_version().unwrap().unwrap().record.message, "of the old index");
    assert!(old.is_replaced().unwrap() && !log.is_replaced().unwrap());
    assert!(matches!(old.append(&[other.version("lost")], position(6)), Err(LogError::Replaced)));
    drop(old);
    drop(log);
    assert!(folder.path("index.db-wal").exists(), "the last to leave the old one removes nothing of the new one");
    let mut log = folder.open().unwrap();
    log.append(&[], position(7)).unwrap();
    log.verify().unwrap();
}

#[test]
fn an_interrupted_rebuild_can_be_done_again() {
    for steps in 0..=3 {
        let folder = Folder::with(&small_log());
        // The steps of `put_in_place`, up to a crash.
        if steps >= 1 {
            fs::rename(folder.path("index.db"), folder.path("index.db.damaged")).unwrap();
        }
        if steps >= 2 {
            fs::remove_file(folder.path("index.db-wal")).unwrap();
        }
        if steps >= 3 {
            fs::remove_file(folder.path("index.db-shm")).unwrap();
        }
        assert_eq!(matches!(folder.open(), Err(LogError::NotFound)), steps >= 1);
        let log = rebuild(&folder, small_log()[..2].to_vec()).unwrap();
        log.verify().unwrap();
        assert_eq!(log.head().unwrap().sequence, 2);
    }
}

#[test]
fn an_index_made_after_an_interrupted_rebuild_is_empty() {
    let folder = Folder::with(&small_log());
    fs::rename(folder.path("index.db"), folder.path("index.db.damaged")).unwrap();
    assert!(fs::metadata(folder.path("index.db-wal")).unwrap().len() > 0);
    let log = VersionLog::create(&folder.dir).unwrap();
    assert_eq!(log.head().unwrap().sequence, 0);
    log.verify().unwrap();
}

#[test]
fn rebuilding_while_others_open_and_read() {
    let records = Chain::new().versions(40);
    let folder = Folder::with(&records);
    let tmp = folder.tmp();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..300 {
                        match folder.open().and_then(|log| log.versions_newest_first(None)) {
                            Ok(versions) => assert_eq!(versions.len(), 40),
                            Err(LogError::NotFound | LogError::Replaced) => (),
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                })
            })
            .collect();
        for _ in 0..30 {
            VersionLog::rebuild(&folder.dir, &tmp, records.clone().into_iter(), position(40)).unwrap();
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    folder.open().unwrap().verify().unwrap();
}
