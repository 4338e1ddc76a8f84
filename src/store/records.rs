//! Frames of records: the entries of the version log that close a batch.
//!
//! No record is a delta, so that a damaged one takes no other with it. Long ones, which are messages for the most part, and several
//! in one frame are compressed: a fifth of the store is records when versions are small edits with a paragraph of text each.

use super::StoreResult;
use super::batch::{PendingCoding, PendingFrame};
use super::codec::{Decoder, Encoded, Encoder};
use crate::format::frame::{Coding, Content, Frame};
use crate::id::ObjectKind;
use crate::limits::{RECORDS_COMPRESSED_FROM_BYTES, RECORDS_SHRINK_MAX};

/// A frame of one record, or of several.
pub(super) fn record_frame(content: Content, records: Vec<u8>) -> StoreResult<PendingFrame> {
    let raw_bytes = records.len() as u32;
    let (coding, payload) = match compressed(&records)? {
        Some(payload) => (PendingCoding::Zstd, payload),
        None => (PendingCoding::Raw, records),
    };
    Ok(PendingFrame { kind: ObjectKind::Record, content, coding, raw_bytes, payload, ids: Vec::new() })
}

fn compressed(records: &[u8]) -> StoreResult<Option<Vec<u8>>> {
    if records.len() < RECORDS_COMPRESSED_FROM_BYTES {
        return Ok(None);
    }
    Ok(match Encoder::new()?.encode(records, None)? {
        Encoded::Zstd(payload) if is_plausible(records.len(), payload.len()) => Some(payload),
        _ => None,
    })
}

/// The records in a frame of records. Of a payload that cannot be decoded they are empty, which is no record at all.
pub(super) fn records_in(frame: &Frame<'_>) -> Vec<Vec<u8>> {
    let raw_bytes = frame.header.raw_bytes as usize;
    let content = match frame.header.coding {
        Coding::Raw => frame.payload.to_vec(),
        Coding::Zstd if is_plausible(raw_bytes, frame.payload.len()) => {
            Decoder::new().and_then(|mut decoder| decoder.decode(frame.payload, None, raw_bytes)).unwrap_or_default()
        }
        Coding::Zstd | Coding::Delta { .. } => Vec::new(),
    };
    frame.header.split(&content).into_iter().map(<[u8]>::to_vec).collect()
}

/// All records of a store are in memory at once when its log is made anew, so a small file must not become much.
fn is_plausible(raw_bytes: usize, stored_bytes: usize) -> bool {
    raw_bytes <= stored_bytes.saturating_mul(RECORDS_SHRINK_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::frame::encode_frame;

    /// What a frame of these records gives, and how many bytes it takes.
    fn through_a_frame(content: Content, records: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let pending = record_frame(content, records.to_vec()).unwrap();
        let mut bytes = Vec::new();
        encode_frame(&pending.header(None), &pending.payload, &mut bytes);
        (records_in(&Frame::parse_checked(&bytes).unwrap()), bytes.len())
    }

    fn text(bytes: usize) -> Vec<u8> {
        (0u64..).flat_map(|number| format!("line {} ", number * number * 7919).into_bytes()).take(bytes).collect()
    }

    #[test]
    fn long_records_and_groups_of_them_take_less_room_and_come_back() {
        let long = text(2000);
        let (records, frame_bytes) = through_a_frame(Content::Single, &long);
        assert!(records == [&long[..]]);
        assert!(frame_bytes < 1500, "{frame_bytes}");
        let (records, frame_bytes) = through_a_frame(Content::Group(vec![1500, 0, 500]), &long);
        assert_eq!(records, [&long[..1500], &[], &long[1500..]]);
        assert!(frame_bytes < 1500, "{frame_bytes}");
        let short = &long[..RECORDS_COMPRESSED_FROM_BYTES - 1];
        assert_eq!(through_a_frame(Content::Single, short), (vec![short.to_vec()], short.len() + 8), "as it is");
    }

    #[test]
    fn a_record_that_claims_to_be_much_longer_than_it_is_stored_is_none() {
        let bomb = vec![b'a'; 100_000];
        let (records, frame_bytes) = through_a_frame(Content::Single, &bomb);
        assert!(records == [bomb.clone()] && frame_bytes > bomb.len(), "a writer leaves it as it is");
        let payload = match Encoder::new().unwrap().encode(&bomb, None).unwrap() {
            Encoded::Zstd(payload) => payload,
            _ => panic!("it shrinks"),
        };
        let pending = PendingFrame { coding: PendingCoding::Zstd, payload, ..record_frame(Content::Single, bomb).unwrap() };
        let mut bytes = Vec::new();
        encode_frame(&pending.header(None), &pending.payload, &mut bytes);
        assert_eq!(records_in(&Frame::parse_checked(&bytes).unwrap()), [b""]);
    }
}
