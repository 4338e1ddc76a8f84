//! The records of a history as the segments have them. They stand there in their order, but for those that a repair has put behind later
//! ones because their own places were damaged.

use std::collections::BTreeMap;

use crate::format::record::Record;
use crate::id::ObjectId;

/// Records up to the first that cannot be read.
pub fn decode(records: &[Vec<u8>]) -> Vec<Record> {
    records.iter().map_while(|bytes| Record::decode(bytes).ok()).collect()
}

/// All records that can be read.
pub fn readable(records: &[Vec<u8>]) -> Vec<Record> {
    records.iter().filter_map(|bytes| Record::decode(bytes).ok()).collect()
}

/// The records of a whole history in their order, none twice. Where one cannot be read there is a gap.
pub fn in_order(records: &[Vec<u8>]) -> Vec<Record> {
    let mut records = readable(records);
    records.sort_by_key(|record| record.sequence);
    records.dedup();
    records
}

/// Records in their order without a gap, from both sources; each must name the one before it.
pub fn best_chain(from_segments: Vec<Record>, from_log: Vec<Record>) -> Vec<Record> {
    let mut by_sequence: BTreeMap<u64, Vec<Record>> = BTreeMap::new();
    for record in from_segments.into_iter().chain(from_log) {
        by_sequence.entry(record.sequence).or_default().push(record);
    }
    let mut previous = ObjectId::ZERO;
    let mut chain: Vec<Record> = Vec::new();
    while let Some(record) =
        by_sequence.remove(&(chain.len() as u64 + 1)).and_then(|found| found.into_iter().find(|record| record.previous == previous))
    {
        previous = Record::id_of(&record.encode());
        chain.push(record);
    }
    chain
}
