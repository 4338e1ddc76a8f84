//! Damage of every kind: what is read is right, or an error says so.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::helper::{Chain, Folder, marked_log, position, small_log};
use crate::format::record::{Record, VersionNumber};
use crate::version_log::{ActiveChange, CheckRow, LogError, LogHead, Marks, VersionLog, VersionRow};

/// Everything that a log answers.
#[derive(Debug, PartialEq)]
struct Answers {
    head: LogHead,
    versions: Vec<VersionRow>,
    promotions: Vec<ActiveChange>,
    one_by_one: Vec<Option<VersionRow>>,
    marks: Marks,
    checks: Vec<Option<CheckRow>>,
    reasons: BTreeMap<VersionNumber, String>,
}

/// All answers of a log; those of a log that is damaged only in places may be errors, so each is one of its own.
fn ask(log: &VersionLog, expected: &Answers) -> Result<(), LogError> {
    let mut result = Ok(());
    let mut keep = |answer: Result<bool, LogError>| match answer {
        Ok(right) => assert!(right, "a wrong answer"),
        Err(error) => result = Err(error),
    };
    keep(log.head().map(|head| head == expected.head));
    keep(log.versions_newest_first(None).map(|versions| versions == expected.versions));
    keep(log.promotions(None).map(|promotions| promotions == expected.promotions));
    for (number, version) in (0..).zip(&expected.one_by_one) {
        keep(log.version(VersionNumber(number)).map(|found| found == *version));
    }
    keep(log.marks().map(|marks| marks == expected.marks));
    keep(log.labelled("stable").map(|version| version == expected.marks.labels.get("stable").map(|label| label.version)));
    for (number, check) in (0..).zip(&expected.checks) {
        keep(log.last_check(VersionNumber(number)).map(|found| found == *check));
    }
    // A reason may be missing, but is never wrong: whether a version is deleted its row says.
    keep(
        log.prune_reasons(VersionNumber(1), VersionNumber(9))
            .map(|found| found.iter().all(|(number, reason)| expected.reasons.get(number) == Some(reason))),
    );
    result
}

fn answers(records: &[Record]) -> Answers {
    let mut log = VersionLog::in_memory().unwrap();
    log.append(records, position(records.len())).unwrap();
    Answers {
        head: log.head().unwrap(),
        versions: log.versions_newest_first(None).unwrap(),
        promotions: log.promotions(None).unwrap(),
        one_by_one: (0..7).map(|number| log.version(VersionNumber(number)).unwrap()).collect(),
        marks: log.marks().unwrap(),
        checks: (0..7).map(|number| log.last_check(VersionNumber(number)).unwrap()).collect(),
        reasons: log.prune_reasons(VersionNumber(1), VersionNumber(9)).unwrap(),
    }
}

/// Opens and asks; any error will do.
fn right_or_error(folder: &Folder, expected: &Answers) -> Result<VersionLog, LogError> {
    let log = folder.open()?;
    ask(&log, expected)?;
    Ok(log)
}

#[test]
fn a_flipped_bit_in_the_database_gives_no_wrong_answer() {
    // One bit of each byte, not always the same one.
    let tally = change_bytes(&small_log(), |offset, byte| vec![byte ^ 1 << (offset % 8)]);
    eprintln!("{tally:?}");
    assert!(tally.noticed > 900, "{tally:?}");
}

#[test]
fn a_flipped_bit_among_the_marks_gives_no_wrong_answer() {
    let tally = change_bytes(&marked_log(), |offset, byte| if offset % 3 == 0 { vec![byte ^ 1 << (offset % 8)] } else { vec![] });
    eprintln!("{tally:?}");
    assert!(tally.noticed > 700, "{tally:?}");
}

#[test]
#[ignore = "takes a minute"]
fn no_changed_byte_in_the_database_gives_a_wrong_answer() {
    let changes = |_, byte| (0..8).map(|bit| byte ^ 1 << bit).chain([0x00, 0xff]).collect();
    eprintln!("{:?}", change_bytes(&small_log(), changes));
}

#[test]
#[ignore = "takes a minute"]
fn no_flipped_bit_in_a_database_of_many_pages_gives_a_wrong_answer() {
    let mut chain = Chain::new();
    let mut records = chain.versions(400);
    records.extend([chain.promote(3), chain.delete(2), chain.version(&"long ".repeat(1000))]);
    let changes = |offset: usize, byte| if offset.is_multiple_of(11) { vec![byte ^ 1 << (offset / 11 % 8)] } else { vec![] };
    eprintln!("{:?}", change_bytes(&records, changes));
}

/// What came of changed bytes.
#[derive(Debug, Default)]
struct Tally {
    tried: usize,
    /// Opening or reading failed.
    noticed: usize,
    /// Everything that was read was right, and only the check of the whole log failed.
    noticed_by_verify: usize,
}

/// Puts each of the given values in the place of each byte of the database, one at a time, and reads everything.
fn change_bytes(records: &[Record], changes: impl Fn(usize, u8) -> Vec<u8>) -> Tally {
    let expected = answers(records);
    let folder = Folder::with(records);
    folder.write_back();
    let whole = std::fs::read(folder.path("index.db")).unwrap();
    let file = OpenOptions::new().write(true).open(folder.path("index.db")).unwrap();
    let mut tally = Tally::default();
    for (offset, &byte) in whole.iter().enumerate() {
        for changed in changes(offset, byte) {
            file.write_all_at(&[changed], offset as u64).unwrap();
            let result = right_or_error(&folder, &expected);
            tally.tried += 1;
            tally.noticed += usize::from(result.is_err());
            tally.noticed_by_verify += usize::from(result.is_ok_and(|log| log.verify().is_err()));
        }
        file.write_all_at(&[byte], offset as u64).unwrap();
    }
    right_or_error(&folder, &expected).unwrap().verify().unwrap();
    tally
}

#[test]
fn appending_to_a_damaged_database_gives_no_wrong_answer() {
    let mut records = small_log();
    let folder = Folder::with(&records);
    folder.write_back();
    let next = Chain::after(&folder.open().unwrap().head().unwrap()).version("after the damage");
    records.push(next.clone());
    let expected = Answers { head: LogHead { applied: position(5), ..answers(&records).head }, ..answers(&records) };
    let whole = std::fs::read(folder.path("index.db")).unwrap();
    for (offset, &byte) in whole.iter().enumerate().step_by(7) {
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.path(&format!("index.db{ending}")));
        }
        let mut damaged = whole.clone();
        damaged[offset] = byte ^ 1 << (offset % 8);
        std::fs::write(folder.path("index.db"), damaged).unwrap();
        let appended = folder.open().and_then(|mut log| log.append(std::slice::from_ref(&next), position(5)));
        if appended.is_ok() {
            let _ = right_or_error(&folder, &expected);
        }
    }
}

#[test]
fn a_flipped_bit_in_the_write_ahead_log_gives_an_older_state() {
    let records = small_log();
    let folder = Folder::with(&records[..3]);
    folder.write_back();
    folder.open().unwrap().append(&records[3..], position(5)).unwrap();
    let states = [answers(&records[..3]), answers(&records)];
    let whole = std::fs::read(folder.path("index.db-wal")).unwrap();
    let mut lost = 0;
    for (offset, &byte) in whole.iter().enumerate().step_by(3) {
        let mut damaged = whole.clone();
        damaged[offset] = byte ^ 1 << (offset % 8);
        std::fs::write(folder.path("index.db-wal"), damaged).unwrap();
        let log = folder.open().unwrap();
        let state = usize::from(log.head().unwrap() == states[1].head);
        ask(&log, &states[state]).unwrap();
        log.verify().unwrap();
        lost += 1 - state;
    }
    assert!(lost > whole.len() / 3 * 9 / 10, "{lost} of {}", whole.len() / 3);
}

#[test]
fn a_cut_database_gives_no_wrong_answer() {
    // With marks, so that no table is empty: an empty page is the same without its end.
    let records = marked_log();
    let expected = answers(&records);
    let folder = Folder::with(&records);
    folder.write_back();
    let whole = std::fs::read(folder.path("index.db")).unwrap();
    for length in (0..whole.len()).step_by(128) {
        std::fs::write(folder.path("index.db"), &whole[..length]).unwrap();
        assert!(right_or_error(&folder, &expected).is_err(), "{length}");
    }
}

#[test]
fn garbage_beside_the_database_is_ignored() {
    let records = small_log();
    let expected = answers(&records);
    let folder = Folder::with(&records);
    folder.write_back();
    let garbage: Vec<u8> = (0..40_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut looks_real = garbage.clone();
    looks_real[..16].copy_from_slice(&[0x37, 0x7f, 0x06, 0x82, 0, 0x2d, 0xe2, 0x18, 0, 0, 4, 0, 0, 0, 0, 0]);
    for (wal, shm) in [(&garbage, &garbage), (&looks_real, &garbage), (&vec![0; 5000], &vec![0; 32768])] {
        std::fs::write(folder.path("index.db-wal"), wal).unwrap();
        std::fs::write(folder.path("index.db-shm"), shm).unwrap();
        let mut log = right_or_error(&folder, &expected).unwrap();
        log.verify().unwrap();
        log.append(&[], position(5)).unwrap();
        drop(log);
        right_or_error(&folder, &expected).unwrap();
    }
}

#[test]
fn a_deleted_write_ahead_log_gives_an_older_state() {
    let records = small_log();
    let folder = Folder::with(&records[..3]);
    folder.write_back();
    folder.open().unwrap().append(&records[3..], position(5)).unwrap();
    std::fs::remove_file(folder.path("index.db-wal")).unwrap();
    right_or_error(&folder, &answers(&records[..3])).unwrap();
    std::fs::remove_file(folder.path("index.db-shm")).unwrap();
    right_or_error(&folder, &answers(&records[..3])).unwrap();
}
