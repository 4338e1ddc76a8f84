//! The tail of the index: entries of the newest pushes, one record a push, appended to one small file.

use super::super::StoreResult;
use crate::disk::Dir;
use crate::format::index::{ENTRY_BYTES, TAIL_CHECKSUM_BYTES, TAIL_HEADER_BYTES, TailRecord};
use crate::limits::INDEX_TAIL_ENTRIES_MAX;

const NAME: &str = "tail";
/// Each entry may stand in a record of its own.
const BYTES_MAX: u64 = ((TAIL_HEADER_BYTES + ENTRY_BYTES + TAIL_CHECKSUM_BYTES) * (INDEX_TAIL_ENTRIES_MAX + 1) * 2) as u64;

/// The tail file.
pub struct Tail;

impl Tail {
    /// The records up to the first one that is torn or damaged, and their length in bytes. A tail of impossible length has
    /// none.
    pub fn read(dir: &Dir) -> StoreResult<(Vec<TailRecord>, u64)> {
        let bytes = match dir.read(NAME, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() || error.source.kind() == std::io::ErrorKind::InvalidData => return Ok((Vec::new(), 0)),
            Err(error) => return Err(error.into()),
        };
        let mut records = Vec::new();
        let mut rest = &bytes[..];
        while let Ok((record, length)) = TailRecord::decode(rest) {
            records.push(record);
            rest = &rest[length..];
        }
        Ok((records, (bytes.len() - rest.len()) as u64))
    }

    /// Writes a record at an offset: behind the last whole one. Gives the record's length in bytes.
    pub fn append(dir: &Dir, record: &TailRecord, offset: u64) -> StoreResult<u64> {
        let file = dir.open_store_file(NAME, true, true)?;
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        file.write_at(&bytes, offset)?;
        Ok(bytes.len() as u64)
    }

    /// Removes all records.
    pub fn clear(dir: &Dir) -> StoreResult<()> {
        Ok(dir.remove_file(NAME.as_ref())?)
    }
}
