//! The stat cache: what each path of the workspace looked like when its content was last read. A cache only: whatever is wrong
//! with it counts as "not there" and costs time, but no damage may ever put a wrong id into a tree.
//!
//! The file is a [`Header`] of [`HEADER_BYTES`] bytes and then blocks, one for each directory, each behind those of the
//! directories in it. All numbers are little-endian. A block is never changed; a directory that changed gets a new block, as do
//! all directories above it, and then the header is overwritten to name the new root. A [`BlockRef`] holds the checksum of the
//! block it names, so the header vouches for the root's block and that, in turn, for everything below: a block that was torn,
//! that is from an older state, or that belongs to another directory is found out.
//!
//! | header, offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | [`MAGIC`] |
//! | 8 | 2 | [`VERSION`] |
//! | 10 | 2 | zero |
//! | 12 | 20 | the root's [`BlockRef`]: offset 8, length 4, checksum 8 |
//! | 32 | 8 | end of the last block: the next one is written there |
//! | 40 | 8 | bytes of the blocks that are reachable from the root |
//! | 48 | 8 | random number of this file, chosen when it is written anew |
//! | 56 | 8 | checksum of the 56 bytes before it |
//!
//! The bytes of a block are specified in `stat_cache/block.rs`.

mod block;
mod builder;
mod row;
#[cfg(test)]
pub(crate) mod tests;

pub use block::Block;
pub use builder::{BlockBuilder, kept_text};
pub use row::{BlockHead, Row, RowNode, RulesDigest, StatKey, Witness};

use super::bytes::{ByteReader, FormatError};

/// First bytes of a stat cache: a byte that is no ASCII, the name, and line ends that a text transfer would change.
pub const MAGIC: [u8; 8] = *b"\x89LSC\r\n\x1a\n";
/// Version of this format. Any other one counts as no cache.
pub const VERSION: u16 = 1;
/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 64;

const WHAT: &str = "stat cache";

/// Where a block is, and what its bytes add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRef {
    /// Offset of the block's first byte in the file.
    pub offset: u64,
    /// Length of the block in bytes.
    pub bytes: u32,
    /// Its [`block_sum`].
    pub sum: u64,
}

impl BlockRef {
    /// Length of a reference in bytes.
    pub const BYTES: usize = 20;

    /// The block's bytes out of those of the whole file; `None` when they are not there or not the right ones.
    pub fn find(self, file: &[u8]) -> Option<&[u8]> {
        let start = usize::try_from(self.offset).ok()?;
        let bytes = file.get(start..start.checked_add(self.bytes as usize)?)?;
        (block_sum(bytes) == self.sum).then_some(bytes)
    }

    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.sum.to_le_bytes());
    }

    fn read(reader: &mut ByteReader<'_>) -> Result<Self, FormatError> {
        Ok(Self { offset: reader.u64()?, bytes: reader.u32()?, sum: reader.u64()? })
    }
}

/// The first bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The block of the workspace's root.
    pub root: BlockRef,
    /// Where the last block ends, as an offset in the file.
    pub end: u64,
    /// Bytes of all blocks that are reachable from the root.
    pub live_bytes: u64,
    /// A random number, chosen when the file was written anew: two files never have the same header.
    pub nonce: u64,
}

impl Header {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        self.root.put(&mut out);
        for number in [self.end, self.live_bytes, self.nonce] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let sum = block_sum(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&out);
        header
    }

    /// Reads a header from the first bytes of a file.
    pub fn decode(file: &[u8]) -> Result<Self, FormatError> {
        let bytes = ByteReader::new(file, WHAT).take(HEADER_BYTES)?;
        let mut reader = ByteReader::new(bytes, WHAT);
        if reader.array::<8>()? != MAGIC {
            return Err(reader.malformed("it does not begin as a stat cache does"));
        }
        if reader.u16()? != VERSION {
            return Err(reader.malformed("it has another version"));
        }
        if block_sum(&bytes[..HEADER_BYTES - 8]).to_le_bytes() != bytes[HEADER_BYTES - 8..] {
            return Err(FormatError::Checksum { what: WHAT });
        }
        reader.reserved::<2>()?;
        Ok(Self { root: BlockRef::read(&mut reader)?, end: reader.u64()?, live_bytes: reader.u64()?, nonce: reader.u64()? })
    }
}

/// The checksum of a block: finds damage, is no defence against malice.
///
/// Four lanes take eight bytes each in turn. A step is one-to-one in the lane and in the bytes, so damage within any eight
/// aligned bytes is always found; other damage stays unnoticed with a chance of one in 2^64. (BLAKE3 over blocks of this size,
/// about 2 KB, would take 4 % of the time of a push in which nothing changed; this takes a tenth of that.)
pub fn block_sum(bytes: &[u8]) -> u64 {
    let mut lanes = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93];
    let (pieces, rest) = bytes.as_chunks::<32>();
    pieces.iter().for_each(|piece| add_piece(&mut lanes, piece));
    let mut last = [0; 32];
    last[..rest.len()].copy_from_slice(rest);
    add_piece(&mut lanes, &last);
    lanes.into_iter().fold(bytes.len() as u64, mix)
}

fn add_piece(lanes: &mut [u64; 4], piece: &[u8; 32]) {
    for (lane, word) in lanes.iter_mut().zip(piece.as_chunks::<8>().0) {
        *lane = mix(*lane, u64::from_le_bytes(*word));
    }
}

/// One-to-one in each argument while the other stays the same.
fn mix(state: u64, word: u64) -> u64 {
    let mixed = (state ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25);
    mixed ^ mixed >> 29
}
