//! Finding out how far an interrupted checkout got. The workspace is read, never guessed at.
//!
//! Each place of the plan is compared with what it was and what it was to become. Then the stages are settled: what came out
//! of the workspace and is in no version becomes a conflict copy, the rest is removed. Both can be done any number of times,
//! so recovery may be killed like everything else.
//!
//! The comparison gives the changes that are left in either direction. They cover the places of the plan and nothing else: a
//! new look at the whole workspace could take files that the ignore rules of the old tree excluded for files that must go,
//! because the ignore files themselves may have been exchanged already.

use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::access::mode_of;
use super::beneath::{OpenFor, open_beneath};
use super::contents::{CheckoutError, PlaceError};
use super::cursor::{Folder, TreeCursor};
use super::keep::ConflictCopy;
use super::known::Known;
use super::look::{FoundNode, Hashing, is_same_entry, is_torn};
use super::mounts::Mounts;
use super::moves::Moves;
use super::plan::{CheckoutPlan, Place};
use super::pool::{run, thread_count};
use super::settle::settle;
use super::stage::remove_stages;
use super::stage_dir::Stage;
use crate::disk::Dir;
use crate::format::journal::{Journal, LeftAlone};
use crate::id::ObjectId;
use crate::limits::READ_BATCH_FILES;
use crate::path::RelPath;
use crate::tree::{Change, OwnedNode, TreeSource};

/// How far an interrupted checkout got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Every place is as it was before: the journal can go.
    NotBegun,
    /// Every place is as it was to become: what is left is to record it.
    Complete,
    /// Some are, some are not.
    Between,
}

/// What an interrupted checkout left.
#[derive(Debug)]
pub struct Recovery {
    /// How far it got.
    pub progress: Progress,
    /// Places that are neither what they were nor what they were to become: somebody changed them since, or a power cut tore
    /// what was being written. The workspace must be recorded before these are changed.
    pub foreign: Vec<RelPath>,
    /// What is left to do to finish it, from what stands there now.
    pub forward: Vec<Change>,
    /// What is left to do to undo it, from what stands there now.
    pub back: Vec<Change>,
    /// What came out of the workspace unrecorded before it was interrupted, and lies beside its place now.
    pub conflicts: Vec<ConflictCopy>,
}

/// The paths that a journal leaves alone, as ignore rules for [`CheckoutPlan::new`]: to finish or undo what it began, these
/// count and not the rules as they are now.
pub fn left_alone_rule(journal: &Journal) -> impl Fn(&RelPath, bool) -> bool + Sync + use<> {
    let mut left_alone = journal.left_alone.clone();
    left_alone.sort_unstable();
    move |path, is_directory| left_alone.binary_search(&LeftAlone { path: path.clone(), is_directory }).is_ok()
}

/// Compares and settles. `changes` are all differences between the journal's trees, as [`CheckoutPlan::new`] got them; `tmp` is
/// the store's folder for temporary files.
pub fn recover<S>(journal: &Journal, root: &Dir, tmp: &Dir, changes: Vec<Change>, trees: &S) -> Result<Recovery, CheckoutError>
where
    S: TreeSource,
    S::Error: Display,
{
    let plan = CheckoutPlan::new(changes, &left_alone_rule(journal));
    let stage = Stage::open(tmp, &journal.stage)?;
    let local_stages = find_local_stages(&plan, root, &stage)?;
    let states = read_places(&plan, root, trees, &journal.to)?;
    let mut recovery = sum_up(states);
    // Killed while it was staging: nothing of the workspace is in the stage, but files that are half written are.
    if recovery.progress != Progress::NotBegun || stage.is_in_use()? {
        recovery.conflicts = settle(&Known::after_crash(&plan), root, &stage, &local_stages, &Moves::new(&|_| Ok(())))?;
    }
    remove_stages(&local_stages, root, &stage)?;
    Ok(recovery)
}

/// The folders that had a stage of their own, found as the survey found them.
fn find_local_stages(plan: &CheckoutPlan, root: &Dir, stage: &Stage) -> Result<Vec<RelPath>, PlaceError> {
    let failed = |place: &Place, error: Errno| PlaceError::new("look at the mount of", &place.path, error);
    let mut mounts =
        Mounts::new(stage.folder().as_fd()).map_err(|error| PlaceError::new("look at the stage of", &RelPath::root(), error))?;
    for group in &plan.groups {
        let place = &plan.places[group.start];
        match open_beneath(root.as_fd(), place.folder(), OpenFor::Names) {
            Ok(folder) => drop(mounts.stage_for(root.as_fd(), place.folder(), folder.as_fd()).map_err(|error| failed(place, error))?),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(error) => return Err(failed(place, error)),
        }
    }
    Ok(mounts.local_stages())
}

/// What stands at a place, with what stood there and what should.
struct State {
    path: RelPath,
    from: Option<OwnedNode>,
    to: Option<OwnedNode>,
    found: FoundNode,
}

impl State {
    fn is(&self, node: &Option<OwnedNode>) -> bool {
        !matches!(self.found, FoundNode::Strange) && is_same_entry(self.found.node(), node.as_ref())
    }

    /// A state in between of the checkout's own making: nothing at all (a directory was removed to make place for a file), a
    /// directory that lacks only its final bits, or what a power cut left of a new file.
    fn is_ours(&self) -> bool {
        let ends = [self.from.as_ref(), self.to.as_ref()];
        match &self.found {
            FoundNode::Nothing => true,
            FoundNode::Strange => false,
            FoundNode::Blank(OwnedNode::File { bytes, .. }) => is_torn(*bytes, ends),
            FoundNode::Blank(node) | FoundNode::Node(node) => {
                let found = widened(Some(node));
                found.is_some() && ends.into_iter().any(|end| widened(end) == found)
            }
        }
    }
}

/// The bits of a directory while the checkout works in it.
fn widened(node: Option<&OwnedNode>) -> Option<u16> {
    match node {
        Some(OwnedNode::Directory { mode, .. }) => Some(mode | 0o700),
        _ => None,
    }
}

fn read_places<S>(plan: &CheckoutPlan, root: &Dir, trees: &S, to: &ObjectId) -> Result<Vec<State>, CheckoutError>
where
    S: TreeSource,
    S::Error: Display,
{
    let mut cursor = TreeCursor::new(trees, to);
    let mut jobs = Vec::with_capacity(plan.groups.len());
    for group in &plan.groups {
        let path = plan.places[group.start].folder();
        // The bits of a folder that differs between the trees are looked at where it is a place itself.
        let mut folder = cursor.folder(path)?.filter(|_| plan.place_of(path).is_none());
        // A large folder is read by several threads; one of them looks at its bits.
        jobs.extend(plan.places[group.clone()].chunks(READ_BATCH_FILES).map(|places| (places, folder.take())));
    }
    let start = |_| Reader { root: root.as_fd(), hashing: Hashing::new(), states: Vec::new() };
    let read = run(thread_count(), jobs, &start, &|reader, (places, folder), _| reader.read_folder(places, folder.as_ref()), &|reader| {
        reader.states
    })?;
    Ok(read.into_iter().flatten().collect())
}

struct Reader<'a> {
    root: BorrowedFd<'a>,
    hashing: Hashing,
    states: Vec<State>,
}

impl Reader<'_> {
    fn read_folder(&mut self, places: &[Place], folder: Option<&Folder>) -> Result<(), PlaceError> {
        let handle = match open_beneath(self.root, places[0].folder(), OpenFor::Names) {
            Ok(handle) => Some(handle),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => None,
            Err(error) => return Err(PlaceError::new("open the folder of", &places[0].path, error)),
        };
        if let (Some(handle), Some(mode)) = (&handle, folder.and_then(|folder| folder.mode)) {
            self.read_mode(&places[0], mode, handle.as_fd())
                .map_err(|error| PlaceError::new("look at the folder of", &places[0].path, error))?;
        }
        for place in places {
            let found = match &handle {
                Some(handle) => self.hashing.node(handle.as_fd(), place.name()),
                None => Ok(FoundNode::Nothing),
            };
            let found = found.map_err(|error| PlaceError::new("read", &place.path, error))?;
            self.states.push(State { path: place.path.clone(), from: place.from.clone(), to: place.to.clone(), found });
        }
        Ok(())
    }

    /// A folder whose bits are the same in both trees: they may have been widened at the moment of the kill.
    fn read_mode(&mut self, place: &Place, mode: u16, handle: BorrowedFd<'_>) -> rustix::io::Result<()> {
        let found = mode_of(&rustix::fs::fstat(handle)?);
        let Some((path, _)) = place.path.split_last().filter(|_| found != mode) else { return Ok(()) };
        let directory = |mode| OwnedNode::Directory { mode, id: ObjectId::ZERO };
        let found = FoundNode::Node(directory(found));
        self.states.push(State { path, from: Some(directory(mode)), to: Some(directory(mode)), found });
        Ok(())
    }
}

fn sum_up(states: Vec<State>) -> Recovery {
    let mut recovery =
        Recovery { progress: Progress::Between, foreign: Vec::new(), forward: Vec::new(), back: Vec::new(), conflicts: Vec::new() };
    for state in states {
        let (is_from, is_to) = (state.is(&state.from), state.is(&state.to));
        if !is_from && !is_to && !state.is_ours() {
            recovery.foreign.push(state.path.clone());
        }
        let State { path, from, to, found } = state;
        let found = found.node().cloned();
        if !is_to {
            recovery.forward.push(Change { path: path.clone(), from: found.clone(), to });
        }
        if !is_from {
            recovery.back.push(Change { path, from: found, to: from });
        }
    }
    recovery.foreign.sort_unstable();
    recovery.progress = match (recovery.back.is_empty(), recovery.forward.is_empty()) {
        (true, _) => Progress::NotBegun,
        (false, true) => Progress::Complete,
        (false, false) => Progress::Between,
    };
    recovery
}
