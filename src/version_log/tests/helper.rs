//! What the tests share: folders, and records that continue a log.

use tempfile::TempDir;

use crate::disk::{Dir, RootOf};
use crate::format::record::{
    ChangeCounts, CheckRecord, LabelRecord, ProcessEnd, PruneRecord, Record, RecordBody, VersionNumber, VersionRecord,
};
use crate::id::{ObjectId, ObjectKind};
use crate::version_log::{LogError, LogHead, LogPosition, VersionLog};

/// A store's folder that is removed again.
pub struct Folder {
    pub temp: TempDir,
    pub dir: Dir,
}

impl Folder {
    pub fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::open(temp.path(), RootOf::UserPath).unwrap();
        Self { temp, dir }
    }

    /// A folder with a log of these records.
    pub fn with(records: &[Record]) -> Self {
        let folder = Self::new();
        VersionLog::create(&folder.dir).unwrap().append(records, position(records.len())).unwrap();
        folder
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.temp.path().join(name)
    }

    pub fn open(&self) -> Result<VersionLog, LogError> {
        VersionLog::open(&self.dir)
    }

    pub fn tmp(&self) -> Dir {
        self.dir.make_dir("tmp").unwrap()
    }

    /// Puts everything into the one file of the database.
    pub fn write_back(&self) {
        assert!(super::super::append::write_back(&self.open().unwrap().conn).unwrap());
    }
}

pub fn position(records: usize) -> LogPosition {
    LogPosition { segment: 7, offset: 1000 + records as u64 }
}

/// Makes records one behind the other.
#[derive(Clone)]
pub struct Chain {
    pub sequence: u64,
    pub previous: ObjectId,
    pub versions: u64,
}

impl Chain {
    pub fn new() -> Self {
        Self { sequence: 0, previous: ObjectId::ZERO, versions: 0 }
    }

    pub fn after(head: &LogHead) -> Self {
        Self { sequence: head.sequence, previous: head.id, versions: head.newest.map_or(0, |number| number.0) }
    }

    pub fn next(&mut self, body: RecordBody) -> Record {
        self.sequence += 1;
        let record =
            Record { sequence: self.sequence, previous: self.previous, created_ms: 1_800_000_000_000 + self.sequence as i64, body };
        self.previous = Record::id_of(&record.encode());
        record
    }

    pub fn version(&mut self, message: &str) -> Record {
        self.versions += 1;
        let version = VersionRecord {
            number: VersionNumber(self.versions),
            root: ObjectId::of(ObjectKind::Tree, &self.versions.to_le_bytes()),
            by: "ada".into(),
            triggered_by: "push".into(),
            message: message.into(),
            changes: ChangeCounts { added: 1, changed: 2, removed: 3 },
            files: 70_000,
            bytes: 1 << 33,
            left_out: 0,
        };
        self.next(RecordBody::Version(version))
    }

    pub fn promote(&mut self, number: u64) -> Record {
        self.next(RecordBody::Promote(VersionNumber(number)))
    }

    pub fn delete(&mut self, number: u64) -> Record {
        self.next(RecordBody::Delete(VersionNumber(number)))
    }

    pub fn versions(&mut self, count: usize) -> Vec<Record> {
        (0..count).map(|_| self.version("save after a step")).collect()
    }
}

/// Three versions, the first promoted, the second deleted.
pub fn small_log() -> Vec<Record> {
    let mut chain = Chain::new();
    let mut records = chain.versions(3);
    records.push(chain.promote(1));
    records.push(chain.delete(2));
    records
}

/// Three versions with all kinds of marks, some of which were taken away again, and two more that were pruned.
pub fn marked_log() -> Vec<Record> {
    let mut chain = Chain::new();
    let mut records = chain.versions(5);
    let bodies = [
        chain_label(1, "old"),
        chain_label(3, "stable"),
        chain_label(2, "old"),
        RecordBody::Pin(VersionNumber(1)),
        RecordBody::Pin(VersionNumber(3)),
        chain_check(3, 0, "all well"),
        chain_check(5, 0, ""),
        chain_check(5, 1, "1 failed"),
        RecordBody::Unpin(VersionNumber(3)),
        RecordBody::Unlabel("old".into()),
        RecordBody::Unlabel("never".into()),
        chain_label(1, "first"),
        RecordBody::Prune(PruneRecord { versions: vec![VersionNumber(2), VersionNumber(4)], reason: "prune".into() }),
    ];
    records.extend(bodies.map(|body| chain.next(body)));
    records
}

fn chain_label(version: u64, name: &str) -> RecordBody {
    RecordBody::Label(LabelRecord { version: VersionNumber(version), name: name.into() })
}

pub fn chain_check(version: u64, code: u32, output: &str) -> RecordBody {
    let (version, command, end) = (VersionNumber(version), "make check".into(), ProcessEnd::Exited(code));
    RecordBody::Check(CheckRecord { version, command, end, duration_ms: 5, output: output.into() })
}
