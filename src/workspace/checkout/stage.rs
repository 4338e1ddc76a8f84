//! Writing everything that is to come, in full and with its permission bits, before the workspace is touched.
//!
//! So a damaged object, a full disk or a kill up to here leaves the workspace as it was. Each thread writes into folders of its
//! own: two threads in one directory are slower than one, because they queue on its lock.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::access::with_write_access;
use super::beneath::{OpenFor, open_beneath};
use super::contents::{CheckoutError, ContentReader, Contents, PlaceError, Watch, WriteError};
use super::plan::{Action, Place};
use super::pool::{Jobs, run, thread_count};
use super::space::check_space;
use super::stage_dir::{Stage, empty_folder, make_stage_folder, slot_name};
use super::survey::SurveyedPlan;
use super::write::{Writer, finish_directory, make_directory};
use crate::disk::Dir;
use crate::limits::STAGE_BATCH_FILES;
use crate::path::RelPath;
use crate::tree::OwnedNode;

/// A plan of which everything that comes is written.
#[derive(Debug)]
pub struct StagedPlan {
    pub(super) survey: SurveyedPlan,
    pub(super) stage: Stage,
    /// The thread that wrote the slot of each place.
    threads: Vec<u16>,
    /// Folders of slots, by stage and thread. Thread 0 has one in each stage.
    folders: HashMap<(usize, u16), OwnedFd>,
}

impl StagedPlan {
    /// The folder of the stage in which a place has its slot.
    pub(super) fn slot_folder(&self, group: usize, place: usize) -> BorrowedFd<'_> {
        let stage = self.survey.stages[group].stage_number();
        let own = self.folders.get(&(stage, self.threads[place]));
        own.or_else(|| self.folders.get(&(stage, 0))).map_or(self.stage.folder().as_fd(), |folder| folder.as_fd())
    }

    /// Removes what was written, for a plan that is not carried out after all.
    pub fn discard(self, root: &Dir) -> Result<(), CheckoutError> {
        remove_stages(&self.survey.local_stages, root, &self.stage)
    }
}

/// Writes all that a plan needs. After an error nothing of it is left and the workspace is as it was.
///
/// The journal must be published before: where other file systems are mounted in the workspace, their stages are made in it.
///
/// # Durability
/// None; what is written becomes durable with the sync after the plan has been applied.
pub fn stage<C: Contents>(
    survey: SurveyedPlan,
    root: &Dir,
    stage: &Stage,
    contents: &C,
    watch: Watch<'_>,
) -> Result<StagedPlan, WriteError<C::Error>> {
    let staged = open_stages(&survey, root, stage).map_err(WriteError::from).and_then(|roots| {
        check_space(&survey, &roots, contents)?;
        write_all(&survey, &roots, contents, watch)
    });
    match staged {
        Ok((threads, folders)) => Ok(StagedPlan { survey, stage: stage.clone(), threads, folders }),
        Err(error) => {
            // What cannot be removed now is swept with the folder of temporary files; the first error is the one to tell.
            let _ = remove_stages(&survey.local_stages, root, stage);
            Err(error)
        }
    }
}

/// Makes the file systems of all stages durable; every place of a plan is on one of them.
pub(super) fn sync_stages(local_stages: &[RelPath], root: &Dir, stage: &Stage) -> Result<(), CheckoutError> {
    stage.folder().sync_filesystem()?;
    for path in local_stages {
        open_beneath(root.as_fd(), path.as_bytes(), OpenFor::Listing)
            .and_then(rustix::fs::syncfs)
            .map_err(|error| PlaceError::new("sync the file system of", path, error))?;
    }
    Ok(())
}

/// The stage of the store, and after it those inside the workspace.
fn open_stages(survey: &SurveyedPlan, root: &Dir, stage: &Stage) -> Result<Vec<OwnedFd>, PlaceError> {
    let mut roots = Vec::with_capacity(1 + survey.local_stages.len());
    let in_store = open_beneath(stage.folder().as_fd(), b"", OpenFor::Listing);
    roots.push(in_store.map_err(|error| PlaceError::new("open the stage for", &RelPath::root(), error))?);
    for path in &survey.local_stages {
        let made = open_beneath(root.as_fd(), path.as_bytes(), OpenFor::Names)
            .and_then(|folder| with_write_access(folder.as_fd(), &mut || make_stage_folder(folder.as_fd(), &stage.local_name())));
        roots.push(made.map_err(|error| PlaceError::new("make a stage in", path, error))?);
    }
    Ok(roots)
}

/// Removes the stages unseen; those in the workspace first, because the journal names the other.
pub(super) fn remove_stages(local_stages: &[RelPath], root: &Dir, stage: &Stage) -> Result<(), CheckoutError> {
    for path in local_stages {
        remove_local_stage(root, path, stage).map_err(|error| PlaceError::new("remove the stage in", path, error))?;
    }
    stage.discard()?;
    Ok(())
}

fn remove_local_stage(root: &Dir, path: &RelPath, stage: &Stage) -> rustix::io::Result<()> {
    use rustix::io::Errno;
    let folder = open_beneath(root.as_fd(), path.as_bytes(), OpenFor::Names)?;
    let name = stage.local_name();
    let local = match open_beneath(folder.as_fd(), name.as_bytes(), OpenFor::Listing) {
        Ok(local) => local,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    empty_folder(local.as_fd())?;
    with_write_access(folder.as_fd(), &mut || rustix::fs::unlinkat(&folder, &name, rustix::fs::AtFlags::REMOVEDIR))
}

enum Job {
    /// Files and links of one folder, each for a slot of its own.
    Leaves { stage: usize, first: usize, count: usize },
    /// A whole new directory, for a slot of its own.
    Tree { stage: usize, place: usize },
    /// A directory in such a tree; its path in the stage.
    TreeFolder { stage: usize, staged_path: Vec<u8>, place: usize },
}

fn first_jobs(survey: &SurveyedPlan) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (group, at) in survey.plan.groups.iter().zip(&survey.stages) {
        let stage = at.stage_number();
        let places = group.clone().map(|index| (index, &survey.plan.places[index]));
        let mut first = group.start;
        let mut files = 0;
        for (index, place) in places {
            match place.action {
                Action::AddTree | Action::ReplaceByTree => jobs.push(Job::Tree { stage, place: index }),
                action if is_leaf(action) => files += 1,
                _ => {}
            }
            if files == STAGE_BATCH_FILES || (files > 0 && index + 1 == group.end) {
                jobs.push(Job::Leaves { stage, first, count: index + 1 - first });
                (first, files) = (index + 1, 0);
            }
        }
    }
    // The last is taken first.
    jobs.reverse();
    jobs
}

fn is_leaf(action: Action) -> bool {
    matches!(action, Action::Add | Action::Replace | Action::ReplaceDirectory)
}

type Written = (Vec<u16>, HashMap<(usize, u16), OwnedFd>);

fn write_all<C: Contents>(
    survey: &SurveyedPlan,
    roots: &[OwnedFd],
    contents: &C,
    watch: Watch<'_>,
) -> Result<Written, WriteError<C::Error>> {
    let jobs = first_jobs(survey);
    let threads = if jobs.len() <= 1 && !jobs.iter().any(|job| matches!(job, Job::Tree { .. })) { 1 } else { thread_count() };
    let start = |thread| Worker {
        survey,
        roots,
        writer: Writer::new(contents.reader(), watch),
        own: Own { thread, folders: HashMap::new(), written: Vec::new(), unfinished: Vec::new() },
    };
    let owns = run(threads, jobs, &start, &|worker, job, jobs| worker.work(job, jobs), &|worker| worker.own)?;
    let mut threads = vec![0; survey.plan.places.len()];
    let mut folders = HashMap::new();
    let mut unfinished = Vec::new();
    for mut own in owns {
        own.written.iter().for_each(|&place| threads[place] = own.thread);
        folders.extend(own.folders.into_iter().map(|(stage, folder)| ((stage, own.thread), folder)));
        unfinished.append(&mut own.unfinished);
    }
    for (stage, root) in roots.iter().enumerate() {
        if let Entry::Vacant(entry) = folders.entry((stage, 0)) {
            let made = make_stage_folder(root.as_fd(), "0");
            entry.insert(made.map_err(|error| PlaceError::new("make a folder in the stage for", &RelPath::root(), error))?);
        }
    }
    finish_deepest_first(unfinished, roots)?;
    Ok((threads, folders))
}

/// Directories whose bits forbid to go through them get these bits when nothing below them is to be done any more.
fn finish_deepest_first(mut unfinished: Vec<Unfinished>, roots: &[OwnedFd]) -> Result<(), PlaceError> {
    unfinished.sort_unstable_by_key(|directory| std::cmp::Reverse(directory.staged_path.len()));
    for directory in unfinished {
        open_beneath(roots[directory.stage].as_fd(), &directory.staged_path, OpenFor::Listing)
            .and_then(|handle| finish_directory(handle.as_fd(), directory.mode))
            .map_err(|error| PlaceError::new("set the permission bits of", &directory.path, error))?;
    }
    Ok(())
}

struct Unfinished {
    stage: usize,
    staged_path: Vec<u8>,
    path: RelPath,
    mode: u16,
}

struct Worker<'a, R> {
    survey: &'a SurveyedPlan,
    roots: &'a [OwnedFd],
    writer: Writer<'a, R>,
    own: Own,
}

/// What one thread did.
struct Own {
    thread: u16,
    /// This thread's folder in each stage.
    folders: HashMap<usize, OwnedFd>,
    /// Places whose slots this thread filled.
    written: Vec<usize>,
    unfinished: Vec<Unfinished>,
}

impl<R: ContentReader> Worker<'_, R> {
    fn work(&mut self, job: Job, jobs: &Jobs<Job>) -> Result<(), WriteError<R::Error>> {
        match job {
            Job::Leaves { stage, first, count } => self.write_leaves(stage, first, count),
            Job::Tree { stage, place } => self.write_tree(stage, place, jobs),
            Job::TreeFolder { stage, staged_path, place } => self.fill(stage, staged_path, place, jobs),
        }
    }

    fn write_leaves(&mut self, stage: usize, first: usize, count: usize) -> Result<(), WriteError<R::Error>> {
        for index in first..first + count {
            let place = &self.survey.plan.places[index];
            let Some(node) = place.to.as_ref().filter(|_| is_leaf(place.action)) else { continue };
            let folder = self.own.folder(self.roots, stage, place)?;
            self.writer.write_leaf(folder.as_fd(), slot_name(&place.path).as_bytes(), node, &|| place.path.clone())?;
            self.own.written.push(index);
        }
        Ok(())
    }

    fn write_tree(&mut self, stage: usize, index: usize, jobs: &Jobs<Job>) -> Result<(), WriteError<R::Error>> {
        let place = &self.survey.plan.places[index];
        let folder = self.own.folder(self.roots, stage, place)?;
        let slot = slot_name(&place.path);
        make_directory(folder.as_fd(), slot.as_bytes(), staged_mode(place))
            .map_err(|error| PlaceError::new("make the directory", &place.path, error))?;
        self.own.written.push(index);
        self.fill(stage, format!("{}/{slot}", self.own.thread).into_bytes(), index, jobs)
    }

    /// Makes what is in a new directory; the directories there are left to whoever is free.
    fn fill(&mut self, stage: usize, staged_path: Vec<u8>, index: usize, jobs: &Jobs<Job>) -> Result<(), WriteError<R::Error>> {
        let plan = &self.survey.plan;
        let directory = &plan.places[index];
        let handle = open_beneath(self.roots[stage].as_fd(), &staged_path, OpenFor::Listing)
            .map_err(|error| PlaceError::new("open the directory", &directory.path, error))?;
        let range = plan.group_range(directory.path.as_bytes());
        let mut below = Vec::new();
        for (index, place) in range.clone().map(|index| (index, &plan.places[index])) {
            if let Some(OwnedNode::Directory { mode, .. }) = place.to {
                make_directory(handle.as_fd(), place.name(), mode)
                    .map_err(|error| PlaceError::new("make the directory", &place.path, error))?;
                let staged_path = [&staged_path[..], b"/", place.name()].concat();
                below.push(Job::TreeFolder { stage, staged_path, place: index });
            }
        }
        jobs.add(below);
        for place in &plan.places[range] {
            match &place.to {
                Some(OwnedNode::Directory { .. }) | None => {}
                Some(node) => drop(self.writer.write_leaf(handle.as_fd(), place.name(), node, &|| place.path.clone())?),
            }
        }
        let mode = staged_mode(directory);
        if mode & 0o100 == 0 {
            self.own.unfinished.push(Unfinished { stage, staged_path, path: directory.path.clone(), mode });
            return Ok(());
        }
        finish_directory(handle.as_fd(), mode).map_err(|error| PlaceError::new("set the permission bits of", &directory.path, error).into())
    }
}

impl Own {
    fn folder(&mut self, roots: &[OwnedFd], stage: usize, place: &Place) -> Result<&OwnedFd, PlaceError> {
        match self.folders.entry(stage) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let made = make_stage_folder(roots[stage].as_fd(), &self.thread.to_string());
                Ok(entry.insert(made.map_err(|error| PlaceError::new("make a folder in the stage for", &place.path, error))?))
            }
        }
    }
}

/// The permission bits of a directory while it is in the stage. One that is to be moved must be writable: the move changes
/// its `..`. Its own bits come after.
pub(super) fn staged_mode(place: &Place) -> u16 {
    let mode = match place.to {
        Some(OwnedNode::Directory { mode, .. }) => mode,
        _ => 0,
    };
    let is_moved = matches!(place.action, Action::AddTree | Action::ReplaceByTree);
    if is_moved && mode & 0o300 != 0o300 { mode | 0o700 } else { mode }
}
