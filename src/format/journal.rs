//! The journal of a checkout: what was about to be done to the workspace, for the command that finds it interrupted.
//!
//! | bytes | field |
//! |---|---|
//! | 8 | magic |
//! | 2 | format version, little-endian |
//! | 32 | id of the root tree before |
//! | 32 | id of the root tree after |
//! | varint | sequence of the newest entry of the version log when it began |
//! | varint + n | what triggered it, UTF-8 |
//! | varint + n | name of the stage directory: ASCII letters, digits and `-` |
//! | varint | number of paths left alone |
//! | each 1 | 1 when it is left alone as a directory, with all that is below it; 0 as a file or link |
//! | each varint + n | the path |
//! | 16 | checksum of all before it |

use super::FORMAT_VERSION;
use super::bytes::{ByteReader, FormatError, checksum, put_prefixed, put_varint};
use crate::id::ObjectId;
use crate::limits::{JOURNAL_BYTES_MAX, PATH_BYTES_MAX, STAGE_NAME_BYTES_MAX, TEXT_BYTES_MAX};
use crate::path::RelPath;

/// First bytes of a journal.
pub const JOURNAL_MAGIC: [u8; 8] = *b"\x89LUJ\r\n\x1a\n";
/// Length of the checksum at the end of a journal, in bytes.
pub const JOURNAL_CHECKSUM_BYTES: usize = 16;

const WHAT: &str = "journal of a checkout";

/// A path that a checkout does not touch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftAlone {
    /// Which path.
    pub path: RelPath,
    /// What the ignore rules exclude under this path: a directory and all that is below it, or a file or link.
    pub is_directory: bool,
}

/// What a checkout is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Root tree that the workspace was found equal to. Durable in the store before the journal is.
    pub from: ObjectId,
    /// Root tree that the workspace is brought to.
    pub to: ObjectId,
    /// Sequence of the newest entry of the version log at the start; 0 when there was none.
    pub sequence: u64,
    /// What made it, for example `rollback to v3`.
    pub triggered_by: String,
    /// Name of the stage directory: see [`is_stage_name`].
    pub stage: String,
    /// Paths that differ but were excluded by the ignore rules when it began, the topmost of each.
    pub left_alone: Vec<LeftAlone>,
}

/// Whether a stage directory may have this name: one component, nothing that a file system reads in its own way.
pub fn is_stage_name(name: &str) -> bool {
    (1..=STAGE_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl Journal {
    /// The journal's bytes. Those of a journal over a limit are refused by [`Journal::decode`], so decode before relying on them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&JOURNAL_MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(self.from.as_bytes());
        out.extend_from_slice(self.to.as_bytes());
        put_varint(&mut out, self.sequence);
        put_prefixed(&mut out, self.triggered_by.as_bytes());
        put_prefixed(&mut out, self.stage.as_bytes());
        put_varint(&mut out, self.left_alone.len() as u64);
        for left in &self.left_alone {
            out.push(u8::from(left.is_directory));
            put_prefixed(&mut out, left.path.as_bytes());
        }
        let sum = checksum::<JOURNAL_CHECKSUM_BYTES>(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads a journal.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > JOURNAL_BYTES_MAX {
            return Err(FormatError::OverLimit { what: WHAT, value: bytes.len() as u64, max: JOURNAL_BYTES_MAX as u64 });
        }
        let Some((body, sum)) = bytes.split_last_chunk::<JOURNAL_CHECKSUM_BYTES>() else {
            return Err(FormatError::Truncated { what: WHAT });
        };
        let mut reader = ByteReader::new(body, WHAT);
        reader.head(JOURNAL_MAGIC)?;
        if checksum::<JOURNAL_CHECKSUM_BYTES>(body) != *sum {
            return Err(FormatError::Checksum { what: WHAT });
        }
        let journal = decode_fields(&mut reader)?;
        reader.finish()?;
        Ok(journal)
    }
}

fn decode_fields(reader: &mut ByteReader<'_>) -> Result<Journal, FormatError> {
    let from = ObjectId::from_bytes(reader.array()?);
    let to = ObjectId::from_bytes(reader.array()?);
    let sequence = reader.varint()?;
    let triggered_by = decode_text(reader, TEXT_BYTES_MAX)?;
    let stage = decode_text(reader, STAGE_NAME_BYTES_MAX)?;
    if !is_stage_name(&stage) {
        return Err(reader.malformed("its stage directory has a name that none gets"));
    }
    // Each path takes three bytes at least, so a wrong number cannot ask for more memory than the journal's own size.
    let count = reader.varint_max(reader.remaining() as u64 / 3)?;
    let mut left_alone = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let is_directory = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(reader.malformed("neither a file nor a directory")),
        };
        let path = RelPath::new(reader.prefixed(PATH_BYTES_MAX)?).map_err(|_| reader.malformed("a path that no tree holds"))?;
        if path.is_root() {
            return Err(reader.malformed("it leaves the whole workspace alone"));
        }
        left_alone.push(LeftAlone { path, is_directory });
    }
    Ok(Journal { from, to, sequence, triggered_by, stage, left_alone })
}

fn decode_text(reader: &mut ByteReader<'_>, bytes_max: usize) -> Result<String, FormatError> {
    match std::str::from_utf8(reader.prefixed(bytes_max)?) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(reader.malformed("a text is not UTF-8")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::id::ObjectKind;
    use proptest::prelude::*;

    fn left_alone(path: &[u8], is_directory: bool) -> LeftAlone {
        LeftAlone { path: RelPath::new(path).unwrap(), is_directory }
    }

    pub(crate) fn sample() -> Journal {
        Journal {
            from: ObjectId::of(ObjectKind::Tree, b"from"),
            to: ObjectId::of(ObjectKind::Tree, b"to"),
            sequence: 300,
            triggered_by: "rollback to v3 äöü".into(),
            stage: "checkout-12-af".into(),
            left_alone: vec![left_alone(b"build", true), left_alone(b"d/\xff.log", false)],
        }
    }

    #[test]
    fn journals_read_back() {
        assert_eq!(Journal::decode(&sample().encode()), Ok(sample()));
        let bare = Journal { left_alone: Vec::new(), triggered_by: String::new(), ..sample() };
        assert_eq!(Journal::decode(&bare.encode()), Ok(bare));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let good = sample().encode();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(Journal::decode(&bad).is_err(), "byte {at}");
            assert!(Journal::decode(&good[..at]).is_err(), "length {at}");
        }
        assert!(Journal::decode(&[&good[..], b"x"].concat()).is_err());
    }

    #[test]
    fn evil_journals_are_refused() {
        for stage in ["", "..", "a/b", "a.b", ".lua", &"x".repeat(65)] {
            assert!(Journal::decode(&Journal { stage: stage.into(), ..sample() }.encode()).is_err(), "{stage:?}");
        }
        assert!(Journal::decode(&Journal { left_alone: vec![left_alone(b"", true)], ..sample() }.encode()).is_err());
        assert!(Journal::decode(&Journal { triggered_by: "x".repeat(TEXT_BYTES_MAX + 1), ..sample() }.encode()).is_err());
        let mut newer = sample().encode();
        newer[8..10].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
        assert!(matches!(Journal::decode(&newer), Err(FormatError::TooNew { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
            // With a right magic and checksum, so that the fields are reached.
            let mut framed = JOURNAL_MAGIC.to_vec();
            framed.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
            framed.extend_from_slice(&bytes);
            let sum = checksum::<JOURNAL_CHECKSUM_BYTES>(&framed);
            framed.extend_from_slice(&sum);
            if let Ok(journal) = Journal::decode(&framed) {
                prop_assert_eq!(journal.encode(), framed);
            }
            let _ = Journal::decode(&bytes);
        }
    }
}
