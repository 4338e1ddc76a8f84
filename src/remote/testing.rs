//! A directory for tests, the requests to which go as a script says.

use std::ops::Range;
use std::sync::Mutex;

pub use super::directory::Directory;
use super::{Bucket, Creation, RemoteError, RemoteResult, Stored};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out and answered.
    Answered,
    /// It is not carried out, and nobody hears of it.
    RequestLost,
    /// It is carried out, and nobody hears of it.
    AnswerLost,
    /// It is carried out twice, as a library that repeats requests does it; the second answer is heard.
    Repeated,
}

type Script = dyn Fn(&str, &str) -> Fate + Send + Sync;

/// A directory before which a script is asked about every request: by what is to be done, as a verb, and the key. What the script does
/// itself happens before the request.
pub struct Scripted {
    bucket: Directory,
    script: Box<Script>,
}

impl Scripted {
    /// The requests to a directory go as the script says.
    pub fn new(bucket: Directory, script: impl Fn(&str, &str) -> Fate + Send + Sync + 'static) -> Self {
        Self { bucket, script: Box::new(script) }
    }

    /// Something is done right before the first request that begins so.
    pub fn once(bucket: Directory, verb: &'static str, prefix: &'static str, done: impl FnOnce() + Send + 'static) -> Self {
        let done = Mutex::new(Some(done));
        Self::new(bucket, move |asked, key| {
            let done = (asked == verb && key.starts_with(prefix)).then(|| done.lock().unwrap().take()).flatten();
            done.into_iter().for_each(|done| done());
            Fate::Answered
        })
    }

    fn ask<T>(&self, verb: &str, key: &str, request: impl Fn() -> RemoteResult<T>) -> RemoteResult<T> {
        let lost = || Err(RemoteError::Unreachable { action: "reach", key: key.to_owned(), why: "timeout".to_owned() });
        match (self.script)(verb, key) {
            Fate::Answered => request(),
            Fate::RequestLost => lost(),
            Fate::AnswerLost => request().and_then(|_| lost()),
            Fate::Repeated => request().and_then(|_| request()),
        }
    }
}

impl Bucket for Scripted {
    fn get(&self, key: &str, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        self.ask("get", key, || self.bucket.get(key, bytes_max))
    }
    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        self.ask("create", key, || self.bucket.create(key, bytes))
    }
    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()> {
        self.ask("put", key, || self.bucket.put(key, bytes.clone()))
    }
    fn size(&self, key: &str) -> RemoteResult<Option<u64>> {
        self.ask("look", key, || self.bucket.size(key))
    }
    fn look(&self, key: &str) -> RemoteResult<Option<Stored>> {
        self.ask("look", key, || self.bucket.look(key))
    }
    fn remove(&self, key: &str) -> RemoteResult<()> {
        self.ask("remove", key, || self.bucket.remove(key))
    }
    fn stored(&self, prefix: &str) -> RemoteResult<Vec<Stored>> {
        self.ask("list", prefix, || self.bucket.stored(prefix))
    }
    fn get_range(&self, key: &str, range: Range<u64>, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        self.ask("get", key, || self.bucket.get_range(key, range.clone(), bytes_max))
    }
    fn has_ranges(&self) -> bool {
        self.bucket.has_ranges()
    }
}
