//! Packs: frames for other machines. As a segment, but whole in itself: a delta names its base by id, and a table at the end says
//! which object is where, so that a single one can be fetched without the rest.

use super::FORMAT_VERSION;
use super::bytes::{ByteReader, FormatError, checksum, put_varint};
use super::remote::{STAMP_BYTES, Stamp};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{GROUP_MEMBERS_MAX, PACK_BYTES_MAX};

/// First bytes of a pack.
pub const PACK_MAGIC: [u8; 8] = *b"\x89LPK\r\n\x1a\n";
/// Length of a pack's header in bytes.
pub const PACK_HEADER_BYTES: usize = 24;
/// Length of what stands behind the table, in bytes: the table's length and its checksum.
pub const PACK_FOOTER_BYTES: usize = 12;

const WHAT: &str = "pack";
const ID_CONTEXT: &str = "lua_store 2026-11 remote: pack id";

/// The id of a pack with these bytes. The same contents, packed again with the same stamp, have the same id.
pub fn pack_id(bytes: &[u8]) -> ObjectId {
    ObjectId::from_bytes(*blake3::Hasher::new_derive_key(ID_CONTEXT).update(bytes).finalize().as_bytes())
}

/// A frame of a pack, as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackFrame {
    /// Where it begins, in bytes of the pack.
    pub offset: u32,
    /// Its length in bytes.
    pub bytes: u32,
    /// Kind of the objects in it.
    pub kind: ObjectKind,
    /// Ids of the objects in it.
    pub ids: Vec<ObjectId>,
}

/// Puts a pack together.
pub struct PackBuilder {
    bytes: Vec<u8>,
    frames: Vec<PackFrame>,
}

impl PackBuilder {
    /// A pack with nothing in it yet.
    pub fn new(stamp: Stamp) -> Self {
        let mut bytes = vec![0; PACK_HEADER_BYTES];
        bytes[..8].copy_from_slice(&PACK_MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[10..10 + STAMP_BYTES].copy_from_slice(&stamp.0);
        let sum = checksum::<4>(&bytes[..20]);
        bytes[20..].copy_from_slice(&sum);
        Self { bytes, frames: Vec::new() }
    }

    /// Adds a whole frame, which must not have a base that is near.
    pub fn push(&mut self, kind: ObjectKind, ids: Vec<ObjectId>, frame: &[u8]) {
        self.frames.push(PackFrame { offset: self.bytes.len() as u32, bytes: frame.len() as u32, kind, ids });
        self.bytes.extend_from_slice(frame);
    }

    /// Bytes so far, without the table.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Number of objects so far.
    pub fn objects(&self) -> u64 {
        self.frames.iter().map(|frame| frame.ids.len() as u64).sum()
    }

    /// The pack of what was added since the last one, and its number of objects; `None` if that is nothing. What is added from now on
    /// goes into a new one with the same stamp.
    pub fn finish_if_any(&mut self) -> Option<(Vec<u8>, u64)> {
        let objects = self.objects();
        (objects > 0).then(|| {
            let next = Self { bytes: self.bytes[..PACK_HEADER_BYTES].to_vec(), frames: Vec::new() };
            (std::mem::replace(self, next).finish(), objects)
        })
    }

    /// The finished pack.
    pub fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len();
        put_varint(&mut self.bytes, self.frames.len() as u64);
        for frame in &self.frames {
            put_varint(&mut self.bytes, u64::from(frame.bytes));
            self.bytes.push(frame.kind as u8);
            put_varint(&mut self.bytes, frame.ids.len() as u64);
            frame.ids.iter().for_each(|id| self.bytes.extend_from_slice(id.as_bytes()));
        }
        let sum = checksum::<8>(&self.bytes[start..]);
        let table_bytes = (self.bytes.len() - start) as u32;
        self.bytes.extend_from_slice(&table_bytes.to_le_bytes());
        self.bytes.extend_from_slice(&sum);
        self.bytes
    }
}

/// Reads the table of a pack. The frames follow each other without a gap and end where the table begins; what is in them is not
/// looked at, and the ids are only what the table says.
pub fn decode_pack(bytes: &[u8]) -> Result<Vec<PackFrame>, FormatError> {
    if bytes.len() > PACK_BYTES_MAX {
        return Err(FormatError::OverLimit { what: WHAT, value: bytes.len() as u64, max: PACK_BYTES_MAX as u64 });
    }
    check_header(bytes)?;
    let truncated = FormatError::Truncated { what: WHAT };
    let footer_at = bytes.len().checked_sub(PACK_FOOTER_BYTES).ok_or(truncated.clone())?;
    let mut footer = ByteReader::new(&bytes[footer_at..], WHAT);
    let (table_bytes, sum) = (footer.u32()? as usize, footer.array::<8>()?);
    let table_at = footer_at.checked_sub(table_bytes).filter(|&at| at >= PACK_HEADER_BYTES).ok_or(truncated)?;
    if checksum::<8>(&bytes[table_at..footer_at]) != sum {
        return Err(FormatError::Checksum { what: WHAT });
    }
    decode_table(ByteReader::new(&bytes[table_at..footer_at], WHAT), table_at)
}

fn check_header(bytes: &[u8]) -> Result<(), FormatError> {
    let mut reader = ByteReader::new(bytes, WHAT);
    let header = reader.take(PACK_HEADER_BYTES)?;
    let mut reader = ByteReader::new(header, WHAT);
    reader.head(PACK_MAGIC)?;
    reader.array::<STAMP_BYTES>()?;
    if checksum::<4>(&header[..20]) != header[20..] {
        return Err(FormatError::Checksum { what: WHAT });
    }
    Ok(())
}

fn decode_table(mut reader: ByteReader<'_>, frames_end: usize) -> Result<Vec<PackFrame>, FormatError> {
    let count = reader.varint_max(reader.remaining() as u64)?;
    let mut frames = Vec::new();
    let mut offset = PACK_HEADER_BYTES;
    for _ in 0..count {
        let bytes = reader.varint_max((frames_end - offset) as u64)? as usize;
        let kind = ObjectKind::from_number(reader.u8()?).filter(|&kind| kind != ObjectKind::Record);
        let kind = kind.ok_or_else(|| reader.malformed("a kind of object that no pack holds"))?;
        let members = reader.varint_max(GROUP_MEMBERS_MAX as u64)? as usize;
        // So that an entry takes more bytes in the table than it takes memory to begin with.
        if bytes == 0 || members == 0 {
            return Err(reader.malformed("a frame without objects"));
        }
        let mut ids = Vec::new();
        for _ in 0..members {
            ids.push(ObjectId::from_bytes(reader.array()?));
        }
        frames.push(PackFrame { offset: offset as u32, bytes: bytes as u32, kind, ids });
        offset += bytes;
    }
    if offset != frames_end {
        return Err(reader.malformed("its frames do not end where its table begins"));
    }
    reader.finish()?;
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(stamp: Stamp) -> Vec<u8> {
        let mut pack = PackBuilder::new(stamp);
        pack.push(ObjectKind::Tree, vec![ObjectId::of(ObjectKind::Tree, b"t")], b"frame one");
        pack.push(ObjectKind::Blob, vec![ObjectId::ZERO, ObjectId::of(ObjectKind::Blob, b"b")], b"two");
        assert_eq!(pack.objects(), 3);
        pack.finish()
    }

    #[test]
    fn packs_read_back_and_every_flipped_bit_changes_the_id() {
        let bytes = sample(Stamp([7; STAMP_BYTES]));
        let frames = decode_pack(&bytes).unwrap();
        assert_eq!((frames[0].offset, frames[0].bytes, frames[1].offset, frames[1].ids.len()), (24, 9, 33, 2));
        for position in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            assert_ne!(pack_id(&damaged), pack_id(&bytes));
            let in_a_frame = (24..36).contains(&(position / 8));
            assert_eq!(decode_pack(&damaged).is_ok(), in_a_frame, "bit {position}");
        }
        for length in 0..bytes.len() {
            assert!(decode_pack(&bytes[..length]).is_err(), "{length}");
        }
    }

    /// Packs lie in buckets for ever, so these bytes never change.
    #[test]
    fn the_bytes_of_packs_stay() {
        let id = pack_id(&sample(Stamp::default())).to_string();
        assert_eq!(id, "4a1183846c8bf54b7978c1becc60c5b1e4c36b2536d61364028bc6317689bd2f");
    }

    /// Each would take three bytes of a pack, and forty of memory.
    #[test]
    fn frames_without_objects_are_refused() {
        let id = vec![ObjectId::ZERO];
        for (ids, frame) in [(Vec::new(), &b"frame"[..]), (id.clone(), b""), (Vec::new(), b"")] {
            let mut pack = PackBuilder::new(Stamp::default());
            pack.push(ObjectKind::Blob, id.clone(), b"frame");
            pack.push(ObjectKind::Blob, ids, frame);
            assert!(matches!(decode_pack(&pack.finish()), Err(FormatError::Malformed { .. })));
        }
    }

    proptest! {
        #[test]
        fn any_table_is_read_without_panic(table: Vec<u8>) {
            let mut bytes = PackBuilder::new(Stamp::default()).bytes;
            bytes.extend_from_slice(&table);
            bytes.extend_from_slice(&(table.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&checksum::<8>(&table));
            let _ = decode_pack(&bytes);
        }
    }
}
