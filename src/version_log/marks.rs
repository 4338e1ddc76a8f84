//! The marks of versions as they stand: labels, pins, and how the last check of each version ended. They follow from the
//! records; the tables keep them so that nobody has to read all records to know them.
//!
//! No row of these tables is believed: a sum over all rows of a table, kept beside them under a checksum, says whether they
//! are all there and as they were written. So they are read as a whole, which takes less than half a
//! microsecond a row.

use std::collections::BTreeMap;

use crate::format::FormatError;
use crate::format::bytes::{ByteReader, checksum};
use crate::format::record::{Record, RecordBody, VersionNumber};

/// A label as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelMark {
    /// The version that has it.
    pub version: VersionNumber,
    /// Place in the log of the record that gave it.
    pub sequence: u64,
}

/// The marks of one version but for its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct VersionMarks {
    /// Place in the log of the record that pinned it, while it is pinned.
    pub pinned_by: Option<u64>,
    /// Place in the log of the record of its last check.
    pub checked_by: Option<u64>,
    /// Whether that check passed.
    pub passed: bool,
}

impl VersionMarks {
    /// What a record makes of the marks of a version that it names.
    pub(super) fn after(self, record: &Record) -> Self {
        let sequence = record.sequence;
        match &record.body {
            RecordBody::Pin(_) => Self { pinned_by: Some(sequence), ..self },
            RecordBody::Unpin(_) => Self { pinned_by: None, ..self },
            RecordBody::Check(check) => Self { checked_by: Some(sequence), passed: check.passed(), ..self },
            _ => self,
        }
    }
}

/// All marks as they stand.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Marks {
    /// The labels by name.
    pub labels: BTreeMap<String, LabelMark>,
    /// The versions that are pinned or were checked.
    pub versions: BTreeMap<VersionNumber, VersionMarks>,
}

impl Marks {
    /// The labels of each version that has any, in the order of their names.
    pub fn labels_by_version(&self) -> BTreeMap<VersionNumber, Vec<String>> {
        let mut by_version: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (name, label) in &self.labels {
            by_version.entry(label.version).or_default().push(name.clone());
        }
        by_version
    }

    /// Whether a version is pinned.
    pub fn is_pinned(&self, version: VersionNumber) -> bool {
        self.versions.get(&version).is_some_and(|marks| marks.pinned_by.is_some())
    }

    /// Whether the last check of a version passed; `None` when it was never checked.
    pub fn passed(&self, version: VersionNumber) -> Option<bool> {
        self.versions.get(&version).and_then(|marks| marks.checked_by.map(|_| marks.passed))
    }

    /// The pinned versions, in order.
    pub fn pinned(&self) -> impl Iterator<Item = VersionNumber> {
        self.versions.iter().filter(|(_, marks)| marks.pinned_by.is_some()).map(|(version, _)| *version)
    }

    /// Takes in the next record of the log.
    pub(super) fn add(&mut self, record: &Record) {
        match &record.body {
            RecordBody::Label(label) => {
                self.labels.insert(label.name.clone(), LabelMark { version: label.version, sequence: record.sequence });
            }
            RecordBody::Unlabel(name) => _ = self.labels.remove(name),
            RecordBody::Pin(version) | RecordBody::Unpin(version) => self.mark(*version, record),
            RecordBody::Check(check) => self.mark(check.version, record),
            _ => {}
        }
    }

    fn mark(&mut self, version: VersionNumber, record: &Record) {
        let marks = self.versions.remove(&version).unwrap_or_default().after(record);
        if marks != VersionMarks::default() {
            self.versions.insert(version, marks);
        }
    }
}

/// A sum over the rows of a table in any order: equal rows, equal sums; damage changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct RowSum {
    pub rows: u64,
    digest: u64,
}

impl RowSum {
    pub fn add(&mut self, digest: u64) {
        *self = Self { rows: self.rows.wrapping_add(1), digest: self.digest ^ digest };
    }

    pub fn remove(&mut self, digest: u64) {
        *self = Self { rows: self.rows.wrapping_sub(1), digest: self.digest ^ digest };
    }
}

/// What a row of the labels adds to their sum.
pub(super) fn label_digest(name: &str, label: &LabelMark) -> u64 {
    let numbers = [label.version.0, label.sequence].map(u64::to_le_bytes).concat();
    u64::from_le_bytes(checksum(&[&numbers[..], name.as_bytes()].concat()))
}

/// What a row of the other marks adds to their sum.
pub(super) fn version_digest(version: VersionNumber, marks: &VersionMarks) -> u64 {
    // SQLite stores no number that large, and damage can make a 0 of nothing.
    let or_none = |by: Option<u64>| by.unwrap_or(u64::MAX);
    let numbers = [version.0, or_none(marks.pinned_by), or_none(marks.checked_by), marks.passed.into()];
    u64::from_le_bytes(checksum(&numbers.map(u64::to_le_bytes).concat()))
}

/// The sums of both tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct MarkSums {
    pub labels: RowSum,
    pub versions: RowSum,
}

/// Length of the fields of encoded sums in bytes.
const FIELDS_BYTES: usize = 4 * 8;
/// Length of encoded sums in bytes, with a checksum behind the fields.
pub(super) const SUMS_BYTES: usize = FIELDS_BYTES + 8;

impl MarkSums {
    pub fn encode(&self) -> Vec<u8> {
        let Self { labels, versions } = self;
        let mut out = [labels.rows, labels.digest, versions.rows, versions.digest].map(u64::to_le_bytes).concat();
        let sum = checksum::<8>(&out);
        out.extend_from_slice(&sum);
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        const WHAT: &str = "sum of the marks";
        let mut reader = ByteReader::new(bytes, WHAT);
        let fields = reader.take(FIELDS_BYTES)?;
        if checksum::<8>(fields) != reader.array()? {
            return Err(FormatError::Checksum { what: WHAT });
        }
        reader.finish()?;
        let mut reader = ByteReader::new(fields, WHAT);
        let mut sum = || Ok(RowSum { rows: reader.u64()?, digest: reader.u64()? });
        Ok(Self { labels: sum()?, versions: sum()? })
    }
}
