//! Checks for the fuzzer: payloads, segments and packs that nobody vouches for.

use std::cell::RefCell;
use std::collections::HashSet;

use super::codec::{Decoder, Encoded, Encoder, Inflater};
use super::{CheckReport, Incoming, Known, Store};
use crate::disk::simulated::{Machine, Process, Sabotage};
use crate::format::frame::{FRAME_CHECKSUM_BYTES, Frame, encode_segment_header};
use crate::format::fuzzing::{halves, sealed, sealed_pack};
use crate::id::{ObjectId, ObjectKind};

/// Longest content that a payload is said to have, in bytes. Every one of them is allocated at once, so more would only be slower.
const RAW_BYTES_MAX: u32 = 1 << 17;

thread_local! {
    static DECODER: RefCell<Decoder> = RefCell::new(Decoder::new().expect("there is memory for it"));
    static ENCODER: RefCell<Encoder> = RefCell::new(Encoder::new().expect("there is memory for it"));
}

/// A compressed payload with a length that it is said to have: all ways to decode it give the same, and no more than was said.
pub(crate) fn payload(bytes: &[u8]) {
    let Some((said, rest)) = bytes.split_first_chunk::<4>() else { return };
    let raw_bytes = (u32::from_le_bytes(*said) % RAW_BYTES_MAX) as usize;
    let (prefix, payload) = halves(rest);
    let decode = |prefix| DECODER.with_borrow_mut(|decoder| decoder.decode(payload, prefix, raw_bytes));
    let alone = decode(None);
    let against = decode(Some(prefix));
    for content in [&alone, &against].into_iter().flatten() {
        assert_eq!(content.len(), raw_bytes);
    }
    if let Ok(against) = against {
        let mut fresh = Decoder::new().expect("there is memory for it");
        assert_eq!(fresh.decode(payload, Some(prefix), raw_bytes).ok(), Some(against), "something of former contents is left");
    }
    // Piece by piece zstd holds the window against its bound, which it has no use for when it decodes at once: what is taken at once may
    // be refused here.
    if let (Ok(alone), Some(inflated)) = (alone, inflated(payload, raw_bytes)) {
        assert_eq!(inflated, alone);
    }
}

/// A payload that is decoded in two steps; `None` when it is refused.
fn inflated(payload: &[u8], raw_bytes: usize) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(raw_bytes);
    let mut inflater = Inflater::new().expect("there is memory for it");
    let half = inflater.inflate(payload, &mut content, raw_bytes / 2);
    let whole = half.and_then(|()| inflater.inflate(payload, &mut content, raw_bytes));
    assert!(content.len() <= content.capacity());
    whole.is_ok().then_some(content)
}

/// A content and what it is a delta against: it comes back.
pub(crate) fn round_trip(bytes: &[u8]) {
    let (prefix, content) = halves(bytes);
    let encode = |prefix| ENCODER.with_borrow_mut(|encoder| encoder.encode(content, prefix).expect("nothing is refused"));
    for encoded in [encode(None), encode(Some(prefix))] {
        let (payload, prefix) = match &encoded {
            Encoded::Raw => continue,
            Encoded::Zstd(payload) => (payload, None),
            Encoded::Delta(payload) => (payload, Some(prefix)),
        };
        let decoded = DECODER.with_borrow_mut(|decoder| decoder.decode(payload, prefix, content.len()));
        assert_eq!(decoded.expect("it was just encoded"), content);
        if prefix.is_none() {
            assert_eq!(inflated(payload, content.len()).expect("it was just encoded"), content);
        }
    }
}

/// The payload of a content as a delta against another, which it must be much like.
#[cfg(test)]
pub(crate) fn delta(content: &[u8], prefix: &[u8]) -> Vec<u8> {
    match ENCODER.with_borrow_mut(|encoder| encoder.encode(content, Some(prefix)).expect("nothing is refused")) {
        Encoded::Delta(payload) => payload,
        Encoded::Raw | Encoded::Zstd(_) => panic!("a delta would be no smaller"),
    }
}

/// The frames of a segment: whatever the check says is whole can be read, and is what its id says.
pub(crate) fn segment(bytes: &[u8]) {
    let segment = [&encode_segment_header([0; 8]), &resealed(bytes)[..]].concat();
    let process = process();
    let store = empty_store(&process);
    let objects = process.root().open_dir("objects").expect("nothing fails here");
    let file = objects.open_store_file("000001.seg", true, true).expect("nothing fails here");
    file.write_at(&segment, 0).expect("nothing fails here");
    let caught = store.catch_up(Known::Nothing).expect("no bytes are an error");
    assert!(caught.end <= store.end().expect("nothing fails here"));
    let report = store.check(&mut |_| true).expect("no bytes are an error");
    all_can_be_read(&store, &report);
}

/// A pack that comes into an empty store: what is taken in is whole, and what is refused leaves nothing.
pub(crate) fn pack_taken_in(bytes: &[u8]) {
    let pack = sealed_pack(bytes).unwrap_or_else(|| bytes.to_vec());
    let process = process();
    let store = empty_store(&process);
    let mut file = store.tmp().temp_file().expect("nothing fails here");
    file.write(&pack).expect("nothing fails here");
    let mut incoming = Incoming::new(&store, HashSet::new()).expect("there is memory for it");
    let taken = incoming.add(file, &|_| false).and_then(|_| incoming.check_large(&|_| false));
    if taken.is_ok() {
        let batch = store.batch().expect("nothing fails here");
        incoming.fill(&batch).expect("it was checked");
        drop(incoming);
        store.publish(batch, b"a record").expect("nothing fails here");
    } else {
        drop(incoming);
        assert_eq!(store.stored_bytes().expect("nothing fails here"), 0);
    }
    let report = store.check(&mut |_| true).expect("no bytes are an error");
    assert_eq!(report.damages, [], "damage was taken in");
    all_can_be_read(&store, &report);
}

fn all_can_be_read(store: &Store, report: &CheckReport) {
    let mut reader = store.reader();
    // Records have no locations: they are read in their order only.
    for (kind, id) in report.whole.iter().filter(|(kind, _)| *kind != ObjectKind::Record) {
        let content = reader.read(*kind, id, u64::MAX).expect("the check said that it is whole");
        assert_eq!(ObjectId::of(*kind, &content), *id);
    }
}

/// Frames with their checksums put right, up to what is none.
fn resealed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Ok(frame) = Frame::parse(rest) {
        let (bytes, behind) = rest.split_at(frame.frame_bytes);
        out.extend(sealed::<FRAME_CHECKSUM_BYTES>(bytes).expect("a frame is longer than its checksum"));
        rest = behind;
    }
    out.extend_from_slice(rest);
    out
}

/// A store in the folder that holds everything of a machine which exists only in memory: to make one on a disk for each input would take
/// far longer than all that is done with it.
fn empty_store(process: &Process) -> Store {
    let dir = process.root();
    Store::create(&dir).expect("nothing fails here");
    Store::open(&dir).expect("nothing fails here")
}

fn process() -> Process {
    Process::new(&Machine::new(0, Sabotage::None, false), 0)
}
