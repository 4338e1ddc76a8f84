//! A bucket in which everything is sealed. Whoever uses it sees the objects as they would lie in one that is not.

use super::Seal;
use crate::format::seal::sealed_bytes;
use crate::remote::{Bucket, Creation, RemoteError, RemoteResult};

/// Folders whose names are not sealed: they say which entry of the log it is, or nothing.
const PLAIN_FOLDERS: [&str; 2] = ["log", "probe"];

/// A bucket in which contents and names are sealed, but for objects that lie in no folder.
pub struct Sealed<B> {
    bucket: B,
    seal: Seal,
}

impl<B: Bucket> Sealed<B> {
    /// What lies in this bucket is sealed so.
    pub fn new(bucket: B, seal: Seal) -> Self {
        Self { bucket, seal }
    }

    fn key(&self, key: &str) -> String {
        match key.split_once('/') {
            Some((folder, name)) if !PLAIN_FOLDERS.contains(&folder) => format!("{folder}/{}", self.seal.seal_name(folder, name)),
            _ => key.to_owned(),
        }
    }
}

fn is_sealed(key: &str) -> bool {
    key.contains('/')
}

impl<B: Bucket> Bucket for Sealed<B> {
    fn get(&self, key: &str, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        if !is_sealed(key) {
            return self.bucket.get(key, bytes_max);
        }
        let Some(sealed) = self.bucket.get(&self.key(key), sealed_bytes(bytes_max))? else { return Ok(None) };
        let bytes = self.seal.open(key, &sealed)?;
        if bytes.len() > bytes_max {
            return Err(RemoteError::Damaged { key: key.to_owned(), why: "it is longer than it may be".to_owned() });
        }
        Ok(Some(bytes))
    }

    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        if is_sealed(key) { self.bucket.create(&self.key(key), &self.seal.seal(key, bytes)) } else { self.bucket.create(key, bytes) }
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()> {
        if is_sealed(key) { self.bucket.put(&self.key(key), self.seal.seal(key, &bytes)) } else { self.bucket.put(key, bytes) }
    }

    fn is_there(&self, key: &str, bytes: u64) -> RemoteResult<bool> {
        let length = if is_sealed(key) { usize::try_from(bytes).map_or(u64::MAX, |bytes| sealed_bytes(bytes) as u64) } else { bytes };
        self.bucket.is_there(&self.key(key), length)
    }

    fn list(&self, folder: &str, names_max: usize) -> RemoteResult<Vec<String>> {
        let names = self.bucket.list(folder, names_max)?;
        if PLAIN_FOLDERS.contains(&folder) {
            return Ok(names);
        }
        Ok(names.iter().filter_map(|name| self.seal.open_name(folder, name)).collect())
    }

    fn remove(&self, key: &str) -> RemoteResult<()> {
        self.bucket.remove(&self.key(key))
    }
}
