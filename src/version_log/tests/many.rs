//! Several threads and several processes with one index.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::helper::{Chain, Folder, position, small_log};
use crate::disk::{Dir, RootOf};
use crate::format::record::{Record, RecordBody};
use crate::version_log::{LogError, VersionLog};

const FOLDER_VARIABLE: &str = "LUA_TEST_LOG_FOLDER";

/// Appends versions with this message until this many of them are in; another may be faster at any time.
fn append_many(dir: &Dir, message: &str, count: usize, open_each_time: bool) {
    let mut log = VersionLog::open(dir).unwrap();
    let mut appended = 0;
    while appended < count {
        if open_each_time {
            log = VersionLog::open(dir).unwrap();
        }
        let record = Chain::after(&log.head().unwrap()).version(message);
        match log.append(&[record], position(appended)) {
            Ok(()) => appended += 1,
            Err(LogError::NotNext { .. }) => (),
            Err(error) => panic!("{error}"),
        }
    }
}

fn count_messages(records: &[crate::version_log::VersionRow], message: &str) -> usize {
    records.iter().filter(|version| version.record.message == message).count()
}

#[test]
fn threads_lose_no_records() {
    let folder = Folder::with(&[]);
    let reading = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let log = folder.open().unwrap();
            let mut seen = 0;
            while reading.load(Ordering::Relaxed) {
                let versions = log.versions_newest_first(None).unwrap().len();
                assert!(versions >= seen);
                seen = versions;
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let dir = folder.dir.clone();
                scope.spawn(move || append_many(&dir, &format!("writer {writer}"), 50, writer % 2 == 0))
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        reading.store(false, Ordering::Relaxed);
        reader.join().unwrap();
    });
    let log = folder.open().unwrap();
    log.verify().unwrap();
    let versions = log.versions_newest_first(None).unwrap();
    assert_eq!(versions.len(), 200);
    assert!((0..4).all(|writer| count_messages(&versions, &format!("writer {writer}")) == 50));
}

#[test]
fn processes_lose_no_records() {
    let folder = Folder::with(&[]);
    let children: Vec<_> = (0..4).map(|_| child(&folder)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let log = folder.open().unwrap();
    log.verify().unwrap();
    assert_eq!(count_messages(&log.versions_newest_first(None).unwrap(), "child"), 200);
}

#[test]
fn killed_processes_leave_a_whole_log() {
    let folder = Folder::with(&[]);
    let mut before = 0;
    for round in 0..20 {
        let mut children: Vec<_> = (0..2).map(|_| child(&folder)).collect();
        std::thread::sleep(Duration::from_millis(20 + 7 * round));
        children.iter_mut().for_each(|child| child.kill().unwrap());
        children.iter_mut().for_each(|child| _ = child.wait().unwrap());
        let log = folder.open().unwrap();
        log.verify().unwrap();
        let sequence = log.head().unwrap().sequence;
        assert!(sequence >= before);
        before = sequence;
    }
    assert!(before > 0);
}

/// This program once more, doing nothing but [`as_a_process_of_its_own`].
fn child(folder: &Folder) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "version_log::tests::many::as_a_process_of_its_own", "--ignored"])
        .env(FOLDER_VARIABLE, folder.temp.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "a part of other tests"]
fn as_a_process_of_its_own() {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else { return };
    append_many(&Dir::open(folder.as_ref(), RootOf::UserPath).unwrap(), "child", 50, true);
}

#[test]
fn the_write_ahead_log_stays_short() {
    let folder = Folder::with(&[]);
    let mut longest = 0;
    for _ in 0..300 {
        let mut log = folder.open().unwrap();
        let record = Chain::after(&log.head().unwrap()).version("one commit in each process");
        log.append(&[record], position(1)).unwrap();
        longest = longest.max(std::fs::metadata(folder.path("index.db-wal")).unwrap().len());
    }
    // And it is not written back each time, which waits for the disk.
    assert!((200 << 10..300 << 10).contains(&longest), "{longest}");
    folder.open().unwrap().verify().unwrap();
}

#[test]
fn a_reader_in_a_transaction_holds_nobody_up() {
    let folder = Folder::with(&small_log());
    let reader = folder.open().unwrap();
    let transaction = reader.conn.unchecked_transaction().unwrap();
    let read = || super::super::row::read_head(&transaction).unwrap().sequence;
    assert_eq!(read(), 5);
    let mut log = folder.open().unwrap();
    let mut chain = Chain::after(&log.head().unwrap());
    for _ in 0..200 {
        log.append(&[chain.version("meanwhile")], position(1)).unwrap();
    }
    assert_eq!(read(), 5, "a transaction sees one state");
    drop(transaction);
    log.append(&[chain.version("last")], position(1)).unwrap();
    assert_eq!(reader.head().unwrap().sequence, 206);
    assert_eq!(std::fs::metadata(folder.path("index.db-wal")).unwrap().len(), 0, "written back once the reader was done");
}

#[test]
fn a_killed_writer_leaves_a_whole_log() {
    let folder = Folder::with(&small_log());
    let mut log = folder.open().unwrap();
    log.conn.execute_batch("BEGIN IMMEDIATE; UPDATE head SET content = zeroblob(76)").unwrap();
    // What a killed process leaves: its files as they are, and no locks.
    let copy = Folder::new();
    for name in ["index.db", "index.db-wal", "index.db-shm"] {
        std::fs::copy(folder.path(name), copy.path(name)).unwrap();
    }
    let next: Record = Chain::after(&copy.open().unwrap().head().unwrap()).version("next");
    assert!(matches!(next.body, RecordBody::Version(_)));
    let mut copied = copy.open().unwrap();
    copied.append(&[next], position(6)).unwrap();
    copied.verify().unwrap();
    log.conn.execute_batch("ROLLBACK").unwrap();
    log.append(&[], position(5)).unwrap();
}
