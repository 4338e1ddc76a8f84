//! Storage of objects by key: the few things that are asked of it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{RemoteError, RemoteResult};

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

    /// Makes an object whose bytes follow from its key; one that is there stays or is replaced by the same.
    ///
    /// # Durability
    /// As [`Bucket::create`].
    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()>;

    /// Whether there is an object of so many bytes. What they are is not looked at.
    fn is_there(&self, key: &str, bytes: u64) -> RemoteResult<bool>;

    /// Names of the objects in a folder, in no order; of more than `names_max` is an error.
    fn list(&self, folder: &str, names_max: usize) -> RemoteResult<Vec<String>>;

    /// Removes an object; one that is not there is no error.
    fn remove(&self, key: &str) -> RemoteResult<()>;
}

/// A folder has more in it than it may have.
pub(super) fn too_many(folder: &str) -> RemoteError {
    RemoteError::Damaged { key: format!("{folder}/"), why: "it has more in it than it may have".to_owned() }
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

    fn is_there(&self, key: &str, bytes: u64) -> RemoteResult<bool> {
        self.count(0).is_there(key, bytes)
    }

    fn list(&self, folder: &str, names_max: usize) -> RemoteResult<Vec<String>> {
        self.count(0).list(folder, names_max)
    }

    fn remove(&self, key: &str) -> RemoteResult<()> {
        self.count(0).remove(key)
    }
}
