//! What the log accepts and what it answers.

use super::helper::{Chain, Folder, position, small_log};
use crate::format::record::{Record, RecordBody, VersionNumber};
use crate::id::ObjectId;
use crate::limits::TEXT_BYTES_MAX;
use crate::version_log::{ActiveChange, LogError, LogHead, LogPosition, VersionLog};

fn log_in_memory(records: &[Record]) -> VersionLog {
    let mut log = VersionLog::in_memory().unwrap();
    log.append(records, position(records.len())).unwrap();
    log
}

/// Why a record is refused; the log must be as it was.
fn refusal(log: &mut VersionLog, record: Record) -> &'static str {
    let before = log.head().unwrap();
    let Err(LogError::NotNext { sequence, why }) = log.append(std::slice::from_ref(&record), position(99)) else {
        panic!("accepted: {record:?}");
    };
    assert_eq!(sequence, record.sequence);
    assert_eq!(log.head().unwrap(), before);
    why
}

#[test]
fn an_empty_log_has_nothing() {
    let log = VersionLog::in_memory().unwrap();
    assert_eq!(log.head().unwrap(), LogHead::EMPTY);
    assert_eq!(log.newest_version().unwrap(), None);
    assert_eq!(log.version(VersionNumber(1)).unwrap(), None);
    assert!(log.versions_newest_first(None).unwrap().is_empty());
    assert!(log.promotions(None).unwrap().is_empty());
    assert!(!log.is_deleted(VersionNumber(1)).unwrap());
    log.verify().unwrap();
}

#[test]
fn what_was_appended_is_answered() {
    let records = small_log();
    let log = log_in_memory(&records);
    let id = |place: usize| Record::id_of(&records[place].encode());
    let active = Some(VersionNumber(1));
    assert_eq!(log.head().unwrap(), LogHead { sequence: 5, id: id(4), applied: position(5), active, newest: Some(VersionNumber(3)) });

    let versions = log.versions_newest_first(None).unwrap();
    for (version, place) in versions.iter().zip([2, 1, 0]) {
        assert_eq!(RecordBody::Version(version.record.clone()), records[place].body);
        assert_eq!((version.sequence, version.created_ms, version.id), (place as u64 + 1, records[place].created_ms, id(place)));
        assert_eq!(version.deleted, place == 1);
        assert_eq!(log.version(version.record.number).unwrap().as_ref(), Some(version));
        assert_eq!(log.is_deleted(version.record.number).unwrap(), version.deleted);
    }
    assert_eq!(versions.len(), 3);
    assert_eq!(log.newest_version().unwrap().as_ref(), versions.first());
    for limit in 0..5 {
        assert_eq!(log.versions_newest_first(Some(limit)).unwrap(), versions[..versions.len().min(limit as usize)]);
    }

    let change = |place: usize, version, promoted| ActiveChange {
        version: VersionNumber(version),
        promoted,
        sequence: place as u64 + 1,
        created_ms: records[place].created_ms,
        id: id(place),
    };
    let promotions = log.promotions(None).unwrap();
    assert_eq!(promotions, [change(3, 1, true), change(2, 3, false), change(1, 2, false), change(0, 1, false)]);
    for limit in 0..6 {
        assert_eq!(log.promotions(Some(limit)).unwrap(), promotions[..promotions.len().min(limit as usize)]);
    }
    for number in [0, 4, u64::MAX] {
        assert_eq!(log.version(VersionNumber(number)).unwrap(), None);
    }
    log.verify().unwrap();
}

#[test]
fn records_must_continue_the_chain() {
    let mut chain = Chain::new();
    let mut log = log_in_memory(&chain.versions(2));
    let next = chain.clone().version("next");
    for sequence in [0, 1, 2, 4, u64::MAX] {
        assert_eq!(
            refusal(&mut log, Record { sequence, ..next.clone() }),
            if sequence == 0 { "it is over a limit and could not be read back" } else { "its number is not the next one" }
        );
    }
    assert_eq!(refusal(&mut log, Record { previous: ObjectId::ZERO, ..next.clone() }), "it does not name the record before it");
    log.append(&[next], position(3)).unwrap();
}

#[test]
fn versions_are_numbered_without_gaps() {
    let mut chain = Chain::new();
    let mut log = log_in_memory(&chain.versions(2));
    for made in [1, 2, 3, 1 << 62, u64::MAX - 2].map(|number| number - 1) {
        let record = Chain { versions: made, ..chain.clone() }.version("");
        if made == 2 {
            continue;
        }
        assert_eq!(refusal(&mut log, record), "its version number is not the next one");
    }
}

#[test]
fn promotions_and_deletions_name_living_versions() {
    let mut chain = Chain::new();
    let mut log = log_in_memory(&chain.versions(2));
    for number in [0, 3, u64::MAX] {
        assert_eq!(refusal(&mut log, chain.clone().promote(number)), "it names a version that does not exist");
        assert_eq!(refusal(&mut log, chain.clone().delete(number)), "it names a version that does not exist");
    }
    log.append(&[chain.promote(1), chain.delete(1)], position(4)).unwrap();
    assert_eq!(refusal(&mut log, chain.clone().promote(1)), "it names a version that was deleted");
    assert_eq!(refusal(&mut log, chain.clone().delete(1)), "it names a version that was deleted");
    log.append(&[chain.promote(2)], position(5)).unwrap();
    log.verify().unwrap();
    assert_eq!(log.head().unwrap().active, Some(VersionNumber(2)));
}

#[test]
fn records_over_a_limit_are_refused() {
    let mut log = VersionLog::in_memory().unwrap();
    let mut chain = Chain::new();
    let text = "x".repeat(TEXT_BYTES_MAX + 1);
    assert_eq!(refusal(&mut log, chain.clone().version(&text)), "it is over a limit and could not be read back");
    log.append(&[chain.version(&text[1..])], position(1)).unwrap();
    assert_eq!(log.newest_version().unwrap().unwrap().record.message.len(), TEXT_BYTES_MAX);
}

#[test]
fn a_batch_is_appended_whole_or_not_at_all() {
    let mut chain = Chain::new();
    let mut log = log_in_memory(&chain.versions(1));
    let before = log.head().unwrap();
    let batch = [chain.version("good"), chain.delete(1), chain.promote(1)];
    assert!(matches!(log.append(&batch, position(9)), Err(LogError::NotNext { sequence: 4, .. })));
    assert_eq!(log.head().unwrap(), before);
    assert!(!log.is_deleted(VersionNumber(1)).unwrap());
    log.append(&batch[..2], position(9)).unwrap();
    log.verify().unwrap();
}

#[test]
fn the_position_moves_without_records() {
    let mut log = log_in_memory(&small_log());
    let far = LogPosition { segment: u32::MAX, offset: u64::MAX };
    let before = log.head().unwrap();
    log.append(&[], far).unwrap();
    assert_eq!(log.head().unwrap(), LogHead { applied: far, ..before });
    log.verify().unwrap();
}

#[test]
fn ten_thousand_rows_are_listed() {
    let mut chain = Chain::new();
    let mut records = chain.versions(5_000);
    records.push(chain.promote(17));
    records.extend(chain.versions(5_000));
    records.push(chain.delete(9_000));
    let folder = Folder::with(&records);
    let log = folder.open().unwrap();
    let versions = log.versions_newest_first(None).unwrap();
    assert!(versions.iter().map(|version| version.record.number.0).eq((1..=10_000).rev()));
    assert!(versions.iter().all(|version| version.deleted == (version.record.number.0 == 9_000)));
    assert_eq!(log.versions_newest_first(Some(50)).unwrap(), versions[..50]);
    assert_eq!(log.promotions(None).unwrap().len(), 10_001);
    log.verify().unwrap();
}
