//! Records: the entries of the append-only version log. Each names the hash of the one before it, so that no entry
//! can be changed, dropped or put in unnoticed.

mod mark;
mod purge;
mod supersede;

pub use mark::{CheckRecord, LabelRecord, ProcessEnd, PruneRecord};
pub use purge::PurgeRecord;
pub use supersede::SupersedeRecord;

use super::bytes::{ByteReader, FormatError, put_prefixed, put_varint};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{RECORD_BYTES_MAX, TEXT_BYTES_MAX};

/// Number of a version: 1 for the first, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionNumber(pub u64);

impl std::fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// How a version differs from the one before it, in files and links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ChangeCounts {
    /// Paths that are new.
    pub added: u64,
    /// Paths whose content, kind or permission bits differ.
    pub changed: u64,
    /// Paths that are gone.
    pub removed: u64,
}

/// A version of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRecord {
    /// The version's number.
    pub number: VersionNumber,
    /// Id of the tree of the workspace's root.
    pub root: ObjectId,
    /// Who made it.
    pub by: String,
    /// What made it, for example `push` or `rollback to v3`.
    pub triggered_by: String,
    /// What its maker says about it; may be empty.
    pub message: String,
    /// How it differs from the version before it.
    pub changes: ChangeCounts,
    /// Files and links in it.
    pub files: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Paths that could not be recorded, or only as an unstable read. Not zero: the version is not complete.
    pub left_out: u64,
}

/// What an entry of the log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordBody {
    /// A version was made; it is the active one from here on.
    Version(VersionRecord),
    /// The active mark moved to this version.
    Promote(VersionNumber),
    /// The version was deleted: its entry stays, its contents may be collected.
    Delete(VersionNumber),
    /// Paths of a version are about to be brought into the workspace, which then has this tree. The tree must be in the store
    /// before, since a restore that is interrupted is finished from it.
    Restore(ObjectId),
    /// The version has this name from here on, and no other version has it.
    Label(LabelRecord),
    /// No version has this name any more.
    Unlabel(String),
    /// The contents of the version are kept until it is unpinned.
    Pin(VersionNumber),
    /// The pin of the version is gone.
    Unpin(VersionNumber),
    /// A command was run on the workspace as the version has it.
    Check(CheckRecord),
    /// Contents were removed from all versions before this entry.
    Purge(PurgeRecord),
    /// The versions were deleted together.
    Prune(PruneRecord),
    /// Contents are about to be collected; a new segment begins with this entry.
    Collect,
    /// Entries before this one count no more; others follow in their place. Stays on the machine that wrote it.
    Supersede(SupersedeRecord),
}

impl RecordBody {
    /// The versions that it says something about, all of which must have been made before it; none for one that makes a version.
    pub fn named_versions(&self) -> &[VersionNumber] {
        match self {
            Self::Version(_) | Self::Restore(_) | Self::Unlabel(_) | Self::Purge(_) | Self::Collect | Self::Supersede(_) => &[],
            Self::Promote(number) | Self::Delete(number) | Self::Pin(number) | Self::Unpin(number) => std::slice::from_ref(number),
            Self::Label(label) => std::slice::from_ref(&label.version),
            Self::Check(check) => std::slice::from_ref(&check.version),
            Self::Prune(prune) => &prune.versions,
        }
    }

    /// Whether the versions that it names are deleted from here on.
    pub fn deletes(&self) -> bool {
        matches!(self, Self::Delete(_) | Self::Prune(_))
    }

    /// Whether the versions that it names must not have been deleted before it.
    pub fn names_living(&self) -> bool {
        !matches!(self, Self::Unpin(_))
    }

    /// Whether other machines are told of it. The rest says what one machine did with its own store or workspace.
    pub fn is_shared(&self) -> bool {
        !matches!(self, Self::Restore(_) | Self::Supersede(_) | Self::Collect)
    }

    /// The byte that says which of them it is.
    fn kind(&self) -> u8 {
        match self {
            Self::Version(_) => 1,
            Self::Promote(_) => 2,
            Self::Delete(_) => 3,
            Self::Restore(_) => 4,
            Self::Label(_) => 5,
            Self::Unlabel(_) => 6,
            Self::Pin(_) => 7,
            Self::Unpin(_) => 8,
            Self::Check(_) => 9,
            Self::Purge(_) => 10,
            Self::Prune(_) => 11,
            Self::Collect => 12,
            Self::Supersede(_) => 13,
        }
    }
}

/// One entry of the version log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Place in the log: 1 for the first entry, then without gaps.
    pub sequence: u64,
    /// Id of the entry before it; [`ObjectId::ZERO`] for the first.
    pub previous: ObjectId,
    /// When it was made, in milliseconds since 1970-01-01 UTC. For display only: order is by `sequence`.
    pub created_ms: i64,
    /// What it says.
    pub body: RecordBody,
}

impl Record {
    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        put_varint(&mut out, self.sequence);
        out.extend_from_slice(self.previous.as_bytes());
        out.extend_from_slice(&self.created_ms.to_le_bytes());
        out.push(self.body.kind());
        match &self.body {
            RecordBody::Version(version) => encode_version(version, &mut out),
            RecordBody::Promote(number) | RecordBody::Delete(number) | RecordBody::Pin(number) | RecordBody::Unpin(number) => {
                put_varint(&mut out, number.0);
            }
            RecordBody::Restore(root) => out.extend_from_slice(root.as_bytes()),
            RecordBody::Label(label) => mark::encode_label(label, &mut out),
            RecordBody::Unlabel(name) => put_prefixed(&mut out, name.as_bytes()),
            RecordBody::Check(check) => mark::encode_check(check, &mut out),
            RecordBody::Purge(purge) => purge::encode(purge, &mut out),
            RecordBody::Prune(prune) => mark::encode_prune(prune, &mut out),
            RecordBody::Collect => {}
            RecordBody::Supersede(supersede) => supersede.encode(&mut out),
        }
        out
    }

    /// Reads a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        const WHAT: &str = "record of the version log";
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(FormatError::OverLimit { what: WHAT, value: bytes.len() as u64, max: RECORD_BYTES_MAX as u64 });
        }
        let mut reader = ByteReader::new(bytes, WHAT);
        let sequence = reader.varint()?;
        let previous = ObjectId::from_bytes(reader.array()?);
        let created_ms = reader.i64()?;
        let body = match reader.u8()? {
            1 => RecordBody::Version(decode_version(&mut reader)?),
            2 => RecordBody::Promote(VersionNumber(reader.varint()?)),
            3 => RecordBody::Delete(VersionNumber(reader.varint()?)),
            4 => RecordBody::Restore(ObjectId::from_bytes(reader.array()?)),
            5 => RecordBody::Label(mark::decode_label(&mut reader)?),
            6 => RecordBody::Unlabel(mark::decode_name(&mut reader)?),
            7 => RecordBody::Pin(VersionNumber(reader.varint()?)),
            8 => RecordBody::Unpin(VersionNumber(reader.varint()?)),
            9 => RecordBody::Check(mark::decode_check(&mut reader)?),
            10 => RecordBody::Purge(purge::decode(&mut reader)?),
            11 => RecordBody::Prune(mark::decode_prune(&mut reader)?),
            12 => RecordBody::Collect,
            13 => RecordBody::Supersede(SupersedeRecord::decode(&mut reader)?),
            _ => return Err(reader.malformed("unknown kind of record")),
        };
        if sequence == 0 {
            return Err(reader.malformed("its place in the log is 0"));
        }
        reader.finish()?;
        Ok(Self { sequence, previous, created_ms, body })
    }

    /// The id of a record with these bytes.
    pub fn id_of(bytes: &[u8]) -> ObjectId {
        ObjectId::of(ObjectKind::Record, bytes)
    }
}

fn encode_version(version: &VersionRecord, out: &mut Vec<u8>) {
    put_varint(out, version.number.0);
    out.extend_from_slice(version.root.as_bytes());
    for text in [&version.by, &version.triggered_by, &version.message] {
        put_prefixed(out, text.as_bytes());
    }
    let changes = version.changes;
    for number in [changes.added, changes.changed, changes.removed, version.files, version.bytes, version.left_out] {
        put_varint(out, number);
    }
}

fn decode_version(reader: &mut ByteReader<'_>) -> Result<VersionRecord, FormatError> {
    Ok(VersionRecord {
        number: VersionNumber(reader.varint()?),
        root: ObjectId::from_bytes(reader.array()?),
        by: decode_text(reader, TEXT_BYTES_MAX)?,
        triggered_by: decode_text(reader, TEXT_BYTES_MAX)?,
        message: decode_text(reader, TEXT_BYTES_MAX)?,
        changes: ChangeCounts { added: reader.varint()?, changed: reader.varint()?, removed: reader.varint()? },
        files: reader.varint()?,
        bytes: reader.varint()?,
        left_out: reader.varint()?,
    })
}

fn decode_text(reader: &mut ByteReader<'_>, bytes_max: usize) -> Result<String, FormatError> {
    let bytes = reader.prefixed(bytes_max)?;
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(reader.malformed("a text is not UTF-8")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::limits::LABEL_BYTES_MAX;
    use proptest::prelude::*;

    fn version() -> RecordBody {
        RecordBody::Version(VersionRecord {
            number: VersionNumber(5),
            root: ObjectId::of(ObjectKind::Tree, b"r"),
            by: "ada".into(),
            triggered_by: "push".into(),
            message: "first äöü".into(),
            changes: ChangeCounts { added: 1, changed: 200, removed: 3 },
            files: 70_000,
            bytes: 1 << 33,
            left_out: 0,
        })
    }

    fn check(end: ProcessEnd, output: &str) -> RecordBody {
        let (version, command) = (VersionNumber(7), "cargo test".to_owned());
        RecordBody::Check(CheckRecord { version, command, end, duration_ms: 90_000, output: output.into() })
    }

    fn prune(versions: &[u64]) -> RecordBody {
        RecordBody::Prune(PruneRecord { versions: versions.iter().copied().map(VersionNumber).collect(), reason: "budget".into() })
    }

    fn purge(paths: &[&[u8]], contents: &[u8]) -> RecordBody {
        let contents = contents.iter().map(|byte| ObjectId::from_bytes([*byte; 32])).collect();
        RecordBody::Purge(PurgeRecord { paths: paths.iter().map(|path| path.to_vec()).collect(), contents })
    }

    /// One of each kind.
    pub(crate) fn bodies() -> Vec<RecordBody> {
        vec![
            version(),
            RecordBody::Promote(VersionNumber(3)),
            RecordBody::Delete(VersionNumber(1 << 40)),
            RecordBody::Restore(ObjectId::ZERO),
            RecordBody::Label(LabelRecord { version: VersionNumber(2), name: "before-refactor".into() }),
            RecordBody::Unlabel("é/x".into()),
            RecordBody::Pin(VersionNumber(300)),
            RecordBody::Unpin(VersionNumber(300)),
            check(ProcessEnd::Exited(101), "1 failed\n"),
            check(ProcessEnd::Signalled(9), ""),
            prune(&[1, 2, 3, 900, u64::MAX]),
            purge(&[b"a", b"b/\xff"], &[1, 7]),
            RecordBody::Collect,
            RecordBody::Supersede(SupersedeRecord { kept: 300, newest: Some(VersionNumber(7)), active: None }),
        ]
    }

    fn record(body: RecordBody) -> Record {
        Record { sequence: 9, previous: ObjectId::of(ObjectKind::Record, b"p"), created_ms: -5, body }
    }

    #[test]
    fn records_read_back() {
        for record in bodies().into_iter().map(record) {
            assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        for record in bodies().into_iter().map(record) {
            let good = record.encode();
            for length in 0..good.len() {
                assert!(Record::decode(&good[..length]).is_err(), "{length} of {record:?}");
            }
            assert!(Record::decode(&[&good[..], &[0]].concat()).is_err(), "{record:?}");
        }
    }

    #[test]
    fn bodies_that_no_writer_writes_are_refused() {
        let label = |name: String| RecordBody::Label(LabelRecord { version: VersionNumber(1), name });
        for body in [
            prune(&[]),
            prune(&[0]),
            prune(&[2, 2]),
            prune(&[3, 2]),
            prune(&vec![1; crate::limits::PRUNED_VERSIONS_MAX + 1]),
            purge(&[b"a"], &[]),
            purge(&[b"a"], &[2, 2]),
            purge(&[b"b", b"a"], &[1]),
            purge(&[b""], &[1]),
            label(String::new()),
            label("x".repeat(LABEL_BYTES_MAX + 1)),
            RecordBody::Unlabel(String::new()),
            check(ProcessEnd::Exited(0), &"x".repeat(crate::limits::CHECK_OUTPUT_BYTES_MAX + 1)),
        ] {
            assert!(Record::decode(&record(body.clone()).encode()).is_err(), "{body:?}");
        }
        let mut bytes = record(check(ProcessEnd::Exited(0), "")).encode();
        let how = bytes.len() - 6;
        assert_eq!(bytes[how..how + 2], [0, 0], "how it ended, and the exit code");
        bytes[how] = 2;
        assert!(Record::decode(&bytes).is_err());
    }

    /// Records are read for ever, so these bytes never change; the ids of the records follow from them.
    #[test]
    fn the_bytes_of_marks_stay() {
        let bytes_of = |body: &RecordBody| {
            let bytes = Record { sequence: 1, previous: ObjectId::ZERO, created_ms: 0, body: body.clone() }.encode();
            bytes[1 + 32 + 8..].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let written: Vec<String> = bodies()[4..].iter().map(bytes_of).collect();
        let expected = [
            "05020f6265666f72652d7265666163746f72",
            "0604c3a92f78",
            "07ac02",
            "08ac02",
            "09070a636172676f20746573740065 90bf05 0931206661696c65640a",
            "09070a636172676f2074657374010990bf0500",
            "0b06627564676574050101018107fbf8ffffffffffffff01",
        ];
        let purge = ["0a020161 03622fff02", &"01".repeat(32), &"07".repeat(32)].concat();
        let expected = expected.into_iter().chain([&purge[..], "0c", "0dac020700"]).map(|hex| hex.replace(' ', ""));
        assert_eq!(written, expected.collect::<Vec<_>>());
    }

    #[test]
    fn the_longest_records_can_be_read() {
        let versions = (1..=crate::limits::PRUNED_VERSIONS_MAX as u64).map(|number| VersionNumber(number << 49)).collect();
        let prune = record(RecordBody::Prune(PruneRecord { versions, reason: "x".repeat(LABEL_BYTES_MAX) }));
        assert_eq!(Record::decode(&prune.encode()), Ok(prune));
        let contents = (0..crate::limits::PURGED_CONTENTS_MAX as u64).map(|number| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_be_bytes());
            ObjectId::from_bytes(id)
        });
        let paths = vec![vec![b'p'; crate::limits::PURGED_PATHS_BYTES_MAX]];
        let purge = record(RecordBody::Purge(PurgeRecord { paths, contents: contents.collect() }));
        assert_eq!(Record::decode(&purge.encode()), Ok(purge));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
            if let Ok(record) = Record::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes);
            }
        }
    }
}
