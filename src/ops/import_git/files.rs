//! Reads contents out of a git repository and puts them away: those with a former content as deltas, small new ones in groups. Many
//! at once are shared out among threads.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{OpsError, OpsResult};
use crate::git::{GitId, GitRepository};
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{GROUP_BYTES_TARGET, GROUP_MEMBER_BYTES_MAX, IMPORT_BATCH_FILES, thread_count};
use crate::ops::Host;
use crate::ops::snapshot::group_order;
use crate::path::RelPath;
use crate::store::{Batch, Store, Writer, WriterState};

/// How the content begins that stands for a large file kept elsewhere, and how long it is at most.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
const LFS_POINTER_BYTES_MAX: usize = 1024;

/// A file whose content must be read.
pub struct FileToImport {
    /// Its content in git.
    pub git: GitId,
    /// Where it is.
    pub path: RelPath,
    /// The content that stood there.
    pub base: Option<ObjectId>,
}

/// What became of the files.
pub struct FilesTaken {
    /// For the next writer.
    pub state: WriterState,
    /// Id and length of each content, in the order of the files.
    pub contents: Vec<(ObjectId, u64)>,
    /// How many of them point to a large file kept elsewhere.
    pub lfs_pointers: u64,
}

/// Puts the contents of all files into a batch.
pub fn take_files(
    repository: &GitRepository,
    store: &Store,
    batch: &Batch,
    state: WriterState,
    files: &mut [FileToImport],
    host: &dyn Host,
) -> OpsResult<FilesTaken> {
    // Like files lie together in groups.
    let order = group_order(files.iter().map(|file| &file.path));
    let jobs: Vec<&[usize]> = order.chunks(IMPORT_BATCH_FILES).collect();
    let shared = Shared { store, batch, files, jobs: &jobs, next: AtomicUsize::new(0), host };
    let (state, taken) = if jobs.len() > 1 { shared.run_in_threads(repository, state)? } else { shared.run(repository, state)? };
    let mut contents = vec![(ObjectId::ZERO, 0); files.len()];
    for (place, id, bytes) in taken.contents {
        contents[place] = (id, bytes);
    }
    Ok(FilesTaken { state, contents, lfs_pointers: taken.lfs_pointers })
}

#[derive(Default)]
struct Taken {
    /// Place in the list of files, id and length.
    contents: Vec<(usize, ObjectId, u64)>,
    lfs_pointers: u64,
}

struct Shared<'a> {
    store: &'a Store,
    batch: &'a Batch,
    files: &'a [FileToImport],
    jobs: &'a [&'a [usize]],
    next: AtomicUsize,
    host: &'a dyn Host,
}

impl Shared<'_> {
    fn run_in_threads(&self, repository: &GitRepository, state: WriterState) -> OpsResult<(WriterState, Taken)> {
        let threads = thread_count().min(self.jobs.len());
        let all = Mutex::new(Taken::default());
        std::thread::scope(|scope| {
            let workers: Vec<_> = (1..threads)
                .map(|_| {
                    // Handles of a repository belong to one thread each.
                    let (repository, all) = (repository.clone(), &all);
                    scope.spawn(move || self.run_into(&repository, WriterState::new()?, all).map(drop))
                })
                .collect();
            let state = self.run_into(repository, state, &all);
            let results: OpsResult<Vec<()>> =
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect();
            results.and(state)
        })
        .map(|state| (state, all.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    fn run_into(&self, repository: &GitRepository, state: WriterState, all: &Mutex<Taken>) -> OpsResult<WriterState> {
        let (state, taken) = self.run(repository, state)?;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.contents.extend(taken.contents);
        all.lfs_pointers += taken.lfs_pointers;
        Ok(state)
    }

    /// Takes one job after the other until there are none, or an error ends the work of all.
    fn run(&self, repository: &GitRepository, state: WriterState) -> OpsResult<(WriterState, Taken)> {
        let mut taker = Taker { writer: Writer::resume(self.store, self.batch, state), group: Group::default(), taken: Taken::default() };
        let worked = self.run_jobs(repository, &mut taker);
        if worked.is_err() {
            self.next.store(self.jobs.len(), Ordering::Relaxed);
        }
        worked.map(|()| (taker.writer.into_state(), taker.taken))
    }

    fn run_jobs(&self, repository: &GitRepository, taker: &mut Taker<'_>) -> OpsResult<()> {
        let mut buffer = Vec::new();
        while let Some(job) = self.jobs.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            for &place in *job {
                if self.host.cancel_flag().load(Ordering::Relaxed) {
                    return Err(OpsError::Cancelled);
                }
                let file = &self.files[place];
                taker.take(place, repository.content(file.git, &mut buffer)?, file.base.as_ref())?;
            }
            taker.flush()?;
        }
        Ok(())
    }
}

/// Small new contents that wait for others to share a frame with.
#[derive(Default)]
struct Group {
    places: Vec<usize>,
    contents: Vec<Vec<u8>>,
    bytes: usize,
}

struct Taker<'a> {
    writer: Writer<'a>,
    group: Group,
    taken: Taken,
}

impl Taker<'_> {
    fn take(&mut self, place: usize, content: &[u8], base: Option<&ObjectId>) -> OpsResult<()> {
        self.taken.lfs_pointers += u64::from(content.len() <= LFS_POINTER_BYTES_MAX && content.starts_with(LFS_POINTER));
        if base.is_some() || content.len() > GROUP_MEMBER_BYTES_MAX {
            let id = self.writer.put(ObjectKind::Blob, content, base)?;
            self.taken.contents.push((place, id, content.len() as u64));
            return Ok(());
        }
        self.group.bytes += content.len();
        self.group.places.push(place);
        self.group.contents.push(content.to_vec());
        if self.group.bytes >= GROUP_BYTES_TARGET { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> OpsResult<()> {
        let Group { places, contents, .. } = std::mem::take(&mut self.group);
        let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let ids = self.writer.put_group(ObjectKind::Blob, &slices)?;
        self.taken
            .contents
            .extend(places.into_iter().zip(ids).zip(&contents).map(|((place, id), content)| (place, id, content.len() as u64)));
        Ok(())
    }
}
