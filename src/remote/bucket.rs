//! Storage of objects by key: the few things that are asked of it.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::RemoteResult;

/// What became of creating an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It is there now, with our bytes.
    Created,
    /// It was there already.
    Exists,
}

/// Storage of objects by key. Shared between threads.
pub trait Bucket: Send + Sync {
    /// The object, if there is one; of more than `bytes_max` bytes is an error, and no more is read.
    fn get(&self, key: &str, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>>;

    /// Makes an object unless there is one.
    ///
    /// # Errors
    /// After [`super::RemoteError::Unreachable`] it may have been made or not.
    ///
    /// # Durability
    /// As the storage promises; in a directory the object is durable on return.
    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation>;

    /// Makes an object whose bytes follow from its key; one that is there stays or is replaced by the same, and counts as written now.
    ///
    /// # Durability
    /// As [`Bucket::create`].
    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()>;

    /// The length of an object in the storage, in bytes, if there is one.
    fn size(&self, key: &str) -> RemoteResult<Option<u64>>;

    /// The length that an object of so many bytes has in the storage.
    fn stored_bytes(&self, bytes: u64) -> u64 {
        bytes
    }

    /// Removes an object; one that is not there is no error.
    fn remove(&self, key: &str) -> RemoteResult<()>;

    /// An object as it lies there, if there is one. Where nobody knows when it was written, it was long ago.
    fn look(&self, key: &str) -> RemoteResult<Option<Stored>> {
        Ok(self.size(key)?.map(|bytes| Stored { name: self.name_of(key), bytes, written_ms: 0 }))
    }

    /// Everything whose key begins like this, in the order of the names.
    fn stored(&self, prefix: &str) -> RemoteResult<Vec<Stored>>;

    /// A part of an object, if there is one, of exactly so many bytes as the range has. A storage without parts reads the whole.
    fn get_range(&self, key: &str, range: Range<u64>, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        let Some(mut bytes) = self.get(key, bytes_max)? else { return Ok(None) };
        if range.start > range.end || range.end > bytes.len() as u64 {
            return Err(super::RemoteError::Damaged { key: key.to_owned(), why: "it is shorter than it was".to_owned() });
        }
        bytes.truncate(range.end as usize);
        Ok(Some(bytes.split_off(range.start as usize)))
    }

    /// Whether a part of an object costs less than the whole.
    fn has_ranges(&self) -> bool {
        false
    }

    /// The name that [`Bucket::stored`] gives an object with this key.
    fn name_of(&self, key: &str) -> String {
        key.to_owned()
    }

    /// Removes an object by a name that [`Bucket::stored`] gave.
    fn remove_named(&self, name: &str) -> RemoteResult<()> {
        self.remove(name)
    }
}

/// An object, as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name in the storage.
    pub name: String,
    /// Its length there in bytes.
    pub bytes: u64,
    /// When it was written by the storage's clock, in milliseconds since 1970-01-01 UTC.
    pub written_ms: i64,
}

/// What was asked of a storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Number of requests, without those that are repeated by the library below.
    pub requests: u64,
    /// Bytes of objects that came.
    pub received: u64,
    /// Bytes of objects that went.
    pub sent: u64,
}

/// A storage whose use is counted.
pub struct Counted {
    bucket: Box<dyn Bucket>,
    requests: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

impl Counted {
    /// Nothing was asked of it yet.
    pub fn new(bucket: Box<dyn Bucket>) -> Self {
        Self { bucket, requests: AtomicU64::new(0), received: AtomicU64::new(0), sent: AtomicU64::new(0) }
    }

    /// What was asked of it.
    pub fn traffic(&self) -> Traffic {
        let [requests, received, sent] = [&self.requests, &self.received, &self.sent].map(|count| count.load(Ordering::Relaxed));
        Traffic { requests, received, sent }
    }

    fn count(&self, sent: usize) -> &dyn Bucket {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.sent.fetch_add(sent as u64, Ordering::Relaxed);
        &*self.bucket
    }
}

impl Bucket for std::sync::Arc<Counted> {
    fn get(&self, key: &str, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        let found = self.count(0).get(key, bytes_max)?;
        self.received.fetch_add(found.as_ref().map_or(0, Vec::len) as u64, Ordering::Relaxed);
        Ok(found)
    }

    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        self.count(bytes.len()).create(key, bytes)
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()> {
        self.count(bytes.len()).put(key, bytes)
    }

    fn size(&self, key: &str) -> RemoteResult<Option<u64>> {
        self.count(0).size(key)
    }

    fn stored_bytes(&self, bytes: u64) -> u64 {
        self.bucket.stored_bytes(bytes)
    }

    fn remove(&self, key: &str) -> RemoteResult<()> {
        self.count(0).remove(key)
    }

    fn look(&self, key: &str) -> RemoteResult<Option<Stored>> {
        self.count(0).look(key)
    }

    fn stored(&self, prefix: &str) -> RemoteResult<Vec<Stored>> {
        let found = self.count(0).stored(prefix)?;
        // A storage gives a thousand at a time.
        self.requests.fetch_add(found.len() as u64 / 1000, Ordering::Relaxed);
        Ok(found)
    }

    fn get_range(&self, key: &str, range: Range<u64>, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        let found = self.count(0).get_range(key, range, bytes_max)?;
        self.received.fetch_add(found.as_ref().map_or(0, Vec::len) as u64, Ordering::Relaxed);
        Ok(found)
    }

    fn has_ranges(&self) -> bool {
        self.bucket.has_ranges()
    }

    fn name_of(&self, key: &str) -> String {
        self.bucket.name_of(key)
    }

    fn remove_named(&self, name: &str) -> RemoteResult<()> {
        self.count(0).remove_named(name)
    }
}
