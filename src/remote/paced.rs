//! A bucket that sends and fetches at most so many bytes a second, over all threads. An object goes in one piece, as fast as the line
//! is; what is kept is the average, by waiting before it is sent and after it was fetched.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Bucket, Creation, RemoteResult, Stored};
use crate::limits::PACE_POLL_MS;

/// How fast a remote may be used.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes in a second; at least one.
    pub bytes_per_second: u64,
    /// Set when nobody wants to wait any more: what is done then is done at once.
    pub hurry: &'static AtomicBool,
}

/// A bucket that keeps a pace.
pub struct Paced {
    bucket: Box<dyn Bucket>,
    pace: Pace,
    /// When all that was sent and fetched so far has had its time. Held during transfers: one at a time is fast enough.
    paid_at: Mutex<Instant>,
}

impl Paced {
    /// Nothing was sent yet.
    pub fn new(bucket: Box<dyn Bucket>, pace: Pace) -> Self {
        Self { bucket, pace, paid_at: Mutex::new(Instant::now()) }
    }

    /// Waits until nobody else transfers anything.
    fn turn(&self) -> MutexGuard<'_, Instant> {
        self.paid_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many bytes more have had their time.
    fn pay(&self, paid_at: &mut Instant, bytes: usize) {
        let time = Duration::from_secs_f64(bytes as f64 / self.pace.bytes_per_second.max(1) as f64);
        *paid_at = (*paid_at).max(Instant::now()) + time;
        while let Some(rest) = paid_at.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
            if self.pace.hurry.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(rest.min(Duration::from_millis(PACE_POLL_MS)));
        }
    }
}

impl Bucket for Paced {
    fn get(&self, key: &str, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        let mut paid_at = self.turn();
        let found = self.bucket.get(key, bytes_max)?;
        self.pay(&mut paid_at, found.as_ref().map_or(0, Vec::len));
        Ok(found)
    }

    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        let mut paid_at = self.turn();
        self.pay(&mut paid_at, bytes.len());
        self.bucket.create(key, bytes)
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()> {
        let mut paid_at = self.turn();
        self.pay(&mut paid_at, bytes.len());
        self.bucket.put(key, bytes)
    }

    fn size(&self, key: &str) -> RemoteResult<Option<u64>> {
        self.bucket.size(key)
    }

    fn stored_bytes(&self, bytes: u64) -> u64 {
        self.bucket.stored_bytes(bytes)
    }

    fn look(&self, key: &str) -> RemoteResult<Option<Stored>> {
        self.bucket.look(key)
    }

    fn stored(&self, prefix: &str) -> RemoteResult<Vec<Stored>> {
        self.bucket.stored(prefix)
    }

    fn get_range(&self, key: &str, range: Range<u64>, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        let mut paid_at = self.turn();
        let found = self.bucket.get_range(key, range, bytes_max)?;
        self.pay(&mut paid_at, found.as_ref().map_or(0, Vec::len));
        Ok(found)
    }

    fn has_ranges(&self) -> bool {
        self.bucket.has_ranges()
    }

    fn name_of(&self, key: &str) -> String {
        self.bucket.name_of(key)
    }

    fn remove_named(&self, name: &str) -> RemoteResult<()> {
        self.bucket.remove_named(name)
    }

    fn remove(&self, key: &str) -> RemoteResult<()> {
        self.bucket.remove(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::directory::Directory;

    fn paced(folder: &tempfile::TempDir, hurry: &'static AtomicBool) -> Paced {
        let bucket = Box::new(Directory::open(folder.path(), true).unwrap());
        Paced::new(bucket, Pace { bytes_per_second: 100_000, hurry })
    }

    #[test]
    fn many_threads_together_keep_the_pace_both_ways() {
        static NEVER: AtomicBool = AtomicBool::new(false);
        let folder = tempfile::tempdir().unwrap();
        let (bucket, began) = (paced(&folder, &NEVER), Instant::now());
        std::thread::scope(|scope| {
            for number in 0..4 {
                let bucket = &bucket;
                scope.spawn(move || bucket.put(&format!("packs/{number}"), vec![0; 10_000]).unwrap());
            }
        });
        assert!(began.elapsed() >= Duration::from_millis(390), "{:?}", began.elapsed());
        for number in 0..4 {
            assert!(bucket.get(&format!("packs/{number}"), 10_000).unwrap().is_some());
        }
        assert!(began.elapsed() >= Duration::from_millis(790), "{:?}", began.elapsed());
    }

    #[test]
    fn who_wants_to_stop_does_not_wait() {
        static HURRY: AtomicBool = AtomicBool::new(true);
        let folder = tempfile::tempdir().unwrap();
        let began = Instant::now();
        paced(&folder, &HURRY).put("packs/x", vec![0; 10_000_000]).unwrap();
        assert!(began.elapsed() < Duration::from_secs(50));
    }
}
