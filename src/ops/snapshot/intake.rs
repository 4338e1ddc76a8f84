//! Reads the files that changed and puts their contents away: several threads, each with its own reader and compressor.

use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;

use super::jobs::{Job, ToRead};
use crate::disk::is_exhausted;
use crate::format::stat_cache::StatKey;
use crate::id::{IdHasher, ObjectId, ObjectKind};
use crate::limits::{HASH_BUFFER_BYTES, READ_TRIES, RECENT_WRITE_MS, SETTLE_FROM_BYTES, SETTLE_MS, WHOLE_BYTES_MAX};
use crate::ops::{Host, OpsError, OpsResult, Phase};
use crate::store::{Batch, Store, StoreError, Writer};
use crate::workspace::scan::{OpenError, OpenFile, ScanError, WorkspaceRoot};

/// What reading a file gave.
#[derive(Debug)]
pub enum Taken {
    /// Its content, and what the file looked like while it was read.
    Content {
        /// Id of the content.
        id: ObjectId,
        /// Length of the content in bytes.
        bytes: u64,
        /// What the file looked like.
        stat: StatKey,
        /// It changed during each of the tries: the content may be a mix of several moments.
        unstable: bool,
        /// What secret it looks like it holds.
        secret: Option<&'static str>,
    },
    /// It cannot be read.
    Not(OpenError),
}

/// Where contents come from and where they go.
#[derive(Clone, Copy)]
pub struct Route<'a> {
    /// The workspace.
    pub root: &'a WorkspaceRoot,
    /// The store that knows what is there already.
    pub store: &'a Store,
    /// Takes new contents; without one ids are only computed.
    pub batch: Option<&'a Batch>,
    /// Most threads that read.
    pub threads: usize,
    /// Looks in the store for contents that the newest version has as well, and puts those again that are damaged there.
    pub mends: bool,
    /// Contents of at most so many bytes are looked through for likely secrets; larger ones, and large files, are not.
    pub secret_bytes_max: usize,
}

/// Reads all files. `on_taken` gets the place of each file in the list and what reading it gave, in no order, on the calling
/// thread.
pub fn take_in(route: Route<'_>, files: &[ToRead], jobs: &[Job], host: &dyn Host, on_taken: &mut dyn FnMut(usize, Taken)) -> OpsResult<()> {
    let total = files.iter().map(|file| file.bytes).sum();
    let Route { root, store, batch, threads, mends, secret_bytes_max } = route;
    let shared = Shared {
        root,
        store,
        batch,
        mends,
        secret_bytes_max,
        files,
        jobs,
        host,
        next: AtomicUsize::new(0),
        done_bytes: AtomicU64::new(0),
        total,
    };
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(jobs.len()).max(1))
            .map(|_| {
                let sender = sender.clone();
                let shared = &shared;
                scope.spawn(move || Worker::new(shared, sender)?.run())
            })
            .collect();
        drop(sender);
        receiver.iter().for_each(|(place, taken)| on_taken(place, taken));
        let results: Vec<OpsResult<()>> =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect();
        results.into_iter().collect()
    })
}

struct Shared<'a> {
    root: &'a WorkspaceRoot,
    store: &'a Store,
    batch: Option<&'a Batch>,
    mends: bool,
    secret_bytes_max: usize,
    files: &'a [ToRead],
    jobs: &'a [Job],
    host: &'a dyn Host,
    next: AtomicUsize,
    done_bytes: AtomicU64,
    total: u64,
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    sender: mpsc::Sender<(usize, Taken)>,
    writer: Option<Writer<'a>>,
}

/// A file's content in memory, if it could be read.
type WholeFile = Result<(Vec<u8>, StatKey, bool), OpenError>;

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared<'a>, sender: mpsc::Sender<(usize, Taken)>) -> OpsResult<Self> {
        let writer = shared.batch.map(|batch| Writer::new(shared.store, batch)).transpose()?;
        let writer = writer.map(|writer| writer.mending(shared.mends));
        Ok(Self { shared, sender, writer })
    }

    fn run(mut self) -> OpsResult<()> {
        while let Some(job) = self.shared.jobs.get(self.shared.next.fetch_add(1, Ordering::Relaxed)) {
            if self.shared.host.cancel_flag().load(Ordering::Relaxed) {
                return Err(OpsError::Cancelled);
            }
            let worked = match job {
                Job::Group(places) => self.take_group(places),
                Job::Single(place) => self.take_single(*place),
                Job::Large(place) => self.take_large(*place),
            };
            if worked.is_err() {
                // The others have nothing more to do either.
                self.shared.next.store(self.shared.jobs.len(), Ordering::Relaxed);
                return worked;
            }
        }
        Ok(())
    }

    fn take_group(&mut self, places: &[usize]) -> OpsResult<()> {
        let mut read = Vec::with_capacity(places.len());
        for &place in places {
            match self.read_whole(place)? {
                Some(Ok(whole)) => read.push((place, whole)),
                Some(Err(error)) => self.leave_out(place, error)?,
                None => self.take_large(place)?,
            }
        }
        let contents: Vec<&[u8]> = read.iter().map(|(_, (content, ..))| content.as_slice()).collect();
        let ids = match &mut self.writer {
            Some(writer) => writer.put_group(ObjectKind::Blob, &contents)?,
            None => contents.iter().map(|content| ObjectId::of(ObjectKind::Blob, content)).collect(),
        };
        for ((place, (content, stat, unstable)), id) in read.into_iter().zip(ids) {
            let secret = self.shared.suspected(&content);
            self.tell(place, Taken::Content { id, bytes: content.len() as u64, stat, unstable, secret });
        }
        Ok(())
    }

    fn take_single(&mut self, place: usize) -> OpsResult<()> {
        let (content, stat, unstable) = match self.read_whole(place)? {
            Some(Ok(whole)) => whole,
            Some(Err(error)) => {
                return self.leave_out(place, error);
            }
            None => return self.take_large(place),
        };
        let base = self.shared.files[place].base;
        let id = match &mut self.writer {
            Some(writer) => writer.put(ObjectKind::Blob, &content, base.as_ref())?,
            None => ObjectId::of(ObjectKind::Blob, &content),
        };
        let secret = self.shared.suspected(&content);
        self.tell(place, Taken::Content { id, bytes: content.len() as u64, stat, unstable, secret });
        Ok(())
    }

    fn take_large(&mut self, place: usize) -> OpsResult<()> {
        let file = &self.shared.files[place];
        for last_try in (1..=READ_TRIES).map(|count| count == READ_TRIES) {
            let mut open = match self.shared.root.open_file(&file.path) {
                Ok(open) => open,
                Err(error) => {
                    return self.leave_out(place, error);
                }
            };
            let source = Watched { file: &mut open.file, host: self.shared.host, shared: self.shared };
            let taken = match &mut self.writer {
                Some(writer) => writer.put_stream(ObjectKind::Blob, source, file.base.as_ref()),
                None => hash_stream(source),
            };
            let (id, bytes) = match taken {
                Err(StoreError::Source(_)) if self.shared.host.cancel_flag().load(Ordering::Relaxed) => return Err(OpsError::Cancelled),
                Err(StoreError::Source(error)) => {
                    return self.leave_out(place, OpenError::Unreadable(error));
                }
                other => other?,
            };
            let (stat, mut stable) = seen_unchanged(&open, bytes);
            if stable && age_ms(&stat) < RECENT_WRITE_MS {
                stable = self.reads_again_as(place, &id, &stat)?;
            }
            if stable || last_try {
                self.tell(place, Taken::Content { id, bytes, stat, unstable: !stable, secret: None });
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads a file of at most [`WHOLE_BYTES_MAX`] bytes, again when it changed meanwhile. `None` when it has become larger.
    fn read_whole(&self, place: usize) -> OpsResult<Option<WholeFile>> {
        let file = &self.shared.files[place];
        for last_try in (1..=READ_TRIES).map(|count| count == READ_TRIES) {
            let mut open = match self.shared.root.open_file(&file.path) {
                Ok(open) => open,
                Err(error) => return Ok(Some(Err(error))),
            };
            let mut content = Vec::with_capacity((open.stat.bytes as usize).min(WHOLE_BYTES_MAX) + 1);
            if let Err(error) = (&mut open.file).take(WHOLE_BYTES_MAX as u64 + 1).read_to_end(&mut content) {
                return Ok(Some(Err(OpenError::Unreadable(error))));
            }
            if content.len() > WHOLE_BYTES_MAX {
                return Ok(None);
            }
            let (stat, mut stable) = seen_unchanged(&open, content.len() as u64);
            if stable && age_ms(&stat) < RECENT_WRITE_MS {
                stable = self.reads_again_as(place, &ObjectId::of(ObjectKind::Blob, &content), &stat)?;
            }
            if stable || last_try {
                self.count(content.len() as u64);
                return Ok(Some(Ok((content, stat, !stable))));
            }
        }
        Ok(None)
    }

    /// Whether a second reading gives the same content, and the file still looks as it did.
    fn reads_again_as(&self, place: usize, id: &ObjectId, stat: &StatKey) -> OpsResult<bool> {
        if stat.bytes > SETTLE_FROM_BYTES {
            let rest_ms = (SETTLE_MS - age_ms(stat)).clamp(0, SETTLE_MS);
            std::thread::sleep(std::time::Duration::from_millis(rest_ms.unsigned_abs()));
        }
        let Ok(mut open) = self.shared.root.open_file(&self.shared.files[place].path) else { return Ok(false) };
        match hash_stream(&mut open.file) {
            Ok((again, bytes)) => Ok(again == *id && seen_unchanged(&open, bytes) == (*stat, true)),
            Err(StoreError::Source(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// A file that cannot be read is left out, and named. That the system has run out of something is no fault of the file: a version
    /// that lacks what could be read a moment later is worth nothing.
    fn leave_out(&self, place: usize, error: OpenError) -> OpsResult<()> {
        match error {
            OpenError::Unreadable(error) if is_exhausted(&error) => Err(ScanError::Exhausted(error).into()),
            error => {
                self.tell(place, Taken::Not(error));
                Ok(())
            }
        }
    }

    fn tell(&self, place: usize, taken: Taken) {
        // The receiver lives as long as the workers.
        let _ = self.sender.send((place, taken));
    }

    fn count(&self, bytes: u64) {
        self.shared.count(bytes);
    }
}

impl Shared<'_> {
    fn suspected(&self, content: &[u8]) -> Option<&'static str> {
        if content.len() <= self.secret_bytes_max { super::secrets::suspected(content) } else { None }
    }

    fn count(&self, bytes: u64) {
        let done = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.host.progress(Phase::Storing, done, Some(self.total));
    }
}

/// What the file looks like now, and whether that is what it looked like before so many bytes were read.
fn seen_unchanged(open: &OpenFile, bytes: u64) -> (StatKey, bool) {
    match open.stat_again() {
        Ok(stat) => (stat, stat == open.stat && stat.bytes == bytes),
        Err(_) => (open.stat, false),
    }
}

/// Time since the file was last written or changed, in milliseconds; negative when that lies in the future.
fn age_ms(stat: &StatKey) -> i64 {
    super::now_ns().saturating_sub(stat.mtime_ns.max(stat.ctime_ns)) / 1_000_000
}

/// A large file that is being read: counts what was read, and ends when the user wants to stop.
struct Watched<'a> {
    file: &'a mut std::fs::File,
    host: &'a dyn Host,
    shared: &'a Shared<'a>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.host.cancel_flag().load(Ordering::Relaxed) {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let count = self.file.read(buffer)?;
        self.shared.count(count as u64);
        Ok(count)
    }
}

fn hash_stream(mut source: impl Read) -> Result<(ObjectId, u64), StoreError> {
    let mut hasher = IdHasher::new(ObjectKind::Blob);
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), bytes)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StoreError::Source(error)),
        }
    }
}
