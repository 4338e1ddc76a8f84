//! Summaries of a remote's log: what somebody who comes late reads in the place of many entries and packs.

use super::FORMAT_VERSION;
use super::bytes::{FormatError, checksum, put_prefixed, put_varint};
use super::remote::{PackRef, RepositoryId, Stamp, begin, put_packs, put_stamp, take_packs, take_stamp};
use crate::id::ObjectId;
use crate::limits::REMOTE_ENTRY_BYTES_MAX;

/// First bytes of a summary.
pub const SUMMARY_MAGIC: [u8; 8] = *b"\x89LRS\r\n\x1a\n";
/// First bytes of a bundle.
pub const BUNDLE_MAGIC: [u8; 8] = *b"\x89LRB\r\n\x1a\n";

/// A summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Whose log it is about.
    pub repository: RepositoryId,
    /// Its place: 1 for the first.
    pub number: u64,
    /// Up to which entry of the log it goes, by number.
    pub entry: u64,
    /// And by id.
    pub entry_id: ObjectId,
    /// Bundles with the entries up to there, in order; their objects are entries.
    pub bundles: Vec<PackRef>,
    /// Packs that hold what everybody needs, in the order in which they are taken in.
    pub packs: Vec<PackRef>,
    /// Catalogs of the packs with the other contents.
    pub catalogs: Vec<PackRef>,
}

impl Summary {
    /// The summary's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = SUMMARY_MAGIC.to_vec();
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.repository.0);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.entry.to_le_bytes());
        out.extend_from_slice(self.entry_id.as_bytes());
        [&self.bundles, &self.packs, &self.catalogs].into_iter().for_each(|packs| put_packs(&mut out, packs));
        let sum = checksum::<8>(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads a summary.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = begin(bytes, SUMMARY_MAGIC, "summary of the remote log")?;
        let repository = RepositoryId(reader.array()?);
        let (number, entry) = (reader.u64()?, reader.u64()?);
        let entry_id = ObjectId::from_bytes(reader.array()?);
        let (bundles, packs, catalogs) = (take_packs(&mut reader)?, take_packs(&mut reader)?, take_packs(&mut reader)?);
        reader.finish()?;
        Ok(Self { repository, number, entry, entry_id, bundles, packs, catalogs })
    }
}

/// The bytes of entries one behind the other.
pub fn encode_bundle(entries: &[Vec<u8>], stamp: Stamp) -> Vec<u8> {
    let mut out = BUNDLE_MAGIC.to_vec();
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    put_varint(&mut out, entries.len() as u64);
    entries.iter().for_each(|entry| put_prefixed(&mut out, entry));
    put_stamp(&mut out, stamp);
    let sum = checksum::<8>(&out);
    out.extend_from_slice(&sum);
    out
}

/// Reads a bundle; what is in the entries is not looked at.
pub fn decode_bundle(bytes: &[u8]) -> Result<Vec<Vec<u8>>, FormatError> {
    let mut reader = begin(bytes, BUNDLE_MAGIC, "bundle of log entries")?;
    let mut entries = Vec::new();
    for _ in 0..reader.varint_max(reader.remaining() as u64)? {
        entries.push(reader.prefixed(REMOTE_ENTRY_BYTES_MAX)?.to_vec());
    }
    take_stamp(&mut reader)?;
    reader.finish()?;
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::remote::STAMP_BYTES;
    use proptest::prelude::*;

    #[test]
    fn summaries_and_bundles_read_back_and_damaged_ones_are_refused() {
        let pack = |number: u8| PackRef { id: ObjectId::from_bytes([number; 32]), bytes: 300, objects: 2 };
        let summary = Summary {
            repository: RepositoryId([7; 16]),
            number: 3,
            entry: 9,
            entry_id: ObjectId::ZERO,
            bundles: vec![pack(1)],
            packs: vec![pack(2), pack(3)],
            catalogs: vec![pack(4)],
        };
        assert_eq!(Summary::decode(&summary.encode()), Ok(summary.clone()));
        let entries = vec![b"one".to_vec(), Vec::new(), b"three".to_vec()];
        let bundle = |number: u8| encode_bundle(&entries, Stamp([number; STAMP_BYTES]));
        assert_eq!([decode_bundle(&bundle(0)), decode_bundle(&bundle(7))], [Ok(entries.clone()), Ok(entries.clone())]);
        for (good, is_summary) in [(summary.encode(), true), (bundle(0), false), (bundle(7), false)] {
            let reads = |bytes: &[u8]| if is_summary { Summary::decode(bytes).is_ok() } else { decode_bundle(bytes).is_ok() };
            for position in 0..good.len() * 8 {
                let mut damaged = good.clone();
                damaged[position / 8] ^= 1 << (position % 8);
                assert!(!reads(&damaged), "bit {position}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(body: Vec<u8>) {
            for magic in [SUMMARY_MAGIC, BUNDLE_MAGIC] {
                let mut bytes = magic.to_vec();
                bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
                bytes.extend_from_slice(&body);
                bytes.extend_from_slice(&checksum::<8>(&bytes.clone()));
                let _ = (Summary::decode(&bytes), decode_bundle(&bytes));
            }
        }
    }
}
