//! A bucket in which everything is sealed. Whoever uses it sees the objects as they would lie in one that is not.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::Seal;
use crate::format::seal::{CONTENT_LENGTH_BYTES, SEALED_HEADER_BYTES, sealed_bytes};
use crate::limits::{SEAL_SEGMENT_BYTES, SEAL_TAG_BYTES};
use crate::remote::{Bucket, Creation, RemoteError, RemoteResult, Stored};

/// Folders whose names are not sealed: they say which entry or summary of the log it is, or nothing.
const PLAIN_FOLDERS: [&str; 3] = ["log", "summaries", "probe"];

/// A bucket in which contents and names are sealed, but for objects that lie in no folder.
pub struct Sealed<B> {
    bucket: B,
    seal: Seal,
    /// What stands before the segments of objects of which parts were read.
    headers: Mutex<HashMap<String, Vec<u8>>>,
}

impl<B: Bucket> Sealed<B> {
    /// What lies in this bucket is sealed so.
    pub fn new(bucket: B, seal: Seal) -> Self {
        Self { bucket, seal, headers: Mutex::default() }
    }

    fn key(&self, key: &str) -> String {
        match key.split_once('/') {
            Some((folder, name)) if !PLAIN_FOLDERS.contains(&folder) => format!("{folder}/{}", self.seal.seal_name(folder, name)),
            _ => key.to_owned(),
        }
    }
}

impl<B: Bucket> Sealed<B> {
    /// What stands before the segments of an object; one request for each.
    fn header(&self, sealed_key: &str, length: usize) -> RemoteResult<Option<Vec<u8>>> {
        let known = || self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(header) = known().get(sealed_key) {
            return Ok(Some(header.clone()));
        }
        let header = self.bucket.get_range(sealed_key, 0..SEALED_HEADER_BYTES as u64, length)?;
        if let Some(header) = &header {
            known().insert(sealed_key.to_owned(), header.clone());
        }
        Ok(header)
    }
}

/// Where a part of a content lies.
struct Segments {
    /// In the sealed object.
    sealed: Range<u64>,
    /// Number of the first segment.
    first: usize,
    /// Bytes of the segments before the part.
    skipped: usize,
}

/// Of a part that is not empty, in a sealed object of this length.
fn segments_of(range: &Range<u64>, length: usize) -> Segments {
    // The length of the content stands before it.
    let (start, end) = (range.start as usize + CONTENT_LENGTH_BYTES, range.end as usize + CONTENT_LENGTH_BYTES);
    let (first, last) = (start / SEAL_SEGMENT_BYTES, (end - 1) / SEAL_SEGMENT_BYTES);
    let place = |segment: usize| SEALED_HEADER_BYTES + segment * (SEAL_SEGMENT_BYTES + SEAL_TAG_BYTES);
    let sealed = place(first).min(length) as u64..place(last + 1).min(length) as u64;
    Segments { sealed, first, skipped: start - first * SEAL_SEGMENT_BYTES }
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

    fn size(&self, key: &str) -> RemoteResult<Option<u64>> {
        self.bucket.size(&self.key(key))
    }

    fn stored_bytes(&self, bytes: u64) -> u64 {
        self.bucket.stored_bytes(usize::try_from(bytes).map_or(u64::MAX, |bytes| sealed_bytes(bytes) as u64))
    }

    fn remove(&self, key: &str) -> RemoteResult<()> {
        self.bucket.remove(&self.key(key))
    }

    fn look(&self, key: &str) -> RemoteResult<Option<Stored>> {
        self.bucket.look(&self.key(key))
    }

    fn stored(&self, prefix: &str) -> RemoteResult<Vec<Stored>> {
        self.bucket.stored(prefix)
    }

    fn get_range(&self, key: &str, range: Range<u64>, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        if !is_sealed(key) {
            return self.bucket.get_range(key, range, bytes_max);
        }
        let (sealed_key, length) = (self.key(key), sealed_bytes(bytes_max));
        if range.start > range.end || range.end > bytes_max as u64 {
            return Err(RemoteError::Damaged { key: key.to_owned(), why: "it is shorter than it was".to_owned() });
        }
        let Some(header) = self.header(&sealed_key, length)? else { return Ok(None) };
        if range.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let Segments { sealed, first, skipped } = segments_of(&range, length);
        let Some(bytes) = self.bucket.get_range(&sealed_key, sealed, length)? else { return Ok(None) };
        let mut content = self.seal.open_segments(key, &header, first, &bytes)?;
        content.drain(..skipped.min(content.len()));
        content.truncate((range.end - range.start) as usize);
        Ok(Some(content))
    }

    fn has_ranges(&self) -> bool {
        self.bucket.has_ranges()
    }

    fn name_of(&self, key: &str) -> String {
        self.bucket.name_of(&self.key(key))
    }

    fn remove_named(&self, name: &str) -> RemoteResult<()> {
        self.bucket.remove_named(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::MasterKey;
    use crate::remote::directory::Directory;

    #[test]
    fn parts_are_what_they_are_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let directory = || Directory::open(folder.path(), true).unwrap();
        let bucket = Sealed::new(directory(), Seal::new(&MasterKey::from_bytes([7; 32])));
        for length in [0usize, 1, 65_528, 65_529, 131_064, 300_000] {
            let key = format!("packs/{length}");
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            bucket.put(&key, content.clone()).unwrap();
            assert_eq!(bucket.size(&key).unwrap(), Some(bucket.stored_bytes(length as u64)));
            assert_eq!(bucket.look(&key).unwrap().map(|stored| stored.name), Some(bucket.name_of(&key)));
            let ends = [0, 7, 65_528, 65_529, 131_064, length.saturating_sub(1), length];
            for start in ends.into_iter().filter(|start| *start <= length) {
                for end in ends.into_iter().filter(|end| (start..=length).contains(end)) {
                    let part = bucket.get_range(&key, start as u64..end as u64, length).unwrap().unwrap();
                    assert!(part == content[start..end], "{start}..{end} of {length}");
                }
            }
            assert!(bucket.get_range(&key, 0..length as u64 + 1, length).is_err());
        }
        assert_eq!(bucket.get_range("packs/none", 0..1, 10).unwrap(), None);
        // A segment that was changed, or put where another one was, is no part of anything.
        let path = folder.path().join(bucket.name_of("packs/300000"));
        let good = std::fs::read(&path).unwrap();
        let segment = SEAL_SEGMENT_BYTES + SEAL_TAG_BYTES;
        let (one, two) = (SEALED_HEADER_BYTES + segment, SEALED_HEADER_BYTES + 2 * segment);
        let swapped = [&good[..SEALED_HEADER_BYTES], &good[one..two], &good[SEALED_HEADER_BYTES..one], &good[two..]].concat();
        std::fs::write(&path, swapped).unwrap();
        assert!(bucket.get_range("packs/300000", 70_000..70_010, 300_000).is_err());
        assert!(bucket.get_range("packs/300000", 200_000..200_010, 300_000).unwrap().is_some());
    }
}
