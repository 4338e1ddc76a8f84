//! What a purge says: which contents went, and where they had stood.

use crate::format::bytes::{ByteReader, FormatError, put_prefixed, put_varint};
use crate::id::ObjectId;
use crate::limits::{PURGED_CONTENTS_MAX, PURGED_PATHS_BYTES_MAX};

/// Contents were removed from all versions before this entry. Those versions stay, and say what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeRecord {
    /// Paths at which the contents stood, in the order of their bytes; as many as fit into [`PURGED_PATHS_BYTES_MAX`].
    pub paths: Vec<Vec<u8>>,
    /// The contents, in the order of their ids; at least one and at most [`PURGED_CONTENTS_MAX`].
    pub contents: Vec<ObjectId>,
}

pub(super) fn encode(purge: &PurgeRecord, out: &mut Vec<u8>) {
    put_varint(out, purge.paths.len() as u64);
    purge.paths.iter().for_each(|path| put_prefixed(out, path));
    put_varint(out, purge.contents.len() as u64);
    purge.contents.iter().for_each(|id| out.extend_from_slice(id.as_bytes()));
}

pub(super) fn decode(reader: &mut ByteReader<'_>) -> Result<PurgeRecord, FormatError> {
    let count = reader.varint_max(PURGED_PATHS_BYTES_MAX as u64)? as usize;
    let mut paths: Vec<Vec<u8>> = Vec::with_capacity(count.min(reader.remaining()));
    let mut path_bytes = 0;
    for _ in 0..count {
        let path = reader.prefixed(PURGED_PATHS_BYTES_MAX)?;
        path_bytes += path.len();
        if path.is_empty() || path_bytes > PURGED_PATHS_BYTES_MAX || paths.last().is_some_and(|last| &last[..] >= path) {
            return Err(reader.malformed("its paths are too long, or not in order"));
        }
        paths.push(path.to_vec());
    }
    let count = reader.varint_max(PURGED_CONTENTS_MAX as u64)? as usize;
    if count == 0 || count > reader.remaining() / ObjectId::BYTES {
        return Err(reader.malformed("it names no contents, or more than there is room for"));
    }
    let mut contents: Vec<ObjectId> = Vec::with_capacity(count);
    for _ in 0..count {
        let id = ObjectId::from_bytes(reader.array()?);
        if contents.last().is_some_and(|last| *last >= id) {
            return Err(reader.malformed("its contents are not in order"));
        }
        contents.push(id);
    }
    Ok(PurgeRecord { paths, contents })
}
