//! Pins: while one is held, no content leaves the store. And noticing that contents were moved by somebody else.
//!
//! A writer relies on contents that are there ("known") from the moment it looks until its record is published, so it holds a
//! pin all that time: a shared lock. A collection takes the lock alone, for the moment in which it puts a new segment in the
//! place of old ones. The file that is locked counts these moments, so that everybody can tell whether the index that he has
//! read is still that of the segments.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use super::{Store, StoreResult};
use crate::disk::{Dir, Lock, LockMode};

/// Locked shared by writers, and alone by a collection; holds the number of collections.
const FILE: &str = "gc.lock";
const COUNT_BYTES: usize = 8;

/// As long as this is there, no content leaves the store.
#[derive(Debug)]
pub struct Pin {
    _lock: Lock,
}

/// As long as this is there, nobody has a pin.
#[derive(Debug)]
pub struct NoPins {
    is_alone: Arc<AtomicBool>,
    _lock: Lock,
}

impl Drop for NoPins {
    fn drop(&mut self) {
        self.is_alone.store(false, Ordering::SeqCst);
    }
}

/// How often contents of the store were moved.
pub(super) fn collections(dir: &Dir) -> StoreResult<u64> {
    match dir.read(FILE, COUNT_BYTES as u64) {
        Ok(bytes) => Ok(bytes.try_into().map_or(0, u64::from_le_bytes)),
        Err(error) if error.is_not_found() => Ok(0),
        Err(error) => Err(error.into()),
    }
}

impl Store {
    /// Keeps all contents in the store until the pin is dropped. Waits for the moment in which a collection replaces segments.
    pub fn pin(&self) -> StoreResult<Pin> {
        let lock = Lock::acquire(&self.dir, FILE, LockMode::Shared, &|| {})?;
        self.take_notice()?;
        Ok(Pin { _lock: lock })
    }

    /// The right to move contents, if nobody holds a pin.
    pub fn try_no_pins(&self) -> StoreResult<Option<NoPins>> {
        let Some(lock) = Lock::try_acquire(&self.dir, FILE, LockMode::Exclusive)? else { return Ok(None) };
        self.take_notice()?;
        self.is_alone.store(true, Ordering::SeqCst);
        Ok(Some(NoPins { is_alone: self.is_alone.clone(), _lock: lock }))
    }

    /// Whether contents were moved since this was last asked; then the index has been read anew. Waits for a collection that
    /// is moving them; the holder of [`NoPins`] would wait for itself, and nobody else can have moved any.
    pub(super) fn refresh(&self) -> StoreResult<bool> {
        if self.is_alone.load(Ordering::SeqCst) {
            return Ok(false);
        }
        match Lock::acquire(&self.dir, FILE, LockMode::Shared, &|| {}) {
            Ok(_lock) => self.take_notice(),
            // Where no lock can be had nothing was ever moved.
            Err(error) if error.is_not_found() || error.is_read_only() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes notice of what others have moved or published. Who goes through segments frame by frame does so first; who reads single
    /// objects need not, since that is tried when one is not found.
    pub fn look_anew(&self) -> StoreResult<()> {
        self.refresh()?;
        self.follow()?;
        Ok(())
    }

    /// How many collections this process knows of: what was decoded before another one is not to be used.
    pub(super) fn known_collections(&self) -> u64 {
        self.collections.load(Ordering::SeqCst)
    }

    /// Tells everybody that contents were moved.
    pub(super) fn count_collection(&self) -> StoreResult<()> {
        let count = collections(&self.dir)?.wrapping_add(1);
        self.dir.open_store_file(FILE, true, true)?.write_at(&count.to_le_bytes(), 0)?;
        self.take_notice()?;
        Ok(())
    }

    fn take_notice(&self) -> StoreResult<bool> {
        let now = collections(&self.dir)?;
        if self.collections.load(Ordering::SeqCst) == now {
            return Ok(false);
        }
        self.index.write().unwrap_or_else(PoisonError::into_inner).reload()?;
        self.segments.forget_maps();
        self.overlay.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.rescued.store(false, Ordering::SeqCst);
        self.collections.store(now, Ordering::SeqCst);
        Ok(true)
    }
}
