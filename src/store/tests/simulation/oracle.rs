//! What must be true: which versions were acknowledged, what they hold, and what the version log may say.
//!
//! The version log stands here in the place of SQLite, with what is asked of it: its transactions are done in order, all or nothing, and
//! after a power cut those since it was last made durable may be gone, the later ones first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::disk::simulated::Random;
use crate::id::{ObjectId, ObjectKind};
use crate::store::Position;

/// Number of a record, and of the version if it makes one.
pub type Sequence = u32;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// These objects belong together from now on.
    Version(Vec<(ObjectKind, ObjectId)>),
    /// They do not any more.
    Drop(Sequence),
    /// Nothing.
    Collect,
}

#[derive(Clone, Debug)]
struct Record {
    sequence: Sequence,
    previous: ObjectId,
    body: Body,
}

/// What the log knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub sequence: Sequence,
    pub id: Option<ObjectId>,
    pub applied: Position,
}

/// Everything that a bystander knows who sees all processes and no disk.
#[derive(Debug, Default)]
pub struct Oracle {
    /// The version log.
    rows: Vec<Vec<u8>>,
    /// Its states since it was last durable: number of rows, and position.
    states: Vec<(usize, Position)>,
    /// The last state that no power cut can take back.
    durable: (usize, Position),
    /// Records that were ever made, by their bytes.
    records: HashMap<Vec<u8>, Record>,
    /// Records of which somebody was told.
    acknowledged: BTreeMap<Sequence, Vec<u8>>,
    contents: HashMap<ObjectId, Arc<Vec<u8>>>,
    /// Contents that were made, for edits and repetitions.
    pub made: Vec<(ObjectKind, ObjectId)>,
    pub violation: Option<String>,
}

impl Oracle {
    pub fn head(&self) -> Head {
        let (_, applied) = self.state();
        Head { sequence: self.rows.len() as Sequence, id: self.rows.last().map(|row| id_of(row)), applied }
    }

    fn state(&self) -> (usize, Position) {
        self.states.last().copied().unwrap_or(self.durable)
    }

    /// A record behind a head, as bytes that no other record has.
    pub fn record(&mut self, head: &Head, body: Body) -> Vec<u8> {
        let (sequence, previous) = (head.sequence + 1, head.id.unwrap_or(ObjectId::ZERO));
        let bytes = format!("record {sequence}, number {} ever made, behind {previous}", self.records.len()).into_bytes();
        self.records.insert(bytes.clone(), Record { sequence, previous, body });
        bytes
    }

    /// Adds records to the log.
    ///
    /// # Errors
    /// When they do not continue it.
    pub fn append(&mut self, records: &[Vec<u8>], applied: Position) -> Result<(), String> {
        for bytes in records {
            let head = self.head();
            let record = self.records.get(bytes).ok_or("the segments hold a record that nobody wrote")?;
            if record.sequence != head.sequence + 1 || record.previous != head.id.unwrap_or(ObjectId::ZERO) {
                return Err(format!("record {} does not continue the log, which has {}", record.sequence, head.sequence));
            }
            self.rows.push(bytes.clone());
        }
        self.states.push((self.rows.len(), applied));
        Ok(())
    }

    /// Whatever the log has stays.
    pub fn make_durable(&mut self) {
        self.durable = self.state();
        self.states.clear();
    }

    pub fn lose_power(&mut self, random: &mut Random) {
        self.states.truncate(random.below(self.states.len() + 1));
        self.make_durable();
        self.rows.truncate(self.durable.0);
    }

    /// Somebody is told that a record is there for good.
    ///
    /// # Errors
    /// When that was said of another one with this number.
    pub fn acknowledge(&mut self, record: &[u8]) -> Result<(), String> {
        let sequence = self.records[record].sequence;
        match self.acknowledged.insert(sequence, record.to_vec()) {
            Some(former) if former != record => Err(format!("number {sequence} was given twice")),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// When the log lacks something of which somebody was told.
    pub fn check_acknowledged(&self) -> Result<(), String> {
        match self.acknowledged.iter().find(|(sequence, record)| self.rows.get(**sequence as usize - 1) != Some(record)) {
            None => Ok(()),
            Some((sequence, _)) => Err(format!("record {sequence} was acknowledged and is gone; the log ends at {}", self.rows.len())),
        }
    }

    /// The versions that were not dropped, with what they hold.
    pub fn living(&self) -> BTreeMap<Sequence, Vec<(ObjectKind, ObjectId)>> {
        let bodies = || self.rows.iter().zip(1..).map(|(row, sequence)| (sequence, &self.records[row].body));
        let dropped: BTreeSet<Sequence> =
            bodies().filter_map(|(_, body)| if let Body::Drop(dropped) = body { Some(*dropped) } else { None }).collect();
        let versions = bodies().filter(|(sequence, _)| !dropped.contains(sequence));
        versions
            .filter_map(|(sequence, body)| if let Body::Version(holds) = body { Some((sequence, holds.clone())) } else { None })
            .collect()
    }

    pub fn remember(&mut self, kind: ObjectKind, content: Vec<u8>) -> ObjectId {
        let id = ObjectId::of(kind, &content);
        if self.contents.insert(id, Arc::new(content)).is_none() {
            self.made.push((kind, id));
        }
        id
    }

    pub fn content(&self, id: &ObjectId) -> Arc<Vec<u8>> {
        self.contents[id].clone()
    }
}

fn id_of(record: &[u8]) -> ObjectId {
    ObjectId::of(ObjectKind::Record, record)
}
