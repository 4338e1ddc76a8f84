//! Storage of objects by key: the few things that are asked of it.

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

    /// Makes an object whose bytes follow from its key; one that is there stays or is replaced by the same.
    ///
    /// # Durability
    /// As [`Bucket::create`].
    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()>;

    /// The length of an object in bytes, if there is one.
    fn size(&self, key: &str) -> RemoteResult<Option<u64>>;

    /// Removes an object; one that is not there is no error.
    fn remove(&self, key: &str) -> RemoteResult<()>;
}
