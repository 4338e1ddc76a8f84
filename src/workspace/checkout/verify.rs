//! Reading back: whether the places that a checkout touched are what the target tree says, and nothing else is there.

use std::collections::HashSet;
use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::access::{list, mode_of, open_for_reading};
use super::applied::Applied;
use super::beneath::{OpenFor, open_beneath};
use super::contents::{CheckoutError, LeftOut};
use super::cursor::{Folder, TreeCursor};
use super::look::{FileStat, Found, Hashing, look, read_link};
use super::plan::{Action, CheckoutPlan, Place};
use super::pool::{Jobs, run, thread_count};
use crate::disk::Dir;
use crate::id::ObjectId;
use crate::limits::READ_BATCH_FILES;
use crate::path::RelPath;
use crate::tree::{Change, OwnedNode, TreeSource, diff};

/// A path that is not as the target tree says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which path.
    pub path: RelPath,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing is there.
    Missing,
    /// Something is there that is neither in the tree nor excluded: somebody made it meanwhile.
    Extra,
    /// Something else is there: "a file", "a directory", "a link", "a device, socket or pipe".
    Kind(&'static str),
    /// The bytes, or the target of the link, differ, or changed while they were read.
    Content,
    /// The permission bits differ.
    Mode {
        /// Those found.
        found: u16,
        /// Those in the tree.
        expected: u16,
    },
    /// It could not be read.
    Unreadable(String),
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = &self.path;
        match &self.problem {
            Problem::Missing => write!(f, "{path} is missing"),
            Problem::Extra => write!(f, "{path} is not in the version"),
            Problem::Kind(found) => write!(f, "{path} is {found}"),
            Problem::Content => write!(f, "{path} has another content"),
            Problem::Mode { found, expected } => write!(f, "{path} has the permission bits {found:o} instead of {expected:o}"),
            Problem::Unreadable(reason) => write!(f, "{path} cannot be read: {reason}"),
        }
    }
}

/// Told of every file that is as it should be, with what the operating system said of it after it was read.
pub type FileVisitor<'a> = dyn Fn(&RelPath, &FileStat) + Sync + 'a;

/// Reads back what was applied: the names in each folder that was touched, and kind, permission bits and content of each
/// place. What is excluded or kept is passed over. Gives what differs, sorted by path.
///
/// `on_file` may be called from any thread.
pub fn verify<S>(
    applied: &Applied,
    root: &Dir,
    trees: &S,
    to: &ObjectId,
    is_left_out: &LeftOut<'_>,
    on_file: &FileVisitor<'_>,
) -> Result<Vec<Mismatch>, CheckoutError>
where
    S: TreeSource,
    S::Error: Display,
{
    let kept: HashSet<&[u8]> = applied.kept_directories().iter().map(RelPath::as_bytes).collect();
    let local_stage = applied.staged.stage.local_name();
    let allowed = |path: &RelPath, name: &[u8], is_directory: bool| {
        name == local_stage.as_bytes() || kept.contains(path.as_bytes()) || is_left_out(path, is_directory)
    };
    read_back(applied.plan(), root, trees, to, &allowed, on_file)
}

/// Reads back a whole tree that was written into a directory of its own, where nothing else may be. Gives what differs, sorted by
/// path.
pub fn read_whole_back<S>(root: &Dir, trees: &S, tree: &ObjectId) -> Result<Vec<Mismatch>, CheckoutError>
where
    S: TreeSource,
    S::Error: Display,
{
    let plan = CheckoutPlan::new(all_of(trees, tree)?, &|_, _| false);
    read_back(&plan, root, trees, tree, &|_, _, _| false, &|_, _| ())
}

/// Lets the kernel drop what it keeps of the files of a tree that was written into a directory, so that they are read from the disk
/// next. Only what is durable is dropped; a file that cannot be opened is passed over.
pub fn forget_cached<S>(root: &Dir, trees: &S, tree: &ObjectId) -> Result<(), CheckoutError>
where
    S: TreeSource,
    S::Error: Display,
{
    for change in all_of(trees, tree)?.iter().filter(|change| matches!(change.to, Some(OwnedNode::File { .. }))) {
        let Some((folder, name)) = change.path.split_last() else { continue };
        let folder = open_beneath(root.as_fd(), folder.as_bytes(), OpenFor::Names);
        if let Ok(file) = folder.and_then(|folder| open_for_reading(folder.as_fd(), name)) {
            // Advice that is not taken costs the certainty of where the bytes come from, and nothing else.
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        }
    }
    Ok(())
}

fn all_of<S>(trees: &S, tree: &ObjectId) -> Result<Vec<Change>, CheckoutError>
where
    S: TreeSource,
    S::Error: Display,
{
    let mut changes = Vec::new();
    let walked = diff(trees, None, Some(tree), &mut |change| changes.push(change));
    walked.map_err(|error| CheckoutError::Tree { path: RelPath::root(), reason: error.to_string() })?;
    Ok(changes)
}

fn read_back<S>(
    plan: &CheckoutPlan,
    root: &Dir,
    trees: &S,
    to: &ObjectId,
    allowed: &Allowed<'_>,
    on_file: &FileVisitor<'_>,
) -> Result<Vec<Mismatch>, CheckoutError>
where
    S: TreeSource,
    S::Error: Display,
{
    let mut cursor = TreeCursor::new(trees, to);
    let mut jobs = Vec::with_capacity(plan.groups.len());
    for group in &plan.groups {
        // A large folder is read by several threads; one of them looks at its names.
        for (number, places) in plan.places[group.clone()].chunks(READ_BATCH_FILES).enumerate() {
            jobs.push(Job { places, folder: cursor.folder(places[0].folder())?, reads_names: number == 0 });
        }
    }
    let threads = if jobs.len() > 1 { thread_count() } else { 1 };
    let start = |_| Reader { root: root.as_fd(), allowed, on_file, hashing: Hashing::new(), mismatches: Vec::new() };
    let read = |reader: &mut Reader<'_>, job: Job<'_>, _: &Jobs<Job<'_>>| {
        reader.read_folder(&job);
        Ok::<(), CheckoutError>(())
    };
    let found = run(threads, jobs, &start, &read, &|reader| reader.mismatches)?;
    let mut mismatches: Vec<Mismatch> = found.into_iter().flatten().collect();
    mismatches.sort_by(|one, other| one.path.cmp(&other.path));
    mismatches.dedup();
    Ok(mismatches)
}

/// Whether something may be at a path, or lack there, whatever the tree says: path, name, whether it is a directory.
type Allowed<'a> = dyn Fn(&RelPath, &[u8], bool) -> bool + Sync + 'a;

struct Job<'a> {
    places: &'a [Place],
    /// What the target tree says about the folder; `None`: it has none there.
    folder: Option<Folder>,
    reads_names: bool,
}

struct Reader<'a> {
    root: BorrowedFd<'a>,
    allowed: &'a Allowed<'a>,
    on_file: &'a FileVisitor<'a>,
    hashing: Hashing,
    mismatches: Vec<Mismatch>,
}

impl Reader<'_> {
    fn note(&mut self, path: &RelPath, problem: Problem) {
        self.mismatches.push(Mismatch { path: path.clone(), problem });
    }

    fn read_folder(&mut self, job: &Job<'_>) {
        let path = job.places[0].path.split_last().map_or(RelPath::root(), |(folder, _)| folder);
        let handle = match open_beneath(self.root, path.as_bytes(), OpenFor::Names) {
            Ok(handle) => handle,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if job.folder.is_none() => return,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return self.note(&path, Problem::Missing),
            Err(error) => return self.note(&path, Problem::Unreadable(error.to_string())),
        };
        if let Some(folder) = job.folder.as_ref().filter(|_| job.reads_names) {
            let checked = self.check_mode(&path, folder, handle.as_fd()).and_then(|()| self.check_names(&path, folder, handle.as_fd()));
            if let Err(error) = checked {
                self.note(&path, Problem::Unreadable(error.to_string()));
            }
        }
        for place in job.places {
            match self.check_place(place, handle.as_fd()) {
                Ok(None) => {}
                Ok(Some(problem)) => self.note(&place.path, problem),
                Err(error) => self.note(&place.path, Problem::Unreadable(error.to_string())),
            }
        }
    }

    fn check_mode(&mut self, path: &RelPath, folder: &Folder, handle: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let found = mode_of(&rustix::fs::fstat(handle)?);
        if let Some(expected) = folder.mode.filter(|&expected| expected != found) {
            self.note(path, Problem::Mode { found, expected });
        }
        Ok(())
    }

    fn check_names(&mut self, path: &RelPath, folder: &Folder, handle: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let mut names = list(handle)?;
        names.sort_unstable();
        let expected: HashSet<&[u8]> = folder.tree.entries().map(|entry| entry.name).collect();
        for name in names.iter().filter(|name| !expected.contains(name.as_slice())) {
            self.check_extra(path, name, handle)?;
        }
        for entry in folder.tree.entries() {
            if names.binary_search_by(|name| name.as_slice().cmp(entry.name)).is_err() {
                let Ok(path) = path.join(entry.name) else { continue };
                let is_directory = OwnedNode::from(entry.node).is_directory();
                if !(self.allowed)(&path, entry.name, is_directory) {
                    self.note(&path, Problem::Missing);
                }
            }
        }
        Ok(())
    }

    fn check_extra(&mut self, folder: &RelPath, name: &[u8], handle: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let found = look(handle, name)?;
        // A name that no tree holds (the store's own folder is one) is none of ours.
        let Ok(path) = folder.join(name) else { return Ok(()) };
        if !matches!(found, Found::Nothing) && !(self.allowed)(&path, name, matches!(found, Found::Directory(_))) {
            self.note(&path, Problem::Extra);
        }
        Ok(())
    }

    fn check_place(&mut self, place: &Place, folder: BorrowedFd<'_>) -> std::io::Result<Option<Problem>> {
        let Some(node) = &place.to else { return self.check_gone(place, folder) };
        let found = look(folder, place.name())?;
        let problem = match (node, &found) {
            (_, Found::Nothing) => Some(Problem::Missing),
            (OwnedNode::Directory { mode, .. }, Found::Directory(stat)) => mode_problem(mode_of(stat), *mode),
            (OwnedNode::Symlink { target }, Found::Symlink) => (read_link(folder, place.name())? != *target).then_some(Problem::Content),
            (OwnedNode::File { mode, id, .. }, Found::File(_)) => match self.hashing.file(folder, place.name())? {
                Some(read) if read.id == *id => {
                    let problem = mode_problem(mode_of(&read.stat), *mode);
                    if problem.is_none() {
                        (self.on_file)(&place.path, &FileStat::of(&read.stat));
                    }
                    problem
                }
                _ => Some(Problem::Content),
            },
            _ => Some(Problem::Kind(found.name())),
        };
        Ok(problem)
    }

    fn check_gone(&mut self, place: &Place, folder: BorrowedFd<'_>) -> std::io::Result<Option<Problem>> {
        let found = look(folder, place.name())?;
        let is_fine = matches!(found, Found::Nothing)
            || place.action == Action::KeepDirectory
            || (self.allowed)(&place.path, place.name(), matches!(found, Found::Directory(_)));
        Ok((!is_fine).then_some(Problem::Extra))
    }
}

fn mode_problem(found: u16, expected: u16) -> Option<Problem> {
    (found != expected).then_some(Problem::Mode { found, expected })
}
