//! What a process does with the store, as `ops` does it: opening, publishing, collecting. Steps and locks are those of
//! `ops::workspace` and `ops::gc`.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::oracle::{Body, Head, Oracle};
use crate::disk::simulated::{Machine, Process};
use crate::disk::{Dir, DiskError, Lock, LockMode};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::GC_RETRY_MS;
use crate::store::{Batch, Effort, Known, LiveSet, Position, Published, Store, StoreError, When};

/// Why a command did not do what it should.
#[derive(Debug)]
pub enum Failure {
    /// The store said so.
    Store(StoreError),
    /// A promise was broken.
    Broken(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Self {
        Self::Store(error.into())
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::Broken(what)
    }
}

/// What became of a step.
pub type Step<T> = Result<T, Failure>;

/// The world of all processes.
#[derive(Clone)]
pub struct World {
    pub machine: Arc<Machine>,
    oracle: Arc<Mutex<Oracle>>,
}

impl World {
    pub fn new(machine: Arc<Machine>) -> Self {
        Self { machine, oracle: Arc::default() }
    }

    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A process with an open store.
pub struct Session<'p> {
    pub world: World,
    pub process: &'p Process,
    dir: Dir,
    pub store: Store,
}

/// The right to publish.
pub struct Publishing<'s> {
    session: &'s Session<'s>,
    pub head: Head,
    pending: Vec<Vec<u8>>,
    settled: Position,
    _lock: Lock,
}

impl<'p> Session<'p> {
    /// Opens the store, or makes it, and takes in what others have left.
    pub fn open(world: &World, process: &'p Process) -> Step<Self> {
        let root = process.root();
        let dir = root.make_dir("store")?;
        if !dir.contains("made")? {
            // As `init`: what says that it was made comes last.
            root.sync()?;
            Store::create(&dir)?;
            dir.publish(&dir.open_dir("tmp")?, "made", b"")?;
        }
        let store = Store::open(&dir)?;
        let session = Self { world: world.clone(), process, dir, store };
        session.finish_interrupted_collection()?;
        session.catch_up_if_behind()?;
        Ok(session)
    }

    fn finish_interrupted_collection(&self) -> Step<()> {
        if self.store.is_collection_begun()?
            && let Some(_lock) = self.try_lock("lock")?
        {
            self.store.finish_collection()?;
        }
        Ok(())
    }

    fn catch_up_if_behind(&self) -> Step<()> {
        let applied = self.world.oracle().head().applied;
        if self.store.is_current(applied)? {
            return Ok(());
        }
        let Some(_lock) = self.try_lock("lock")? else {
            if !self.store.is_indexed(applied) {
                self.store.catch_up(Known::ReadOnly(applied))?;
            }
            return Ok(());
        };
        self.catch_up()
    }

    fn try_lock(&self, name: &str) -> Step<Option<Lock>> {
        Ok(Lock::try_acquire(&self.dir, name, LockMode::Exclusive)?)
    }

    fn catch_up(&self) -> Step<()> {
        let applied = self.world.oracle().head().applied;
        let caught = self.store.catch_up(Known::UpTo(applied))?;
        if !caught.records.is_empty() {
            self.process.pause("append to the log");
            self.world.oracle().append(&caught.records, caught.end)?;
        }
        Ok(())
    }

    /// A batch whose writer may rely on whatever it finds in the store.
    pub fn begin_batch(&self) -> Step<Batch> {
        loop {
            let batch = self.store.batch()?;
            if !self.store.is_collection_begun()? {
                return Ok(batch);
            }
            drop(batch);
            drop(self.begin_publish()?);
        }
    }

    /// Takes the publish lock and brings store and log up to the present.
    pub fn begin_publish(&self) -> Step<Publishing<'_>> {
        let lock = Lock::acquire(&self.dir, "lock", LockMode::Exclusive, &|| {})?;
        self.store.finish_collection()?;
        self.catch_up()?;
        let head = self.world.oracle().head();
        Ok(Publishing { session: self, head, pending: Vec::new(), settled: head.applied, _lock: lock })
    }

    /// The objects of all versions.
    pub fn live(&self) -> Step<LiveSet> {
        let mut live = LiveSet::default();
        for (_, id) in self.world.oracle().living().values().flatten() {
            live.insert(id);
        }
        self.store.mark_chunks(&mut live)?;
        Ok(live)
    }

    /// Collects some neighbouring segments.
    pub fn collect(&self) -> Step<()> {
        let Some(_alone) = self.try_lock("collection.lock")? else { return Ok(()) };
        drop(self.begin_publish()?);
        self.store.look_anew()?;
        let below = |bound| self.world.machine.below(bound);
        if below(3) > 0 {
            let mut publishing = self.begin_publish()?;
            publishing.commit(self.store.batch()?, Body::Collect, When::Sealing)?;
        }
        let mut numbers: Vec<u32> = self.store.census(&self.live()?)?.iter().map(|segment| segment.number).collect();
        numbers.pop();
        if numbers.is_empty() {
            return Ok(());
        }
        let first = below(numbers.len());
        let numbers = &numbers[first..first + 1 + below(numbers.len() - first)];
        for _ in 0..3 {
            let rewritten = self.store.rewrite(numbers, &self.live()?, Effort::Copy, &AtomicBool::new(false))?;
            let publishing = self.begin_publish()?;
            if let Some(no_pins) = self.store.try_no_pins()?
                && !rewritten.is_outdated(&self.store, &self.live()?)?
            {
                self.process.pause("make the log durable");
                self.world.oracle().make_durable();
                self.store.swap(rewritten, &no_pins)?;
                return Ok(());
            }
            drop(publishing);
            self.process.sleep(GC_RETRY_MS);
        }
        Ok(())
    }

    /// Reads everything that versions hold. One that is dropped meanwhile need not be there.
    pub fn read_all(&self) -> Step<()> {
        let living = self.world.oracle().living();
        for (version, holds) in living {
            for (kind, id) in holds {
                if let Err(error) = self.read(kind, &id) {
                    match error {
                        Failure::Store(_) if !self.world.oracle().living().contains_key(&version) => break,
                        Failure::Store(error) if !self.process.met_faults() => {
                            return Err(Failure::Broken(format!("version {version} is not whole: {error}")));
                        }
                        other => return Err(other),
                    }
                }
            }
        }
        Ok(())
    }

    fn read(&self, kind: ObjectKind, id: &ObjectId) -> Step<()> {
        let content = self.store.read(kind, id, u64::MAX)?;
        match content == *self.world.oracle().content(id) {
            true => Ok(()),
            false => Err(Failure::Broken(format!("{id} was read with other bytes"))),
        }
    }

    /// Reads all frames. What lies behind the log's end may be in the making.
    pub fn verify(&self) -> Step<()> {
        let end = self.world.oracle().head().applied;
        let report = self.store.check(&mut |_| true)?;
        match report.damages.iter().find(|damage| Position { segment: damage.segment, offset: damage.offset } < end) {
            Some(damage) if !self.process.met_faults() => Err(Failure::Broken(format!("damage was found: {damage:?}"))),
            _ => Ok(()),
        }
    }
}

impl Publishing<'_> {
    /// Adds a record, durable on return.
    pub fn commit(&mut self, batch: Batch, body: Body, when: When) -> Step<()> {
        self.add(batch, body, when)?;
        self.append_to_log()
    }

    /// Adds a record that is durable once it was settled.
    pub fn add(&mut self, batch: Batch, body: Body, when: When) -> Step<()> {
        let record = self.session.world.oracle().record(&self.head, body);
        let Published { end, .. } = self.session.store.publish_when(batch, &record, when)?;
        self.head = Head { sequence: self.head.sequence + 1, id: Some(ObjectId::of(ObjectKind::Record, &record)), applied: end };
        self.pending.push(record);
        Ok(())
    }

    /// Makes what was added durable.
    pub fn settle(&mut self) -> Step<()> {
        self.session.store.settle(self.settled)?;
        self.append_to_log()
    }

    fn append_to_log(&mut self) -> Step<()> {
        self.settled = self.head.applied;
        let records = std::mem::take(&mut self.pending);
        self.session.process.pause("append to the log");
        // A log that refuses is no failure: the next command reads the records from the segments.
        if self.session.world.machine.below(20) > 0 {
            self.session.world.oracle().append(&records, self.head.applied)?;
        }
        self.session.process.pause("acknowledge");
        for record in &records {
            self.session.world.machine.tell(&|| format!("acknowledged: {}", String::from_utf8_lossy(record)));
            self.session.world.oracle().acknowledge(record)?;
        }
        self.head = self.session.world.oracle().head();
        Ok(())
    }
}
