//! Segments and the frames in them. A segment is a header and then frames, one behind the other.
//!
//! A frame holds one object, a group of objects, or the chunk list of a large object. It does not repeat the ids of
//! what it holds: they follow from the content, and every read computes them anyway. That saves 32 bytes an object,
//! a tenth of the store when versions are small edits.

use super::FORMAT_VERSION;
use super::bytes::{ByteReader, FormatError, checksum, put_varint};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{DELTA_DEPTH_MAX, FRAME_RAW_BYTES_MAX, FRAME_STORED_BYTES_MAX, GROUP_MEMBERS_MAX, RECORD_GROUP_MEMBERS_MAX};

/// First bytes of a segment: a byte that is no ASCII, the name, and line ends that a text transfer would change.
pub const SEGMENT_MAGIC: [u8; 8] = *b"\x89LUA\r\n\x1a\n";
/// Length of a segment's header in bytes.
pub const SEGMENT_HEADER_BYTES: usize = 24;
/// First byte of each frame.
pub const FRAME_MARKER: u8 = 0xf7;
/// Length of the checksum at the end of each frame, in bytes.
pub const FRAME_CHECKSUM_BYTES: usize = 4;

/// The header of a segment: magic, format version, and eight random bytes that make the segment one of its own.
pub fn encode_segment_header(nonce: [u8; 8]) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut header = [0; SEGMENT_HEADER_BYTES];
    header[..8].copy_from_slice(&SEGMENT_MAGIC);
    header[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    // Bytes 10 and 11 are reserved and zero.
    header[12..20].copy_from_slice(&nonce);
    let sum = checksum::<4>(&header[..20]);
    header[20..].copy_from_slice(&sum);
    header
}

/// Checks a segment's header. The nonce needs no reading: it only makes headers differ.
pub fn check_segment_header(bytes: &[u8]) -> Result<(), FormatError> {
    const WHAT: &str = "segment header";
    let mut reader = ByteReader::new(bytes, WHAT);
    let header = reader.take(SEGMENT_HEADER_BYTES)?;
    let mut reader = ByteReader::new(header, WHAT);
    reader.head(SEGMENT_MAGIC)?;
    reader.reserved::<2>()?;
    if checksum::<4>(&header[..20]) != header[20..] {
        return Err(FormatError::Checksum { what: WHAT });
    }
    Ok(())
}

/// What a frame's content is, once it is decompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One object.
    Single,
    /// Several objects, one behind the other; their lengths in bytes.
    Group(Vec<u32>),
    /// The chunk list of a large object: see `format::chunk_list`.
    ChunkList,
}

/// Where the content that a delta is made against is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// In the same segment: the frame that begins this many bytes before, and the object's place in it.
    Near {
        /// Bytes from the base's frame to this one.
        distance: u64,
        /// Which object of that frame.
        member: u16,
    },
    /// Anywhere in the store.
    Far(ObjectId),
}

/// How a frame's content is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Raw,
    /// One zstd frame (RFC 8878) without its magic number.
    Zstd,
    /// The same, with the content of another object as prefix: a delta.
    Delta {
        /// That other object. For a chunk list, the object whose chunk list is meant.
        base: Base,
        /// Deltas up to a frame that stands alone: at least 1.
        depth: u8,
    },
}

/// Everything about a frame but its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Kind of the object or objects.
    pub kind: ObjectKind,
    /// What the content is.
    pub content: Content,
    /// How it is stored.
    pub coding: Coding,
    /// Length of the content in bytes.
    pub raw_bytes: u32,
    /// Length of the payload as stored, in bytes.
    pub stored_bytes: u32,
}

impl FrameHeader {
    /// Number of objects in the frame.
    pub fn members(&self) -> usize {
        match &self.content {
            Content::Single | Content::ChunkList => 1,
            Content::Group(lengths) => lengths.len(),
        }
    }

    /// Where the content of an object of the frame begins and ends, in bytes of the content.
    pub fn member_range(&self, member: u16) -> Option<std::ops::Range<usize>> {
        match &self.content {
            Content::Single | Content::ChunkList => (member == 0).then_some(0..self.raw_bytes as usize),
            Content::Group(lengths) => {
                let length = *lengths.get(member as usize)? as usize;
                let start: usize = lengths[..member as usize].iter().map(|&length| length as usize).sum();
                Some(start..start + length)
            }
        }
    }

    /// The objects of the frame's content. Of a content that is too short those that do not fit are empty.
    pub fn split<'c>(&self, content: &'c [u8]) -> Vec<&'c [u8]> {
        let Content::Group(lengths) = &self.content else { return vec![content] };
        let mut rest = content;
        let mut next = |&length: &u32| {
            let (object, behind) = rest.split_at_checked(length as usize).unwrap_or_default();
            rest = behind;
            object
        };
        lengths.iter().map(&mut next).collect()
    }

    /// Number of deltas up to a frame that stands alone.
    pub fn depth(&self) -> u8 {
        match self.coding {
            Coding::Delta { depth, .. } => depth,
            Coding::Raw | Coding::Zstd => 0,
        }
    }

    /// Appends the header's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let coding = match self.coding {
            Coding::Raw => 0,
            Coding::Zstd => 1,
            Coding::Delta { .. } => 2,
        };
        let content = match self.content {
            Content::Single => 0,
            Content::Group(_) => 1,
            Content::ChunkList => 2,
        };
        out.push(FRAME_MARKER);
        out.push(coding | content << 2 | (self.kind as u8) << 4);
        put_varint(out, u64::from(self.stored_bytes));
        if coding != 0 {
            put_varint(out, u64::from(self.raw_bytes));
        }
        if let Coding::Delta { base, depth } = self.coding {
            out.push(depth);
            match base {
                Base::Near { distance, member } => {
                    put_varint(out, distance);
                    put_varint(out, u64::from(member));
                }
                Base::Far(id) => {
                    out.push(0);
                    out.extend_from_slice(id.as_bytes());
                }
            }
        }
        if let Content::Group(lengths) = &self.content {
            put_varint(out, lengths.len() as u64);
            lengths.iter().for_each(|&length| put_varint(out, u64::from(length)));
        }
    }

    fn decode(reader: &mut ByteReader<'_>) -> Result<Self, FormatError> {
        if reader.u8()? != FRAME_MARKER {
            return Err(reader.malformed("it does not begin as a frame does"));
        }
        let tag = reader.u8()?;
        let kind = ObjectKind::from_number(tag >> 4).ok_or_else(|| reader.malformed("unknown kind of object"))?;
        let stored_bytes = reader.varint_max(FRAME_STORED_BYTES_MAX as u64)? as u32;
        let raw_bytes = if tag & 3 == 0 { stored_bytes } else { reader.varint_max(FRAME_RAW_BYTES_MAX as u64)? as u32 };
        let coding = match tag & 3 {
            0 => Coding::Raw,
            1 => Coding::Zstd,
            2 => decode_delta(reader)?,
            _ => return Err(reader.malformed("unknown coding")),
        };
        let content = match tag >> 2 & 3 {
            0 => Content::Single,
            1 => Content::Group(decode_lengths(reader, raw_bytes, members_max(kind))?),
            2 => Content::ChunkList,
            _ => return Err(reader.malformed("unknown content")),
        };
        Ok(Self { kind, content, coding, raw_bytes, stored_bytes })
    }
}

fn decode_delta(reader: &mut ByteReader<'_>) -> Result<Coding, FormatError> {
    let depth = reader.u8()?;
    if depth == 0 || depth > DELTA_DEPTH_MAX {
        return Err(reader.malformed("a chain of deltas is empty or too long"));
    }
    let base = match reader.varint()? {
        0 => Base::Far(ObjectId::from_bytes(reader.array()?)),
        distance => Base::Near { distance, member: reader.varint_max(GROUP_MEMBERS_MAX as u64 - 1)? as u16 },
    };
    Ok(Coding::Delta { base, depth })
}

/// Most objects of a frame. Records have no locations, so there can be more of them.
fn members_max(kind: ObjectKind) -> usize {
    if kind == ObjectKind::Record { RECORD_GROUP_MEMBERS_MAX } else { GROUP_MEMBERS_MAX }
}

fn decode_lengths(reader: &mut ByteReader<'_>, raw_bytes: u32, members_max: usize) -> Result<Vec<u32>, FormatError> {
    let count = reader.varint_max(members_max as u64)? as usize;
    if count > reader.remaining() {
        return Err(reader.malformed("more members than bytes"));
    }
    let mut lengths = Vec::with_capacity(count);
    let mut sum = 0u64;
    for _ in 0..count {
        let length = reader.varint_max(u64::from(raw_bytes))?;
        sum += length;
        lengths.push(length as u32);
    }
    if sum != u64::from(raw_bytes) {
        return Err(reader.malformed("the members' lengths do not add up"));
    }
    Ok(lengths)
}

/// A frame in the bytes of a segment.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// The frame's header.
    pub header: FrameHeader,
    /// The content as stored.
    pub payload: &'a [u8],
    /// Length of the whole frame in bytes.
    pub frame_bytes: usize,
}

impl<'a> Frame<'a> {
    /// Reads the frame at the beginning of `bytes`, without computing its checksum: whoever decodes the content checks
    /// ids, which is stronger.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut reader = ByteReader::new(bytes, "frame");
        let header = FrameHeader::decode(&mut reader)?;
        let payload = reader.take(header.stored_bytes as usize)?;
        reader.take(FRAME_CHECKSUM_BYTES)?;
        Ok(Self { header, payload, frame_bytes: bytes.len() - reader.remaining() })
    }

    /// Reads the frame at the beginning of `bytes` and checks its checksum.
    pub fn parse_checked(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let frame = Self::parse(bytes)?;
        let (covered, sum) = bytes[..frame.frame_bytes].split_at(frame.frame_bytes - FRAME_CHECKSUM_BYTES);
        if checksum::<FRAME_CHECKSUM_BYTES>(covered) != sum {
            return Err(FormatError::Checksum { what: "frame" });
        }
        Ok(frame)
    }
}

/// Appends a whole frame: header, payload, checksum.
pub fn encode_frame(header: &FrameHeader, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    header.encode(out);
    out.extend_from_slice(payload);
    let sum = checksum::<FRAME_CHECKSUM_BYTES>(&out[start..]);
    out.extend_from_slice(&sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(content: Content, coding: Coding, raw_bytes: u32, stored_bytes: u32) -> FrameHeader {
        FrameHeader { kind: ObjectKind::Blob, content, coding, raw_bytes, stored_bytes }
    }

    #[test]
    fn frames_read_back() {
        let near = Coding::Delta { base: Base::Near { distance: 300, member: 7 }, depth: 3 };
        let far = Coding::Delta { base: Base::Far(ObjectId::of(ObjectKind::Blob, b"base")), depth: 1 };
        for header in [
            header(Content::Single, Coding::Raw, 5, 5),
            header(Content::Group(vec![3, 0, 2]), Coding::Zstd, 5, 5),
            header(Content::ChunkList, near, 900, 5),
            header(Content::Single, far, 0, 5),
        ] {
            let mut bytes = Vec::new();
            encode_frame(&header, b"12345", &mut bytes);
            bytes.extend_from_slice(b"the next frame");
            let frame = Frame::parse_checked(&bytes).unwrap();
            assert_eq!(frame.header, header);
            assert_eq!(frame.payload, b"12345");
            assert_eq!(frame.frame_bytes, bytes.len() - b"the next frame".len());
        }
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_found() {
        let mut bytes = Vec::new();
        encode_frame(&header(Content::Group(vec![2, 3]), Coding::Raw, 5, 5), b"12345", &mut bytes);
        for position in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            assert!(Frame::parse_checked(&damaged).is_err(), "bit {position}");
        }
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(matches!(Frame::parse_checked(&bytes), Err(FormatError::Checksum { .. })));
    }

    #[test]
    fn members_have_their_ranges() {
        let group = header(Content::Group(vec![3, 0, 2]), Coding::Raw, 5, 5);
        assert_eq!([0, 1, 2, 3].map(|member| group.member_range(member)), [Some(0..3), Some(3..3), Some(3..5), None]);
    }

    #[test]
    fn segment_headers_are_checked() {
        let good = encode_segment_header([7; 8]);
        assert_eq!(check_segment_header(&good), Ok(()));
        for position in 0..good.len() * 8 {
            let mut damaged = good;
            damaged[position / 8] ^= 1 << (position % 8);
            assert!(check_segment_header(&damaged).is_err(), "bit {position}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(mut bytes: Vec<u8>, tag: u8) {
            if bytes.len() > 2 {
                bytes[0] = FRAME_MARKER;
                bytes[1] = tag;
            }
            if let Ok(frame) = Frame::parse(&bytes) {
                prop_assert!(frame.frame_bytes <= bytes.len());
            }
        }
    }
}
