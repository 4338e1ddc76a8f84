//! Collecting: giving back the room of contents that nothing reaches any more, and joining small segments.
//!
//! A segment is never changed. One that is worth it is written anew without what is dead (`rewrite`), the new file is read back and held
//! against the old ones, and then takes their place (`swap`). What was a delta against something dead becomes a delta against the
//! nearest content below it that lives, or stands alone again. Records are always kept, in their order.
//!
//! Room: the new segment is written before the old ones go, so one segment's worth is needed at most. Memory: about 60 bytes for
//! each object of the segments at work.
//!
//! Who says what lives is the caller, by [`LiveSet`]: the store knows no versions.

mod census;
mod costs;
mod old_frames;
mod rewrite;
mod swap;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

pub use census::SegmentUse;
pub use costs::Costs;
pub use rewrite::{Effort, Rewritten};
pub use swap::Collected;

use crate::format::index::IdPrefix;
use crate::id::ObjectId;
use crate::store::{StoreError, StoreResult};

/// The objects that must stay. Kept by the first eight bytes of their ids, so that a million take 20 MB: of two objects with
/// the same beginning both stay.
#[derive(Debug, Default)]
pub struct LiveSet(HashSet<IdPrefix>);

impl LiveSet {
    /// Adds an object; whether it is new.
    pub fn insert(&mut self, id: &ObjectId) -> bool {
        self.0.insert(IdPrefix::of(id))
    }

    /// Whether an object must stay.
    pub fn contains(&self, id: &ObjectId) -> bool {
        self.0.contains(&IdPrefix::of(id))
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing must stay.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn meets(&self, other: &Self) -> bool {
        !self.0.is_disjoint(&other.0)
    }

    fn has(&self, prefix: IdPrefix) -> bool {
        self.0.contains(&prefix)
    }
}

fn refuse_cancelled(cancel: &AtomicBool) -> StoreResult<()> {
    if cancel.load(Ordering::Relaxed) { Err(StoreError::cancelled()) } else { Ok(()) }
}
