//! Catalogs: which content is where in which pack, so that a machine can fetch some of them and leave the rest. A catalog lies beside
//! the packs that it is about; a machine keeps one of its own of what it has not fetched.

use std::collections::HashMap;

use super::FORMAT_VERSION;
use super::bytes::{ByteReader, FormatError, checksum, put_varint};
use super::frame::{Base, Coding, Frame};
use super::pack::{PackFrame, decode_pack};
use super::remote::{PackRef, Stamp, begin, put_packs, put_stamp, take_packs, take_stamp};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{GROUP_MEMBERS_MAX, PACK_BYTES_MAX};

/// First bytes of a catalog.
pub const CATALOG_MAGIC: [u8; 8] = *b"\x89LPC\r\n\x1a\n";

const WHAT: &str = "catalog";
/// How a base is written down: none, by its id, or from here on as the place of an object before it.
const NO_BASE: u64 = 0;
const BASE_BY_ID: u64 = 1;
const BASE_BY_PLACE: u64 = 2;

/// A frame of a pack, and the content that its delta is made against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogFrame {
    /// Which of the catalog's packs.
    pub pack: u32,
    /// The frame in it.
    pub frame: PackFrame,
    /// What it is a delta against.
    pub base: Option<ObjectId>,
}

/// What is in packs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The packs.
    pub packs: Vec<PackRef>,
    /// Frames in them.
    pub frames: Vec<CatalogFrame>,
    /// What it was sent with.
    pub stamp: Stamp,
}

/// The frames of a pack with these bytes, each with what it is a delta against.
pub fn frames_of_pack(bytes: &[u8]) -> Result<Vec<(PackFrame, Option<ObjectId>)>, FormatError> {
    let with_base = |frame: PackFrame| {
        let coding = Frame::parse(&bytes[frame.offset as usize..][..frame.bytes as usize])?.header.coding;
        let base = if let Coding::Delta { base: Base::Far(id), .. } = coding { Some(id) } else { None };
        Ok((frame, base))
    };
    decode_pack(bytes)?.into_iter().map(with_base).collect()
}

impl Catalog {
    /// Adds a pack with these frames.
    pub fn push(&mut self, pack: PackRef, frames: impl IntoIterator<Item = (PackFrame, Option<ObjectId>)>) {
        let number = self.packs.iter().position(|known| known.id == pack.id).unwrap_or_else(|| {
            self.packs.push(pack);
            self.packs.len() - 1
        }) as u32;
        self.frames.extend(frames.into_iter().map(|(frame, base)| CatalogFrame { pack: number, frame, base }));
    }

    /// Number of objects in it.
    pub fn objects(&self) -> u64 {
        self.frames.iter().map(|frame| frame.frame.ids.len() as u64).sum()
    }

    /// The catalog's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = CATALOG_MAGIC.to_vec();
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        put_packs(&mut out, &self.packs);
        put_varint(&mut out, self.frames.len() as u64);
        let mut places: HashMap<ObjectId, u64> = HashMap::new();
        let mut place = 0;
        for CatalogFrame { pack, frame, base } in &self.frames {
            put_varint(&mut out, u64::from(*pack));
            put_varint(&mut out, u64::from(frame.offset));
            put_varint(&mut out, u64::from(frame.bytes));
            out.push(frame.kind as u8);
            match base.map(|base| (base, places.get(&base))) {
                None => put_varint(&mut out, NO_BASE),
                Some((_, Some(place))) => put_varint(&mut out, BASE_BY_PLACE + place),
                Some((base, None)) => {
                    put_varint(&mut out, BASE_BY_ID);
                    out.extend_from_slice(base.as_bytes());
                }
            }
            put_varint(&mut out, frame.ids.len() as u64);
            for id in &frame.ids {
                out.extend_from_slice(id.as_bytes());
                places.insert(*id, place);
                place += 1;
            }
        }
        put_stamp(&mut out, self.stamp);
        let sum = checksum::<8>(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads a catalog. Whether the packs are as it says is not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = begin(bytes, CATALOG_MAGIC, WHAT)?;
        let packs = take_packs(&mut reader)?;
        let (mut frames, mut ids) = (Vec::new(), Vec::new());
        for _ in 0..reader.varint_max(reader.remaining() as u64)? {
            let frame = take_frame(&mut reader, &packs, &ids)?;
            ids.extend_from_slice(&frame.frame.ids);
            frames.push(frame);
        }
        let stamp = take_stamp(&mut reader)?;
        reader.finish()?;
        Ok(Self { packs, frames, stamp })
    }
}

fn take_frame(reader: &mut ByteReader<'_>, packs: &[PackRef], ids: &[ObjectId]) -> Result<CatalogFrame, FormatError> {
    let pack = reader.varint_max((packs.len() as u64).saturating_sub(1))? as u32;
    let end = packs.get(pack as usize).map_or(0, |pack| pack.bytes).min(PACK_BYTES_MAX as u64);
    let offset = reader.varint_max(end)?;
    let bytes = reader.varint_max(end - offset)? as u32;
    let kind = ObjectKind::from_number(reader.u8()?).filter(|&kind| kind != ObjectKind::Record);
    let kind = kind.ok_or_else(|| reader.malformed("a kind of object that no pack holds"))?;
    let base = match reader.varint()? {
        NO_BASE => None,
        BASE_BY_ID => Some(ObjectId::from_bytes(reader.array()?)),
        place => {
            let base = ids.get((place - BASE_BY_PLACE) as usize).copied();
            Some(base.ok_or_else(|| reader.malformed("a base that does not stand before it"))?)
        }
    };
    let mut members = Vec::new();
    for _ in 0..reader.varint_max(GROUP_MEMBERS_MAX as u64)? {
        members.push(ObjectId::from_bytes(reader.array()?));
    }
    Ok(CatalogFrame { pack, frame: PackFrame { offset: offset as u32, bytes, kind, ids: members }, base })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::remote::STAMP_BYTES;
    use proptest::prelude::*;

    fn id(text: &[u8]) -> ObjectId {
        ObjectId::of(ObjectKind::Blob, text)
    }

    fn sample() -> Catalog {
        let frame =
            |offset, ids: &[&[u8]]| PackFrame { offset, bytes: 10, kind: ObjectKind::Blob, ids: ids.iter().map(|text| id(text)).collect() };
        let mut catalog = Catalog::default();
        let pack = |number: u8| PackRef { id: ObjectId::from_bytes([number; 32]), bytes: 100, objects: 3 };
        catalog.push(pack(1), [(frame(24, &[b"a", b"b"]), None), (frame(34, &[b"c"]), Some(id(b"b")))]);
        catalog.push(pack(2), [(frame(24, &[b"d"]), Some(id(b"elsewhere")))]);
        catalog
    }

    #[test]
    fn catalogs_read_back_and_damaged_ones_are_refused() {
        assert_eq!(Catalog::decode(&sample().encode()), Ok(sample()));
        let stamped = Catalog { stamp: Stamp([7; STAMP_BYTES]), ..sample() };
        let bytes = stamped.encode();
        assert_eq!(Catalog::decode(&bytes), Ok(stamped));
        assert_eq!(sample().objects(), 4);
        for position in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            assert!(Catalog::decode(&damaged).is_err(), "bit {position}");
        }
        assert!((0..bytes.len()).all(|length| Catalog::decode(&bytes[..length]).is_err()));
    }

    proptest! {
        #[test]
        fn any_catalog_is_decoded_without_panic(body: Vec<u8>) {
            let mut bytes = sample().encode()[..10].to_vec();
            bytes.extend_from_slice(&body);
            bytes.extend_from_slice(&checksum::<8>(&bytes.clone()));
            let _ = Catalog::decode(&bytes);
        }
    }
}
