//! The object store: puts objects away by id and gives them back verified. Knows no paths and no versions.
//!
//! Objects live in frames, frames in segments (`objects/`), and an index (`index/`) says which frame holds which object.
//! The segments are the truth; the index can be made again from them and is, whenever it does not fit.
//!
//! - [`Store`] opens both, says what is there, and publishes a [`Batch`].
//! - [`Writer`] turns contents into frames of a batch: deltas, groups, chunks. One for each thread.
//! - [`Reader`] decodes frames and checks every object against its id. One for each thread.
//! - [`Store::catch_up`] reads what segments hold beyond what index and log know, and cuts off a torn end.
//! - [`Store::check`] reads everything.
//! - [`Packer`] packs objects for other stores, [`Incoming`] takes packs of other stores in.

mod batch;
mod check;
mod chunker;
mod codec;
mod collect;
mod decoded;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod incoming;
mod index;
mod location;
mod pack;
mod pin;
mod reader;
mod records;
mod recover;
mod segments;
mod writer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

pub use batch::{Batch, Published, When};
pub use check::{CheckReport, Damage, FrameHolds};
pub use collect::{Collected, Costs, Effort, LiveSet, Rewritten, SegmentUse};
pub use incoming::{Incoming, Waiting};
pub use location::{Location, Position};
pub use pack::Packer;
pub use pin::{NoPins, Pin};
pub use reader::Reader;
pub use recover::{CatchUp, Known};
pub use writer::{Writer, WriterState, chunked};

use crate::disk::{Dir, DiskError};
use crate::format::FormatError;
use crate::format::tree::Tree;
use crate::id::{ObjectId, ObjectKind};
use crate::tree::TreeSource;
use decoded::ReaderState;
use index::ObjectIndex;
use segments::Segments;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused an operation on a file of the store. Nothing published is affected.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// No segment holds this object although something refers to it: contents were lost or taken out of the store.
    #[error("{} {id} is not in the store", kind.name())]
    Missing {
        /// Kind of the object.
        kind: ObjectKind,
        /// Its id.
        id: ObjectId,
    },
    /// What the store holds in this object's place is not the object: damage on the disk or in memory.
    #[error("{} {id} is damaged: {why}", kind.name())]
    Damaged {
        /// Kind of the object.
        kind: ObjectKind,
        /// Its id.
        id: ObjectId,
        /// What did not fit.
        why: String,
    },
    /// A file of the store has bytes that no writer writes.
    #[error("a file of the store is damaged: {0}")]
    Format(#[from] FormatError),
    /// An object is larger than the caller can take, or than the format allows.
    #[error("an object of {bytes} bytes exceeds the limit of {bytes_max}")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The content to be stored could not be read.
    #[error("cannot read the content to be stored: {0}")]
    Source(std::io::Error),
    /// The taker of a content that was read refused it.
    #[error("cannot pass on a content: {0}")]
    Sink(std::io::Error),
    /// The compression library failed: out of memory, or a fault in it.
    #[error("compression failed: {0}")]
    Codec(&'static str),
    /// What was compressed, or named by its bytes, is not what it was when that was done again: processor or memory failed. Nothing refers
    /// to it.
    #[error("a content that was just compressed does not come back as it was")]
    Unproven,
    /// The store has as many segments as its format can number.
    #[error("the store has no room for another segment")]
    Full,
}

impl StoreError {
    /// How work ends that its caller has cancelled.
    fn cancelled() -> Self {
        Self::Source(std::io::ErrorKind::Interrupted.into())
    }

    /// Whether the store does not hold what it should, as far as it was looked for.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Damaged { .. } | Self::Format(_) | Self::Codec(_))
    }
}

/// The result of an operation of the store.
pub type StoreResult<T> = Result<T, StoreError>;

/// An open object store. Shared by reference between threads; other processes may use the same store at the same time.
#[derive(Debug)]
pub struct Store {
    dir: Dir,
    segments: Segments,
    index: RwLock<ObjectIndex>,
    tmp: Dir,
    /// Readers that are not in use, for callers that read now and then ([`TreeSource`]).
    idle_readers: Mutex<Vec<ReaderState>>,
    /// Objects found by reading segments: while catching up, or for good once the index turned out to be wrong.
    overlay: RwLock<HashMap<ObjectId, Location>>,
    rescued: AtomicBool,
    /// How far the segments are durable for certain: the log or the index on disk says so, or this process made them so.
    settled: RwLock<Position>,
    /// Objects that came from elsewhere and are not published yet: see `incoming`.
    incoming: RwLock<HashMap<ObjectId, Location>>,
    /// How many times contents were moved before the index was read: see `pin`.
    collections: AtomicU64,
    /// Whether this process has the store for itself: see [`NoPins`].
    is_alone: Arc<AtomicBool>,
}

impl Store {
    /// Makes the folders of an empty store in `dir`; those that exist stay.
    ///
    /// # Durability
    /// The folders are durable on return.
    pub fn create(dir: &Dir) -> StoreResult<()> {
        for name in ["objects", "index", "tmp"] {
            dir.make_dir(name)?;
        }
        Ok(dir.sync()?)
    }

    /// Opens the store in `dir`. Costs the same with ten and with ten thousand versions: segments are mapped when they
    /// are first read, and of the index only the short tail is loaded.
    pub fn open(dir: &Dir) -> StoreResult<Self> {
        // Before the index: should one be replaced meanwhile, it is found old rather than new.
        let collections = AtomicU64::new(pin::collections(dir)?);
        let segments = Segments::open(dir.open_dir("objects")?)?;
        // An index folder that is gone is made again, as everything in it can be.
        let index_dir = match dir.open_dir("index") {
            Err(error) if error.is_not_found() => dir.make_dir("index")?,
            other => other?,
        };
        let tmp = match dir.open_dir("tmp") {
            Err(error) if error.is_not_found() => dir.make_dir("tmp")?,
            other => other?,
        };
        let index = ObjectIndex::open(index_dir)?;
        let settled = RwLock::new(index.covered());
        Ok(Self {
            dir: dir.clone(),
            segments,
            index: RwLock::new(index),
            tmp,
            idle_readers: Mutex::default(),
            overlay: RwLock::default(),
            rescued: AtomicBool::new(false),
            settled,
            incoming: RwLock::default(),
            collections,
            is_alone: Arc::default(),
        })
    }

    /// Whether the store holds this object. Its content is read and its id computed: what an index says is not relied on
    /// where contents would not be stored again.
    pub fn contains(&self, kind: ObjectKind, id: &ObjectId) -> StoreResult<bool> {
        self.with_idle_reader(|reader| reader.contains(kind, id))
    }

    /// Whether the index knows of an object like this one, and its segment is there. Costs one look-up.
    pub fn seems_to_contain(&self, id: &ObjectId) -> StoreResult<bool> {
        self.is_reached(&self.candidates(id))
    }

    /// As [`Store::seems_to_contain`], where something is to be built upon it: what another process has written and may not have made
    /// durable does not count.
    pub fn seems_settled(&self, id: &ObjectId) -> StoreResult<bool> {
        self.is_reached(&self.settled_candidates(id))
    }

    fn is_reached(&self, candidates: &[Location]) -> StoreResult<bool> {
        for &location in candidates {
            if self.segments.reaches(location)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where an object probably is, as the index says; for reading many in the order in which they lie.
    pub fn likely_location(&self, id: &ObjectId) -> Option<Location> {
        self.candidates(id).first().copied()
    }

    /// Where the segments end: the position up to which index and log should know them.
    pub fn end(&self) -> StoreResult<Position> {
        self.segments.end()
    }

    /// Bytes of all segments.
    pub fn stored_bytes(&self) -> StoreResult<u64> {
        self.segments.total_bytes()
    }

    /// Number of segments.
    pub fn segment_count(&self) -> StoreResult<usize> {
        Ok(self.segments.numbers()?.len())
    }

    /// The folder for temporary files; swept by [`Store::catch_up`].
    pub fn tmp(&self) -> &Dir {
        &self.tmp
    }

    /// A reader with a cache of its own.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self, ReaderState::default())
    }

    /// Where an object may be.
    fn candidates(&self, id: &ObjectId) -> Vec<Location> {
        let incoming = self.incoming.read().unwrap_or_else(PoisonError::into_inner).get(id).copied();
        let overlay = self.overlay.read().unwrap_or_else(PoisonError::into_inner).get(id).copied();
        incoming.into_iter().chain(overlay).chain(self.index.read().unwrap_or_else(PoisonError::into_inner).candidates(id)).collect()
    }

    /// Where an object may be that something can be built upon.
    fn settled_candidates(&self, id: &ObjectId) -> Vec<Location> {
        let settled = *self.settled.read().unwrap_or_else(PoisonError::into_inner);
        let mut candidates = self.candidates(id);
        candidates.retain(|&location| Segments::is_adopted(location.segment()) || settled.is_behind(location));
        candidates
    }

    /// Notes that the segments are durable up to this position.
    fn settle_up_to(&self, position: Position) {
        let mut settled = self.settled.write().unwrap_or_else(PoisonError::into_inner);
        *settled = position.max(*settled);
    }

    /// The whole content of an object of at most `bytes_max` bytes.
    pub fn read(&self, kind: ObjectKind, id: &ObjectId, bytes_max: u64) -> StoreResult<Vec<u8>> {
        self.with_idle_reader(|reader| reader.read(kind, id, bytes_max))
    }

    fn with_idle_reader<T>(&self, work: impl FnOnce(&mut Reader<'_>) -> StoreResult<T>) -> StoreResult<T> {
        let idle = || self.idle_readers.lock().unwrap_or_else(PoisonError::into_inner);
        let state = idle().pop().unwrap_or_default();
        let mut reader = Reader::new(self, state);
        let result = work(&mut reader);
        idle().push(reader.into_state());
        result
    }
}

impl TreeSource for Store {
    type Error = StoreError;

    fn tree(&self, id: &ObjectId) -> StoreResult<Tree> {
        if *id == Tree::empty().id() {
            return Ok(Tree::empty());
        }
        self.with_idle_reader(|reader| reader.tree_beside(id, &Tree::empty()))
    }
}

#[cfg(test)]
mod tests;
