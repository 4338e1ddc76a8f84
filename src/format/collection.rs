//! The journal of a collection: which segments are being replaced by which one. It exists from before the first of them is replaced
//! until the index knows the new one.

use super::FORMAT_VERSION;
use super::bytes::{ByteReader, FormatError, checksum, put_varint};
use crate::limits::SEGMENTS_MAX;

/// First bytes of the journal.
pub const COLLECTION_MAGIC: [u8; 8] = *b"\x89LUGC\r\n\x1a";
/// Length of the checksum that closes it, in bytes.
pub const COLLECTION_CHECKSUM_BYTES: usize = 8;

/// What a collection was about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionJournal {
    /// Numbers of the segments that go, ascending. The new segment gets the first number.
    pub inputs: Vec<u32>,
    /// The random bytes in the header of the new segment: they tell whether it has its name already.
    pub nonce: [u8; 8],
}

impl CollectionJournal {
    /// The journal's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(&COLLECTION_MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.nonce);
        put_varint(&mut out, self.inputs.len() as u64);
        self.inputs.iter().for_each(|&number| put_varint(&mut out, u64::from(number)));
        let sum = checksum::<COLLECTION_CHECKSUM_BYTES>(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads a journal.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        const WHAT: &str = "journal of a collection";
        let mut reader = ByteReader::new(bytes, WHAT);
        reader.head(COLLECTION_MAGIC)?;
        let nonce = reader.array()?;
        let count = reader.varint_max(reader.remaining() as u64)?;
        let mut inputs: Vec<u32> = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let number = reader.varint_max(u64::from(SEGMENTS_MAX) - 1)? as u32;
            if inputs.last().map_or(0, |&last| last) >= number {
                return Err(reader.malformed("its segments are not in order"));
            }
            inputs.push(number);
        }
        if inputs.is_empty() {
            return Err(reader.malformed("it names no segment"));
        }
        let covered = bytes.len() - reader.remaining();
        let sum: [u8; COLLECTION_CHECKSUM_BYTES] = reader.array()?;
        reader.finish()?;
        if checksum::<COLLECTION_CHECKSUM_BYTES>(&bytes[..covered]) != sum {
            return Err(FormatError::Checksum { what: WHAT });
        }
        Ok(Self { inputs, nonce })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn journals_read_back_and_damaged_ones_are_refused() {
        let journal = CollectionJournal { inputs: vec![2, 3, 700], nonce: *b"12345678" };
        let bytes = journal.encode();
        assert_eq!(CollectionJournal::decode(&bytes), Ok(journal));
        for position in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            assert!(CollectionJournal::decode(&damaged).is_err(), "bit {position}");
        }
        for length in 0..bytes.len() {
            assert!(CollectionJournal::decode(&bytes[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
            let _ = CollectionJournal::decode(&[&COLLECTION_MAGIC[..], &bytes[..]].concat());
        }
    }
}
