//! Checks for the fuzzer: what is taken is what a writer writes, to the byte.

use super::bytes::{FormatError, checksum};
use super::chunk_list::ChunkList;
use super::collection::{COLLECTION_CHECKSUM_BYTES, CollectionJournal};
use super::frame::{
    Content, FRAME_CHECKSUM_BYTES, Frame, FrameHeader, SEGMENT_HEADER_BYTES, check_segment_header, encode_frame, encode_segment_header,
};
use super::index::{IndexEntry, RUN_HEADER_BYTES, RunView, TAIL_CHECKSUM_BYTES, TAIL_HEADER_BYTES, TailRecord, encode_run};
use super::journal::{JOURNAL_CHECKSUM_BYTES, Journal};
use super::pack::{PACK_FOOTER_BYTES, PACK_HEADER_BYTES, PackBuilder, decode_pack};
use super::record::Record;
use super::remote::Stamp;
use super::remote::{RemoteEntry, RemoteFormat};
use super::seal::{WrappedKey, padded, read_sealed, unpadded};
use super::stat_cache::{Block, BlockBuilder, HEADER_BYTES, Header, Row, RowNode, block_sum, kept_text};
use super::tree::{Tree, TreeBuilder};
use crate::path::check_name;

/// Of a list so many are looked up one by one: looking up takes time by the length of the list.
const LOOKED_UP_MAX: usize = 64;

/// The bytes with the checksum of `N` bytes at their end put right: no fuzzer finds one by itself. `None` when they are too few.
pub(crate) fn sealed<const N: usize>(bytes: &[u8]) -> Option<Vec<u8>> {
    let covered = bytes.len().checked_sub(N)?;
    Some([&bytes[..covered], &checksum::<N>(&bytes[..covered])].concat())
}

/// Two parts of the bytes: the first two bytes say how long the first part is.
pub(crate) fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return (bytes, &[]) };
    rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()))
}

/// As they are, and with their checksum put right.
fn with_and_without_seal<const N: usize>(bytes: &[u8], check: impl Fn(&[u8])) {
    check(bytes);
    if let Some(sealed) = sealed::<N>(bytes) {
        check(&sealed);
    }
}

/// What was decoded encodes to the same bytes.
fn same_again<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<T, FormatError>, encode: impl Fn(&T) -> Vec<u8>) {
    if let Ok(decoded) = decode(bytes) {
        assert_eq!(encode(&decoded), bytes, "two forms of one thing");
    }
}

pub(crate) fn chunk_list(bytes: &[u8]) {
    same_again(bytes, ChunkList::decode, ChunkList::encode);
    if let Ok(list) = ChunkList::decode(bytes) {
        assert!(list.bytes() >= list.chunks.len() as u64);
    }
}

pub(crate) fn collection_journal(bytes: &[u8]) {
    with_and_without_seal::<COLLECTION_CHECKSUM_BYTES>(bytes, |bytes| {
        same_again(bytes, CollectionJournal::decode, CollectionJournal::encode)
    });
}

pub(crate) fn journal(bytes: &[u8]) {
    with_and_without_seal::<JOURNAL_CHECKSUM_BYTES>(bytes, |bytes| same_again(bytes, Journal::decode, Journal::encode));
}

pub(crate) fn record(bytes: &[u8]) {
    same_again(bytes, Record::decode, Record::encode);
}

pub(crate) fn remote_entry(bytes: &[u8]) {
    with_and_without_seal::<8>(bytes, |bytes| same_again(bytes, RemoteEntry::decode, RemoteEntry::encode));
}

pub(crate) fn remote_format(bytes: &[u8]) {
    with_and_without_seal::<8>(bytes, |bytes| same_again(bytes, RemoteFormat::decode, RemoteFormat::encode));
    with_and_without_seal::<8>(bytes, |bytes| same_again(bytes, WrappedKey::decode, WrappedKey::encode));
    let _ = read_sealed(bytes);
    if let Ok(content) = unpadded(bytes.to_vec()) {
        assert_eq!(unpadded(padded(&content)), Ok(content));
    }
}

pub(crate) fn segment_header(bytes: &[u8]) {
    let check = |bytes: &[u8]| {
        if check_segment_header(bytes).is_ok() {
            let mut nonce = [0; 8];
            nonce.copy_from_slice(&bytes[12..20]);
            assert_eq!(encode_segment_header(nonce)[..], bytes[..SEGMENT_HEADER_BYTES]);
        }
    };
    with_and_without_seal::<4>(&bytes[..bytes.len().min(SEGMENT_HEADER_BYTES)], check);
}

pub(crate) fn frame(bytes: &[u8]) {
    let Ok(frame) = Frame::parse(bytes) else {
        assert!(Frame::parse_checked(bytes).is_err(), "its checksum is no reason to take it");
        return;
    };
    let mut again = Vec::new();
    encode_frame(&frame.header, frame.payload, &mut again);
    assert_eq!(again.len(), frame.frame_bytes);
    let covered = frame.frame_bytes - FRAME_CHECKSUM_BYTES;
    assert_eq!(again[..covered], bytes[..covered], "two forms of one frame");
    let checked = Frame::parse_checked(&again).expect("its checksum is right now");
    assert_eq!(checked.header, frame.header);
    members(&frame.header);
    assert_eq!(frame.header.split(frame.payload).len(), frame.header.members());
}

/// The members of a frame lie one behind the other and fill it.
fn members(header: &FrameHeader) {
    let mut end = 0;
    for member in 0..header.members().min(LOOKED_UP_MAX) as u16 {
        let range = header.member_range(member).expect("the header says that there are so many");
        assert_eq!(range.start, end);
        end = range.end;
    }
    assert!(end <= header.raw_bytes as usize);
    if let Content::Group(lengths) = &header.content {
        assert_eq!(lengths.iter().map(|&length| u64::from(length)).sum::<u64>(), u64::from(header.raw_bytes));
    }
}

pub(crate) fn tree(bytes: &[u8]) {
    let Ok(tree) = Tree::decode(bytes) else { return };
    let mut again = TreeBuilder::new();
    for entry in tree.entries() {
        check_name(entry.name).expect("no other name stands in a tree");
        again.push(entry);
    }
    assert_eq!(again.finish().as_bytes(), bytes, "two forms of one tree");
    for entry in tree.entries().take(LOOKED_UP_MAX) {
        assert_eq!(tree.get(entry.name), Some(entry));
    }
}

pub(crate) fn index_run(bytes: &[u8]) {
    look_up(bytes);
    if let Some((header, rest)) = bytes.split_at_checked(RUN_HEADER_BYTES) {
        let header = sealed::<8>(header).expect("a header is longer than its checksum");
        look_up(&[&header, rest].concat());
    }
}

fn look_up(bytes: &[u8]) {
    if let Some(view) = RunView::trusted(bytes) {
        entries_of(&view);
    }
    let Ok(view) = RunView::parse(bytes) else { return };
    let entries = entries_of(&view);
    // Neither order nor fan-out table is checked when a run is opened, so a look-up may miss what is there if they are wrong.
    let is_well_made = entries.is_sorted() && encode_run(&entries, view.covered()) == bytes;
    for (prefix, number) in entries.iter().take(LOOKED_UP_MAX) {
        let found: Vec<u64> = view.candidates(*prefix).collect();
        assert!(!is_well_made || found.contains(number), "an entry is not found");
        assert!(found.iter().all(|&number| entries.contains(&(*prefix, number))), "something is found that is not there");
    }
}

fn entries_of(view: &RunView<'_>) -> Vec<IndexEntry> {
    let entries: Vec<IndexEntry> = (0..view.len()).map_while(|place| view.entry(place)).collect();
    assert_eq!((entries.len(), view.entry(view.len())), (view.len(), None));
    for (prefix, _) in entries.iter().take(LOOKED_UP_MAX) {
        assert!(view.candidates(*prefix).count() <= entries.len());
    }
    entries
}

pub(crate) fn index_tail(bytes: &[u8]) {
    tail_records(bytes);
    let count = bytes.first_chunk().map_or(0, |count| u32::from_le_bytes(*count) as usize);
    let end = count.saturating_mul(16).saturating_add(TAIL_HEADER_BYTES + TAIL_CHECKSUM_BYTES);
    if let Some((first, rest)) = bytes.split_at_checked(end) {
        let first = sealed::<TAIL_CHECKSUM_BYTES>(first).expect("a record is longer than its checksum");
        assert!(TailRecord::decode(&first).is_ok());
        tail_records(&[&first, rest].concat());
    }
}

fn tail_records(mut bytes: &[u8]) {
    while let Ok((record, record_bytes)) = TailRecord::decode(bytes) {
        let mut again = Vec::new();
        record.encode(&mut again);
        assert_eq!(again, bytes[..record_bytes]);
        bytes = &bytes[record_bytes..];
    }
}

pub(crate) fn pack(bytes: &[u8]) {
    repacked(bytes);
    if let Some(sealed) = sealed_pack(bytes) {
        repacked(&sealed);
    }
}

/// A pack with the checksums of its header and of its table put right.
pub(crate) fn sealed_pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = bytes.split_at_checked(PACK_HEADER_BYTES)?;
    let mut pack = [&sealed::<4>(header)?, rest].concat();
    let footer_at = pack.len().checked_sub(PACK_FOOTER_BYTES).filter(|&at| at >= PACK_HEADER_BYTES)?;
    let (table_bytes, _) = pack[footer_at..].split_first_chunk::<4>()?;
    let table_at = footer_at.checked_sub(u32::from_le_bytes(*table_bytes) as usize).filter(|&at| at >= PACK_HEADER_BYTES)?;
    let sum = checksum::<8>(&pack[table_at..footer_at]);
    pack[footer_at + 4..].copy_from_slice(&sum);
    Some(pack)
}

fn repacked(bytes: &[u8]) {
    let Ok(frames) = decode_pack(bytes) else { return };
    let mut again = PackBuilder::new(Stamp(*bytes[10..].first_chunk().expect("a pack is longer than its header")));
    for frame in frames {
        assert_eq!(frame.offset as usize, again.bytes(), "a gap between two frames");
        again.push(frame.kind, frame.ids, &bytes[frame.offset as usize..][..frame.bytes as usize]);
    }
    assert_eq!(again.finish(), bytes, "two forms of one pack");
}

pub(crate) fn stat_cache(bytes: &[u8]) {
    same_header(bytes);
    if bytes.len() >= HEADER_BYTES {
        let mut sealed = bytes.to_vec();
        let sum = block_sum(&bytes[..HEADER_BYTES - 8]);
        sealed[HEADER_BYTES - 8..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
        same_header(&sealed);
    }
}

fn same_header(bytes: &[u8]) {
    let Ok(header) = Header::decode(bytes) else { return };
    assert_eq!(header.encode()[..], bytes[..HEADER_BYTES]);
    if let Some(block) = header.root.find(bytes) {
        stat_cache_block(block);
    }
}

pub(crate) fn stat_cache_block(bytes: &[u8]) {
    let Ok(block) = Block::decode(bytes) else { return };
    let rows: Vec<Row<'_>> = block.rows().map(as_kept).collect();
    assert_eq!(rows.len(), block.row_count(), "a row was checked and cannot be read");
    // Texts and devices may stand in another order, so the rows are compared.
    let again = built(&block, &rows);
    let read = Block::decode(&again).expect("it was just written");
    assert_eq!(read.head(), block.head());
    assert_eq!(read.rows().collect::<Vec<_>>(), rows);
    assert_eq!(built(&read, &rows), again);
}

/// A row as a writer writes it: very long texts are cut.
fn as_kept(row: Row<'_>) -> Row<'_> {
    let node = match row.node {
        RowNode::LeftOut { is_directory, rule } => RowNode::LeftOut { is_directory, rule: kept_text(rule) },
        RowNode::Skipped { is_directory, kind, why } => RowNode::Skipped { is_directory, kind, why: kept_text(why) },
        node => node,
    };
    Row { node, ..row }
}

fn built(block: &Block<'_>, rows: &[Row<'_>]) -> Vec<u8> {
    let mut builder = BlockBuilder::new();
    rows.iter().for_each(|row| builder.push(row.name.to_bytes(), row.node));
    builder.finish(block.head())
}
