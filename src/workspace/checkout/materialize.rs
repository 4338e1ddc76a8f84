//! Writing a whole tree, or a selection of one, into a directory of its own, as fast as the machine does.
//!
//! Each directory is the job of one thread, because two in one directory queue on its lock; it makes the directories in it
//! first, so that others can go on there, then its files. Jobs know their path and hold no handle, so neither depth nor width
//! costs open files.

use std::collections::HashSet;
use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

use super::beneath::{OpenFor, names_in, open_beneath};
use super::contents::{CheckoutError, ContentReader, Contents, PlaceError, Watch, WriteError};
use super::pool::{Jobs, run, thread_count};
use super::space::check;
use super::verify::FileVisitor;
use super::write::{Writer, finish_directory, make_directory};
use crate::disk::Dir;
use crate::format::tree::Tree;
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::tree::{OwnedNode, Selection, TreeSource, walk};

/// How a tree is written out.
#[derive(Clone, Copy, Default)]
pub struct MaterializeOptions<'a> {
    /// Which part of the tree; `None` for all of it. Directories that hold something selected are made too.
    pub selection: Option<&'a (dyn Selection + Sync)>,
    /// Whether the directory may hold something already. Nothing in it is ever replaced: a file that exists is an error.
    pub into_non_empty: bool,
    /// How many bytes will be written, where known: refused at once when there is no room.
    pub expected_bytes: Option<u64>,
    /// Whether to make everything durable before returning.
    pub sync: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Materialized {
    /// Files and links.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Directories.
    pub directories: u64,
}

/// Writes a tree into an open directory. `on_file` is told of each file with its state, from any thread.
///
/// Not all or nothing: after an error a part is there. For the workspace itself there is the way of plan, stage and apply.
///
/// # Durability
/// With `sync`, on return everything written is durable; otherwise nothing is.
pub fn materialize<S, C>(
    target: &Dir,
    trees: &S,
    root: &ObjectId,
    contents: &C,
    options: MaterializeOptions<'_>,
    watch: Watch<'_>,
    on_file: &FileVisitor<'_>,
) -> Result<Materialized, WriteError<C::Error>>
where
    S: TreeSource,
    S::Error: Display,
    C: Contents,
{
    let failed = |error: Errno| PlaceError::new("look into", &RelPath::root(), error);
    if !options.into_non_empty && !names_in(target.as_fd()).map_err(failed)?.is_empty() {
        return Err(WriteError::NotEmpty);
    }
    check(target, options.expected_bytes.unwrap_or(0), 1)?;
    let needed = options.selection.map(|selection| needed_directories(trees, root, selection)).transpose()?;
    let task = Task {
        target: target.as_fd(),
        trees,
        selection: options.selection,
        needed,
        on_file,
        files: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        directories: AtomicU64::new(0),
    };
    let jobs = vec![Job { path: RelPath::root(), tree: *root, mode: None }];
    let start = |_| Worker { task: &task, writer: Writer::new(contents.reader(), watch), unfinished: Vec::new() };
    let unfinished = run(thread_count(), jobs, &start, &|worker, job, jobs| worker.fill(job, jobs), &|worker| worker.unfinished)?;
    finish_deepest_first(target.as_fd(), unfinished.into_iter().flatten().collect())?;
    if options.sync {
        target.sync_filesystem()?;
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Ok(Materialized { files: count(&task.files), bytes: count(&task.bytes), directories: count(&task.directories) })
}

/// The directories that hold something selected.
fn needed_directories<S>(trees: &S, root: &ObjectId, selection: &(dyn Selection + Sync)) -> Result<HashSet<RelPath>, CheckoutError>
where
    S: TreeSource,
    S::Error: Display,
{
    let mut needed = HashSet::new();
    let walked = walk(trees, root, selection, &mut |path, _| {
        let mut above = path.split_last().map(|(folder, _)| folder);
        while let Some(folder) = above {
            above = folder.split_last().map(|(folder, _)| folder);
            if !needed.insert(folder) {
                break;
            }
        }
    });
    walked.map_err(|error| CheckoutError::Tree { path: RelPath::root(), reason: error.to_string() })?;
    Ok(needed)
}

/// Some directories can be gone through no longer once they have their bits.
fn finish_deepest_first(target: BorrowedFd<'_>, mut unfinished: Vec<(RelPath, u16)>) -> Result<(), PlaceError> {
    unfinished.sort_unstable_by_key(|(path, _)| std::cmp::Reverse(path.as_bytes().len()));
    for (path, mode) in unfinished {
        open_beneath(target, path.as_bytes(), OpenFor::Listing)
            .and_then(|handle| finish_directory(handle.as_fd(), mode))
            .map_err(|error| PlaceError::new("set the permission bits of", &path, error))?;
    }
    Ok(())
}

/// A directory that exists and is to be filled.
struct Job {
    path: RelPath,
    tree: ObjectId,
    /// Its permission bits; those of the target itself stay.
    mode: Option<u16>,
}

struct Task<'a, S> {
    target: BorrowedFd<'a>,
    trees: &'a S,
    selection: Option<&'a (dyn Selection + Sync)>,
    /// With a selection: the directories that hold something of it.
    needed: Option<HashSet<RelPath>>,
    on_file: &'a FileVisitor<'a>,
    files: AtomicU64,
    bytes: AtomicU64,
    directories: AtomicU64,
}

impl<S> Task<'_, S> {
    fn selects(&self, path: &RelPath) -> bool {
        self.selection.is_none_or(|selection| selection.selects(path))
    }

    fn makes(&self, path: &RelPath) -> bool {
        self.selects(path) || self.needed.as_ref().is_some_and(|needed| needed.contains(path))
    }
}

struct Worker<'a, S, R> {
    task: &'a Task<'a, S>,
    writer: Writer<'a, R>,
    unfinished: Vec<(RelPath, u16)>,
}

impl<S, R> Worker<'_, S, R>
where
    S: TreeSource,
    S::Error: Display,
    R: ContentReader,
{
    fn fill(&mut self, job: Job, jobs: &Jobs<Job>) -> Result<(), WriteError<R::Error>> {
        let failed = |action, error: Errno| PlaceError::new(action, &job.path, error);
        let tree = self.task.trees.tree(&job.tree);
        let tree = tree.map_err(|error| CheckoutError::Tree { path: job.path.clone(), reason: error.to_string() })?;
        let handle = open_beneath(self.task.target, job.path.as_bytes(), OpenFor::Listing).map_err(|error| failed("open", error))?;
        jobs.add(self.make_directories(&job.path, &tree, handle.as_fd())?);
        self.write_files(&job.path, &tree, handle.as_fd())?;
        match job.mode {
            Some(mode) if mode & 0o100 == 0 => self.unfinished.push((job.path, mode)),
            Some(mode) => finish_directory(handle.as_fd(), mode).map_err(|error| failed("set the permission bits of", error))?,
            None => {}
        }
        Ok(())
    }

    fn make_directories(&self, folder: &RelPath, tree: &Tree, handle: BorrowedFd<'_>) -> Result<Vec<Job>, WriteError<R::Error>> {
        let mut below = Vec::new();
        for entry in tree.entries() {
            let OwnedNode::Directory { mode, id } = OwnedNode::from(entry.node) else { continue };
            let Ok(path) = folder.join(entry.name) else { continue };
            if !self.task.makes(&path) {
                continue;
            }
            match make_directory(handle, entry.name, mode) {
                // One that is there is filled up; that it is a directory shows when it is opened.
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(PlaceError::new("make the directory", &path, error).into()),
            }
            self.task.directories.fetch_add(1, Ordering::Relaxed);
            below.push(Job { path, tree: id, mode: Some(mode) });
        }
        // The last is taken first.
        below.reverse();
        Ok(below)
    }

    fn write_files(&mut self, folder: &RelPath, tree: &Tree, handle: BorrowedFd<'_>) -> Result<(), WriteError<R::Error>> {
        for entry in tree.entries() {
            let node = OwnedNode::from(entry.node);
            let Ok(path) = folder.join(entry.name) else { continue };
            if node.is_directory() || !self.task.selects(&path) {
                continue;
            }
            if let Some(stat) = self.writer.write_leaf(handle, entry.name, &node, &|| path.clone())? {
                self.task.bytes.fetch_add(stat.bytes, Ordering::Relaxed);
                (self.task.on_file)(&path, &stat);
            }
            self.task.files.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
