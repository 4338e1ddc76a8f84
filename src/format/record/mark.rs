//! What records say about a version later than the one that made it: names, pins, checks, and that it was pruned.

use super::{VersionNumber, decode_text};
use crate::format::bytes::{ByteReader, FormatError, put_prefixed, put_varint};
use crate::limits::{CHECK_OUTPUT_BYTES_MAX, LABEL_BYTES_MAX, PRUNED_VERSIONS_MAX, TEXT_BYTES_MAX};

/// A name for a version. Another label of that name loses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRecord {
    /// The version.
    pub version: VersionNumber,
    /// The name.
    pub name: String,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// By itself, with this exit code.
    Exited(u32),
    /// By this signal.
    Signalled(u32),
}

/// A command was run on the workspace as a version has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRecord {
    /// The version.
    pub version: VersionNumber,
    /// The command, as the shell got it.
    pub command: String,
    /// How it ended.
    pub end: ProcessEnd,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The last lines that it wrote.
    pub output: String,
}

impl CheckRecord {
    /// Whether the command said that all is well.
    pub fn passed(&self) -> bool {
        self.end == ProcessEnd::Exited(0)
    }
}

/// Versions were deleted together: their entries stay, their contents may be collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneRecord {
    /// The versions, each greater than the one before; at least one and at most [`PRUNED_VERSIONS_MAX`].
    pub versions: Vec<VersionNumber>,
    /// What asked for it, for example `prune`.
    pub reason: String,
}

pub(super) fn encode_label(label: &LabelRecord, out: &mut Vec<u8>) {
    put_varint(out, label.version.0);
    put_prefixed(out, label.name.as_bytes());
}

pub(super) fn decode_label(reader: &mut ByteReader<'_>) -> Result<LabelRecord, FormatError> {
    Ok(LabelRecord { version: VersionNumber(reader.varint()?), name: decode_name(reader)? })
}

/// A name: a text that is not empty and not long.
pub(super) fn decode_name(reader: &mut ByteReader<'_>) -> Result<String, FormatError> {
    let name = decode_text(reader, LABEL_BYTES_MAX)?;
    if name.is_empty() { Err(reader.malformed("a name is empty")) } else { Ok(name) }
}

pub(super) fn encode_check(check: &CheckRecord, out: &mut Vec<u8>) {
    put_varint(out, check.version.0);
    put_prefixed(out, check.command.as_bytes());
    let (how, number) = match check.end {
        ProcessEnd::Exited(code) => (0, code),
        ProcessEnd::Signalled(signal) => (1, signal),
    };
    out.push(how);
    put_varint(out, number.into());
    put_varint(out, check.duration_ms);
    put_prefixed(out, check.output.as_bytes());
}

pub(super) fn decode_check(reader: &mut ByteReader<'_>) -> Result<CheckRecord, FormatError> {
    Ok(CheckRecord {
        version: VersionNumber(reader.varint()?),
        command: decode_text(reader, TEXT_BYTES_MAX)?,
        end: decode_end(reader)?,
        duration_ms: reader.varint()?,
        output: decode_text(reader, CHECK_OUTPUT_BYTES_MAX)?,
    })
}

fn decode_end(reader: &mut ByteReader<'_>) -> Result<ProcessEnd, FormatError> {
    let how = reader.u8()?;
    let number = reader.varint_max(u32::MAX.into())? as u32;
    match how {
        0 => Ok(ProcessEnd::Exited(number)),
        1 => Ok(ProcessEnd::Signalled(number)),
        _ => Err(reader.malformed("unknown end of a process")),
    }
}

pub(super) fn encode_prune(prune: &PruneRecord, out: &mut Vec<u8>) {
    put_prefixed(out, prune.reason.as_bytes());
    put_varint(out, prune.versions.len() as u64);
    let mut before = 0;
    for version in &prune.versions {
        // A number that is not greater than the one before cannot be read back, which the log notices.
        put_varint(out, version.0.wrapping_sub(before));
        before = version.0;
    }
}

pub(super) fn decode_prune(reader: &mut ByteReader<'_>) -> Result<PruneRecord, FormatError> {
    let reason = decode_name(reader)?;
    let count = reader.varint_max(PRUNED_VERSIONS_MAX as u64)? as usize;
    if count == 0 || count > reader.remaining() {
        return Err(reader.malformed("it names no versions, or more than there is room for"));
    }
    let mut versions = Vec::with_capacity(count);
    let mut before = 0u64;
    for _ in 0..count {
        let step = reader.varint()?;
        before = before.checked_add(step).filter(|_| step > 0).ok_or_else(|| reader.malformed("its versions are not in order"))?;
        versions.push(VersionNumber(before));
    }
    Ok(PruneRecord { versions, reason })
}
