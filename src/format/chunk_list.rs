//! The chunk list of a large object: its own id, and the blobs that make up its content, in order.

use super::bytes::{ByteReader, FormatError, put_varint};
use crate::id::ObjectId;
use crate::limits::CHUNK_BYTES_MAX;

/// One chunk of a large object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Id of the chunk as a blob.
    pub id: ObjectId,
    /// Length in bytes, 1 to [`CHUNK_BYTES_MAX`].
    pub bytes: u32,
}

/// The chunks of a large object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkList {
    /// Id of the whole content.
    pub whole: ObjectId,
    /// The chunks in order.
    pub chunks: Vec<Chunk>,
}

impl ChunkList {
    /// Length of the whole content in bytes.
    pub fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum()
    }

    /// The list's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(ObjectId::BYTES + self.chunks.len() * (ObjectId::BYTES + 3));
        out.extend_from_slice(self.whole.as_bytes());
        for chunk in &self.chunks {
            out.extend_from_slice(chunk.id.as_bytes());
            put_varint(&mut out, u64::from(chunk.bytes));
        }
        out
    }

    /// Reads a list.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = ByteReader::new(bytes, "chunk list");
        let whole = ObjectId::from_bytes(reader.array()?);
        let mut chunks = Vec::with_capacity(reader.remaining() / (ObjectId::BYTES + 1));
        while reader.remaining() > 0 {
            let id = ObjectId::from_bytes(reader.array()?);
            let bytes = reader.varint_max(CHUNK_BYTES_MAX as u64)? as u32;
            if bytes == 0 {
                return Err(reader.malformed("an empty chunk"));
            }
            chunks.push(Chunk { id, bytes });
        }
        Ok(Self { whole, chunks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ObjectKind;

    #[test]
    fn lists_read_back() {
        let chunk = |text: &[u8], bytes| Chunk { id: ObjectId::of(ObjectKind::Blob, text), bytes };
        let list = ChunkList { whole: ObjectId::of(ObjectKind::Blob, b"w"), chunks: vec![chunk(b"a", 70_000), chunk(b"b", 1)] };
        assert_eq!(ChunkList::decode(&list.encode()), Ok(list.clone()));
        assert_eq!(list.bytes(), 70_001);
        assert!(ChunkList::decode(&list.encode()[..40]).is_err());
    }
}
