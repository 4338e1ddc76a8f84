//! Going on from an earlier record.

use super::helper::{Chain, chain_check, position};
use crate::format::record::{LabelRecord, Record, RecordBody, SupersedeRecord, VersionNumber};
use crate::version_log::{LogError, VersionLog};

fn version(number: u64) -> Option<VersionNumber> {
    Some(VersionNumber(number))
}

fn supersede(kept: u64, newest: u64, active: u64) -> RecordBody {
    let or_none = |number| version(number).filter(|_| number > 0);
    RecordBody::Supersede(SupersedeRecord { kept, newest: or_none(newest), active: or_none(active) })
}

/// Three versions; then the first is promoted (4), the second deleted (5), the first labelled (6), a fourth made (7), which is checked (8).
fn log() -> (VersionLog, Chain) {
    let mut chain = Chain::new();
    let mut records = chain.versions(3);
    records.push(chain.promote(1));
    records.push(chain.delete(2));
    records.push(chain.next(RecordBody::Label(LabelRecord { version: VersionNumber(1), name: "first".into() })));
    records.push(chain.version("a fourth"));
    records.push(chain.next(chain_check(4, 0, "well")));
    let mut log = VersionLog::in_memory().unwrap();
    log.append(&records, position(8)).unwrap();
    (log, chain)
}

/// What counts: newest and active version, whether the second is deleted, the number of labels, the records behind the third.
fn state(log: &VersionLog) -> (Option<VersionNumber>, Option<VersionNumber>, bool, usize, Vec<u64>) {
    log.verify().unwrap();
    let head = log.head().unwrap();
    let newest = log.newest_version().unwrap().map(|row| row.record.number);
    assert_eq!(newest, head.newest);
    let behind = log.counting_behind(3).unwrap().iter().map(|record| record.sequence).collect();
    (newest, head.active, log.is_deleted(VersionNumber(2)).unwrap(), log.marks().unwrap().labels.len(), behind)
}

#[test]
fn what_stands_behind_the_kept_record_counts_no_more() {
    for (kept, newest, active, expected) in [
        (8, 4, 4, (version(4), version(4), true, 1, vec![4, 5, 6, 7, 8])),
        (6, 3, 1, (version(3), version(1), true, 1, vec![4, 5, 6])),
        (5, 3, 1, (version(3), version(1), true, 0, vec![4, 5])),
        (4, 3, 1, (version(3), version(1), false, 0, vec![4])),
        (3, 3, 3, (version(3), version(3), false, 0, vec![])),
        (1, 1, 1, (version(1), version(1), false, 0, vec![])),
        (0, 0, 0, (None, None, false, 0, vec![])),
    ] {
        let (mut log, mut chain) = log();
        log.append(&[chain.next(supersede(kept, newest, active))], position(9)).unwrap();
        assert_eq!(state(&log), expected, "kept {kept}");
        // What comes then counts, until it is superseded itself.
        chain.versions = newest;
        log.append(&[chain.version("another")], position(10)).unwrap();
        assert_eq!(log.head().unwrap().newest, version(newest + 1));
        log.append(&[chain.next(supersede(kept, newest, active))], position(11)).unwrap();
        assert_eq!(state(&log), expected, "kept {kept}, twice");
    }
}

#[test]
fn an_entry_that_does_not_exist_or_counts_no_more_is_not_gone_on_from() {
    let (mut log, mut chain) = log();
    log.append(&[chain.next(supersede(2, 2, 2))], position(9)).unwrap();
    let before = state(&log);
    for (kept, newest, active, expected) in [
        // The head knows this much.
        (10, 2, 2, "it goes on from an entry that does not exist"),
        (9, 3, 2, "it goes on from an entry that does not exist"),
        (9, 1, 2, "it goes on from an entry that does not exist"),
        // These count no more, though the state is told as it was before them.
        (3, 2, 2, "it goes on from an entry that counts no more"),
        (8, 2, 2, "it goes on from an entry that counts no more"),
        (9, 2, 1, "it does not tell the state that it goes on from"),
        (9, 1, 1, "it does not tell the state that it goes on from"),
        (0, 1, 1, "it does not tell the state that it goes on from"),
    ] {
        let record = chain.clone().next(supersede(kept, newest, active));
        for refused in [log.check_append(std::slice::from_ref(&record)), log.append(&[record], position(10))] {
            assert!(
                matches!(refused, Err(LogError::NotNext { sequence: 10, why }) if why == expected),
                "{kept} {newest} {active}: {refused:?}"
            );
        }
        assert_eq!(state(&log), before);
    }
    let record: Record = chain.next(supersede(9, 2, 2));
    log.check_append(std::slice::from_ref(&record)).unwrap();
    assert_eq!(log.head().unwrap().sequence, 9, "a check changes nothing");
    log.append(&[record], position(10)).unwrap();
    assert_eq!(state(&log), before);
}

#[test]
fn a_row_that_is_superseded_by_no_record_is_found() {
    let (mut log, mut chain) = log();
    log.append(&[chain.next(supersede(6, 3, 1))], position(9)).unwrap();
    log.verify().unwrap();
    let row = super::super::row::row_of_version(&log.conn, VersionNumber(3)).unwrap();
    super::super::row::mark_superseded(&log.conn, &row, 9).unwrap();
    assert!(matches!(log.verify(), Err(LogError::Damaged { .. })));
}
