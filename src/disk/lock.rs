//! Locks between processes: kernel locks on open files, gone with their process. There are no lock files that could stay
//! behind: the locked file itself means nothing.

use std::time::Duration;

use rustix::fs::OFlags;

use super::system::Handle;
use super::{Dir, DiskError, DiskResult};
use crate::limits::{LOCK_NOTICE_AFTER_MS, LOCK_RETRY_MS};

/// Whether others may hold the lock at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Together with other shared holders.
    Shared,
    /// Alone.
    Exclusive,
}

/// A lock that is held until it is dropped or its process ends.
#[derive(Debug)]
pub struct Lock {
    _file: Handle,
}

impl Lock {
    /// Waits for the lock; calls `on_wait` once when that takes longer than [`LOCK_NOTICE_AFTER_MS`].
    pub fn acquire(dir: &Dir, name: &str, mode: LockMode, on_wait: &dyn Fn()) -> DiskResult<Self> {
        let started = dir.handle.now();
        let mut announced = false;
        loop {
            if let Some(lock) = Self::try_acquire(dir, name, mode)? {
                return Ok(lock);
            }
            let waited = dir.handle.now().duration_since(started).unwrap_or_default();
            if !announced && waited >= Duration::from_millis(LOCK_NOTICE_AFTER_MS) {
                announced = true;
                on_wait();
            }
            dir.handle.sleep(Duration::from_millis(LOCK_RETRY_MS));
        }
    }

    /// Takes the lock if it is free.
    pub fn try_acquire(dir: &Dir, name: &str, mode: LockMode) -> DiskResult<Option<Self>> {
        let file = open(dir, name)?;
        let taken = file.try_lock(mode).map_err(|error| DiskError::new("lock", dir.path_of(name), error))?;
        Ok(taken.then_some(Self { _file: file }))
    }
}

fn open(dir: &Dir, name: &str) -> DiskResult<Handle> {
    dir.open_file(name, OFlags::RDWR | OFlags::CREATE)
        // In a store that may only be read, a lock on a file opened for reading does as well.
        .or_else(|_| dir.open_file(name, OFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::disk::simulated::{Faults, Machine, Process, Sabotage};

    #[test]
    fn a_long_wait_is_told_of_once_it_is_long() {
        let machine = Machine::new(1, Sabotage::None, false);
        machine.begin(1, Faults::default());
        let (first, second) = (Process::new(&machine, 0), Process::new(&machine, 0));
        let held = Lock::try_acquire(&first.root(), "lock", LockMode::Exclusive).unwrap();
        assert!(held.is_some());
        let (held, began_ms) = (RefCell::new(held), machine.state().now_ms);
        let told_ms = RefCell::new(Vec::new());
        Lock::acquire(&second.root(), "lock", LockMode::Exclusive, &|| {
            held.take();
            told_ms.borrow_mut().push(machine.state().now_ms - began_ms);
        })
        .unwrap();
        assert!(matches!(told_ms.take()[..], [ms] if (LOCK_NOTICE_AFTER_MS..LOCK_NOTICE_AFTER_MS + 100).contains(&ms)));
    }
}
