//! What is written reads back, and whatever else is read does no harm.

use proptest::prelude::*;

use super::*;
use crate::id::{ObjectId, ObjectKind};

fn key(seed: u64) -> StatKey {
    let time = seed as i64 * -7;
    StatKey { mode: 0o644, bytes: seed, mtime_ns: time, ctime_ns: time + 1, inode: seed << 40, device: 5 + seed % 3 }
}

pub(crate) fn head() -> BlockHead {
    BlockHead {
        tree: ObjectId::of(ObjectKind::Tree, b"t"),
        files: 3,
        bytes: 1 << 40,
        rules_above: RulesDigest([1; 8]),
        rules: RulesDigest([2; 8]),
        directory: Witness { key: key(9), trusted: true },
        ignore_files: [None, Some(Witness { key: key(10), trusted: true })],
    }
}

/// One of each kind.
pub(crate) fn nodes() -> Vec<(&'static [u8], RowNode<'static>)> {
    let id = ObjectId::of(ObjectKind::Blob, b"x");
    let block = BlockRef { offset: 1 << 33, bytes: 77, sum: u64::MAX };
    vec![
        (b".git", RowNode::LeftOut { is_directory: true, rule: "built in" }),
        (b"a\n\xff", RowNode::File { witness: Witness { key: key(1), trusted: true }, id }),
        (b"b", RowNode::File { witness: Witness { key: key(2), trusted: false }, id }),
        (b"c", RowNode::Directory { mode: 0o2755, block }),
        (b"d", RowNode::Symlink { witness: Witness { key: key(3), trusted: true }, target: b"../x\xff" }),
        (b"e", RowNode::LeftOut { is_directory: false, rule: ".gitignore:3" }),
        (b"f", RowNode::LeftOut { is_directory: false, rule: "built in" }),
        (b"g", RowNode::Skipped { is_directory: false, kind: 7, why: "a named pipe" }),
        (&[b'z'; 255], RowNode::Skipped { is_directory: true, kind: 0, why: "" }),
    ]
}

pub(crate) fn encode(head: &BlockHead, nodes: &[(&[u8], RowNode<'_>)]) -> Vec<u8> {
    let mut block = BlockBuilder::new();
    nodes.iter().for_each(|(name, node)| block.push(name, *node));
    block.finish(head)
}

#[test]
fn blocks_read_back() {
    let bytes = encode(&head(), &nodes());
    let block = Block::decode(&bytes).unwrap();
    assert_eq!(*block.head(), head());
    let read: Vec<(&[u8], RowNode<'_>)> = block.rows().map(|row| (row.name.to_bytes(), row.node)).collect();
    assert_eq!((read.len(), block.row_count()), (9, 9));
    assert_eq!(read, nodes());
}

#[test]
fn an_empty_directory_has_a_block() {
    let head = BlockHead { ignore_files: [None; 2], ..head() };
    let bytes = encode(&head, &[]);
    let block = Block::decode(&bytes).unwrap();
    assert_eq!((*block.head(), block.rows().count()), (head, 0));
}

#[test]
fn more_devices_than_fit_are_not_trusted() {
    let id = ObjectId::of(ObjectKind::Blob, b"x");
    let mut block = BlockBuilder::new();
    for device in 0..300 {
        let witness = Witness { key: StatKey { device, ..key(1) }, trusted: true };
        block.push(format!("{device:03}").as_bytes(), RowNode::File { witness, id });
    }
    let bytes = block.finish(&head());
    for (at, row) in Block::decode(&bytes).unwrap().rows().enumerate() {
        let RowNode::File { witness, .. } = row.node else { panic!("{row:?}") };
        assert_eq!(witness.trusted, at < 255, "{at}");
        assert!(!witness.trusted || witness.key.device == at as u64);
    }
}

#[test]
fn texts_beyond_the_numbers_share_one() {
    let mut block = BlockBuilder::new();
    for at in 0..70_000 {
        block.push(format!("{at:05}").as_bytes(), RowNode::LeftOut { is_directory: false, rule: &at.to_string() });
    }
    let bytes = block.finish(&head());
    assert_eq!(Block::decode(&bytes).unwrap().rows().count(), 70_000);
}

#[test]
fn long_texts_are_cut_between_characters() {
    assert_eq!(kept_text("short"), "short");
    let long = "ä".repeat(2000);
    assert!(kept_text(&long).len() <= 1024 && long.starts_with(kept_text(&long)));
    let odd = format!("x{long}");
    assert!(odd.starts_with(kept_text(&odd)));
}

#[test]
fn malformed_blocks_are_refused() {
    let left_out = RowNode::LeftOut { is_directory: false, rule: "r" };
    let directory = RowNode::Directory { mode: 0, block: BlockRef { offset: 0, bytes: 0, sum: 0 } };
    let link = RowNode::Symlink { witness: Witness { key: key(1), trusted: true }, target: b"" };
    for (name, node) in [
        (&b".."[..], left_out),
        (b".", left_out),
        (b"", left_out),
        (b"a/b", left_out),
        (b"a\0b", left_out),
        (b".lua", directory),
        (b"LUA~1", directory),
        (b"l", link),
    ] {
        assert!(Block::decode(&encode(&head(), &[(name, node)])).is_err(), "{name:?}");
    }
    assert!(Block::decode(&encode(&head(), &[(b"a", left_out), (b"a", left_out)])).is_err(), "twice the same name");
    assert!(Block::decode(&encode(&head(), &[(b"b", left_out), (b"a", left_out)])).is_err(), "not sorted");
    let good = encode(&head(), &nodes());
    for length in 0..good.len() {
        assert!(Block::decode(&good[..length]).is_err(), "{length}");
    }
    assert!(Block::decode(&[&good[..], &[0]].concat()).is_err());
}

fn use_all(bytes: &[u8]) -> usize {
    Block::decode(bytes).map_or(0, |block| block.rows().filter(|row| row.name.to_bytes().len() < 256).count())
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
        use_all(&bytes);
    }

    #[test]
    fn damaged_blocks_are_decoded_without_panic(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = encode(&head(), &nodes());
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        use_all(&bytes);
    }
}

fn header() -> Header {
    Header { root: BlockRef { offset: 64, bytes: 200, sum: 7 }, end: 264, live_bytes: 200, nonce: 1 << 60 }
}

#[test]
fn headers_read_back() {
    assert_eq!(Header::decode(&header().encode()), Ok(header()));
}

#[test]
fn a_changed_header_is_none() {
    let good = header().encode();
    for at in 0..HEADER_BYTES {
        for bit in 0..8 {
            let mut bad = good;
            bad[at] ^= 1 << bit;
            assert!(Header::decode(&bad).is_err(), "byte {at}, bit {bit}");
        }
        assert!(Header::decode(&good[..at]).is_err(), "{at} bytes");
    }
    assert!(Header::decode(&[0; HEADER_BYTES]).is_err());
}

proptest! {
    #[test]
    fn a_changed_byte_changes_the_sum(mut bytes in prop::collection::vec(any::<u8>(), 1..300), at: prop::sample::Index, flip in 1..=255u8) {
        let before = block_sum(&bytes);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert_ne!(before, block_sum(&bytes));
    }

    #[test]
    fn zeros_have_other_sums(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
        prop_assume!(bytes.iter().any(|&byte| byte != 0));
        prop_assert_ne!(block_sum(&bytes), block_sum(&vec![0; bytes.len()]));
        prop_assert_ne!(block_sum(&vec![0; bytes.len()]), block_sum(&vec![0; bytes.len() + 1]));
    }

    #[test]
    fn references_beyond_the_file_find_nothing(offset: u64, bytes: u32, sum: u64, file in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(BlockRef { offset, bytes, sum }.find(&file).map(block_sum), None);
    }
}
