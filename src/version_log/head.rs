//! The head of the log: what is known about the whole of it without reading the whole of it.

use crate::format::FormatError;
use crate::format::bytes::{ByteReader, checksum};
use crate::format::record::{Record, RecordBody, VersionNumber};
use crate::id::ObjectId;

/// A place in the segments. The log stores it and does not know what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogPosition {
    /// Number of the segment.
    pub segment: u32,
    /// Bytes from its beginning.
    pub offset: u64,
}

/// The state of the log after its last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHead {
    /// Number of the last record; 0 when the log is empty.
    pub sequence: u64,
    /// Id of the last record; [`ObjectId::ZERO`] when the log is empty.
    pub id: ObjectId,
    /// Up to where the segments have been taken into the log.
    pub applied: LogPosition,
    /// The active version.
    pub active: Option<VersionNumber>,
    /// The newest version.
    pub newest: Option<VersionNumber>,
}

/// Length of the fields of an encoded head in bytes.
const FIELDS_BYTES: usize = 8 + ObjectId::BYTES + 4 + 8 + 8 + 8;
/// Length of the checksum behind them in bytes.
const SUM_BYTES: usize = 8;
/// Length of an encoded head in bytes.
pub(super) const HEAD_BYTES: usize = FIELDS_BYTES + SUM_BYTES;

impl LogHead {
    /// The head of a log without records.
    pub(super) const EMPTY: Self =
        Self { sequence: 0, id: ObjectId::ZERO, applied: LogPosition { segment: 0, offset: 0 }, active: None, newest: None };

    /// The head once `record` has been added, or the rule that the record breaks.
    ///
    /// Whether the version that a record names was deleted is not decided here: a head does not know it.
    pub(crate) fn followed_by(&self, record: &Record, id: ObjectId) -> Result<Self, &'static str> {
        if Some(record.sequence) != self.sequence.checked_add(1) {
            return Err("its number is not the next one");
        }
        if record.previous != self.id {
            return Err("it does not name the record before it");
        }
        let newest = self.newest.map_or(0, |number| number.0);
        let mut head = Self { sequence: record.sequence, id, ..*self };
        match &record.body {
            RecordBody::Version(version) => {
                if Some(version.number.0) != newest.checked_add(1) {
                    return Err("its version number is not the next one");
                }
                head.newest = Some(version.number);
                head.active = Some(version.number);
            }
            RecordBody::Supersede(supersede) => {
                if supersede.kept > self.sequence || supersede.newest > self.newest || supersede.active > supersede.newest {
                    return Err("it goes on from an entry that does not exist");
                }
                (head.newest, head.active) = (supersede.newest, supersede.active);
            }
            body => {
                if !body.named_versions().iter().all(|number| (1..=newest).contains(&number.0)) {
                    return Err("it names a version that does not exist");
                }
                if let RecordBody::Promote(number) = body {
                    head.active = Some(*number);
                }
            }
        }
        Ok(head)
    }

    /// The head's bytes, with a checksum: SQLite has none, and a flipped bit in here could not be told otherwise.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES);
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.applied.segment.to_le_bytes());
        out.extend_from_slice(&self.applied.offset.to_le_bytes());
        for version in [self.active, self.newest] {
            // No version has the number 0.
            out.extend_from_slice(&version.map_or(0, |number| number.0).to_le_bytes());
        }
        let sum = checksum::<SUM_BYTES>(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads a head.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        const WHAT: &str = "head of the version log";
        let mut reader = ByteReader::new(bytes, WHAT);
        let fields = reader.take(FIELDS_BYTES)?;
        let sum = reader.array::<SUM_BYTES>()?;
        reader.finish()?;
        if checksum::<SUM_BYTES>(fields) != sum {
            return Err(FormatError::Checksum { what: WHAT });
        }
        let mut reader = ByteReader::new(fields, WHAT);
        let version = |number| (number != 0).then_some(VersionNumber(number));
        Ok(Self {
            sequence: reader.u64()?,
            id: ObjectId::from_bytes(reader.array()?),
            applied: LogPosition { segment: reader.u32()?, offset: reader.u64()? },
            active: version(reader.u64()?),
            newest: version(reader.u64()?),
        })
    }
}
