//! Checks for the fuzzer: the head of the log, which is a blob in a database that nobody vouches for.

use super::head::LogHead;
use crate::format::fuzzing::{halves, sealed};
use crate::format::record::Record;

/// A head, and a record that may follow it.
pub(crate) fn log_head(bytes: &[u8]) {
    let (head, record) = halves(bytes);
    for head in [Some(head.to_vec()), sealed::<8>(head)].into_iter().flatten() {
        let Ok(decoded) = LogHead::decode(&head) else { continue };
        assert_eq!(decoded.encode(), head, "two forms of one head");
        follow(&decoded, record);
    }
    follow(&LogHead::EMPTY, record);
}

fn follow(head: &LogHead, record: &[u8]) {
    let Ok(record) = Record::decode(record) else { return };
    let id = Record::id_of(&record.encode());
    let Ok(next) = head.followed_by(&record, id) else { return };
    assert_eq!((next.sequence, next.id), (head.sequence + 1, id));
    assert!(next.active <= next.newest || head.active > head.newest, "the active version does not exist");
}

/// The bytes of a head, for the seeds of the corpus.
#[cfg(test)]
pub(crate) fn encoded(head: &LogHead) -> Vec<u8> {
    head.encode()
}
