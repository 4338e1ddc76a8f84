//! The record that lets the log go on from an earlier entry: what stands between is superseded by what follows.

use super::VersionNumber;
use crate::format::bytes::{ByteReader, FormatError, put_varint};

/// Every entry behind `kept` and before this one counts no more. The state of the log at `kept` is repeated, so that a head can be
/// computed without reading back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupersedeRecord {
    /// Sequence of the last entry that still counts; 0 when none does.
    pub kept: u64,
    /// The newest version at that entry.
    pub newest: Option<VersionNumber>,
    /// The active version at that entry.
    pub active: Option<VersionNumber>,
}

impl SupersedeRecord {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.kept);
        for version in [self.newest, self.active] {
            put_varint(out, version.map_or(0, |number| number.0));
        }
    }

    pub(super) fn decode(reader: &mut ByteReader<'_>) -> Result<Self, FormatError> {
        let kept = reader.varint()?;
        let mut version = || Ok(Some(reader.varint()?).filter(|&number| number > 0).map(VersionNumber));
        Ok(Self { kept, newest: version()?, active: version()? })
    }
}
