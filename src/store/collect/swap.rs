//! Putting a new segment in the place of old ones.
//!
//! Order: journal, new segment over the first old one, the other old ones removed, index, count of collections, journal removed. A
//! kill before the second step leaves everything as it was; after it, [`Store::finish_collection`] does the rest. In between
//! the same frames may stand in two segments, so the journal is looked at before anything else is.

use std::sync::PoisonError;

use super::Rewritten;
use crate::format::collection::CollectionJournal;
use crate::limits::COLLECTION_JOURNAL_BYTES_MAX;
use crate::store::{NoPins, Store, StoreResult};

const JOURNAL: &str = "gc.journal";

/// What a swap did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Bytes of the segments that went.
    pub old_bytes: u64,
    /// Bytes of the segment that came.
    pub new_bytes: u64,
    /// Number of objects that went.
    pub dropped_objects: u64,
}

impl Store {
    /// Puts a segment that was written anew in the place of the old ones. Only for the holder of the publish lock, whose index knows
    /// all objects, and while nobody has a pin.
    ///
    /// # Durability
    /// On return the exchange is durable. After a crash before that, the old segments are there, or
    /// [`Store::finish_collection`] brings the exchange to its end.
    pub fn swap(&self, rewritten: Rewritten, _no_pins: &NoPins) -> StoreResult<Collected> {
        let collected =
            Collected { old_bytes: rewritten.old_bytes(), new_bytes: rewritten.new_bytes(), dropped_objects: rewritten.dropped_objects() };
        let Rewritten { file, nonce, inputs, entries, .. } = rewritten;
        let journal = CollectionJournal { inputs, nonce };
        self.dir.publish(&self.tmp, JOURNAL, &journal.encode())?;
        self.segments.replace(file, journal.inputs[0])?;
        self.remove_replaced(&journal)?;
        self.index.write().unwrap_or_else(PoisonError::into_inner).replace(&self.tmp, &journal.inputs, &entries)?;
        self.end_collection()?;
        Ok(collected)
    }

    /// Whether a collection was interrupted, or is at work in this moment.
    pub fn is_collection_begun(&self) -> StoreResult<bool> {
        Ok(self.dir.contains(JOURNAL)?)
    }

    /// Brings an interrupted collection to its end. Only for the holder of the publish lock. If segments were replaced, the index is
    /// thrown away, and the next [`Store::catch_up`] makes it anew. A journal that cannot be read was never finished, so nothing was
    /// replaced.
    pub fn finish_collection(&self) -> StoreResult<()> {
        let bytes = match self.dir.read(JOURNAL, COLLECTION_JOURNAL_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if let Ok(journal) = CollectionJournal::decode(&bytes)
            && self.segments.nonce(journal.inputs[0])? == Some(journal.nonce)
        {
            self.remove_replaced(&journal)?;
            self.forget_index()?;
        }
        self.end_collection()
    }

    fn remove_replaced(&self, journal: &CollectionJournal) -> StoreResult<()> {
        self.segments.remove(&journal.inputs[1..])
    }

    fn end_collection(&self) -> StoreResult<()> {
        self.count_collection()?;
        self.dir.remove_file(JOURNAL.as_ref())?;
        Ok(self.dir.sync()?)
    }
}
