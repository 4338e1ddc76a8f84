//! Carrying out a staged plan. Only here is the workspace changed, and only by renames, by removing empty directories and
//! by setting permission bits; each of these can be taken back, and is, when one of them fails.
//!
//! Order: files and links go, then directories that are empty now, then what comes is put in place, and the permission bits of
//! directories are last, deepest first.
//!
//! Somebody may edit files meanwhile. So what came out of a place is looked at afterwards, when the stage is settled: unless it is
//! what was recorded (or what is to come) it is kept as a conflict copy. One thread does all this: the kernel renames between two
//! folders one at a time anyway.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;

use super::access::mode_of;
use super::applied::Applied;
use super::beneath::{OpenFor, open_beneath};
use super::contents::PlaceError;
use super::done::{ApplyError, Done};
use super::look::{Found, look};
use super::moves::{At, Moves};
use super::plan::{Action, Place};
use super::stage::{StagedPlan, staged_mode};
use super::stage_dir::slot_name;
use super::undo::undo;
use crate::disk::Dir;
use crate::path::RelPath;
use crate::tree::OwnedNode;

/// Carries out a plan. The journal must be durable before, and stays until what the workspace became is recorded.
///
/// # Durability
/// None before [`Applied::sync`]. A crash before that leaves any mixture, which the journal lets the next command finish.
pub fn apply(staged: StagedPlan, root: &Dir) -> Result<Applied, ApplyError> {
    apply_with(staged, root, &Moves::new(&|_| Ok(())))
}

/// The same with moves of one's own: tests stop them where they like.
pub(super) fn apply_with(staged: StagedPlan, root: &Dir, moves: &Moves<'_>) -> Result<Applied, ApplyError> {
    let mut run = Run { staged: &staged, root, moves, done: Vec::new(), kept: Vec::new(), open: None };
    let applied = run
        .mark_stage()
        .and_then(|()| run.remove_leaves())
        .and_then(|()| run.remove_directories())
        .and_then(|()| run.bring_in())
        .and_then(|()| run.set_modes());
    let Run { done, mut kept, .. } = run;
    match applied {
        Ok(()) => {
            kept.extend(staged.survey.kept_directories().cloned());
            Ok(Applied::new(staged, kept))
        }
        Err(source) => Err(undo(&staged, root, moves, done, source)),
    }
}

struct Run<'a> {
    staged: &'a StagedPlan,
    root: &'a Dir,
    moves: &'a Moves<'a>,
    done: Vec<Done>,
    kept: Vec<RelPath>,
    /// The folder worked in last.
    open: Option<(usize, OwnedFd)>,
}

impl<'a> Run<'a> {
    fn places(&self) -> &'a [Place] {
        self.staged.survey.plan.places()
    }

    fn mark_stage(&self) -> Result<(), PlaceError> {
        self.staged.stage.mark_in_use().map_err(|error| PlaceError::new("mark the stage of", &RelPath::root(), error))
    }

    /// Does something at every place whose action is among some, by folders.
    fn for_each(&mut self, actions: &[Action], act: fn(&mut Self, usize, usize) -> Result<(), PlaceError>) -> Result<(), PlaceError> {
        let places = self.places();
        for (group, range) in self.staged.survey.plan.groups.iter().enumerate() {
            for place in range.clone().filter(|&place| actions.contains(&places[place].action)) {
                act(self, group, place)?;
            }
        }
        Ok(())
    }

    /// Opens the folder of a place. `None`: it is gone.
    fn open_folder(&mut self, group: usize, place: &Place) -> Result<Option<&OwnedFd>, PlaceError> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != group) {
            let handle = match open_beneath(self.root.as_fd(), place.folder(), OpenFor::Names) {
                Ok(handle) => handle,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if place.to.is_none() => return Ok(None),
                Err(error) => return Err(PlaceError::new("open the folder of", &place.path, error)),
            };
            self.open = Some((group, handle));
        }
        Ok(self.open.as_ref().map(|(_, handle)| handle))
    }

    fn remove_leaves(&mut self) -> Result<(), PlaceError> {
        self.for_each(&[Action::Remove], Self::remove_leaf)
    }

    fn remove_leaf(&mut self, group: usize, index: usize) -> Result<(), PlaceError> {
        let (staged, moves, place) = (self.staged, self.moves, &self.places()[index]);
        let slot_name = slot_name(&place.path);
        let slot = At::new(staged.slot_folder(group, index), slot_name.as_bytes());
        let Some(folder) = self.open_folder(group, place)? else { return Ok(()) };
        let taken =
            moves.take(At::new(folder.as_fd(), place.name()), slot).map_err(|error| PlaceError::new("remove", &place.path, error))?;
        if taken {
            self.done.push(Done::Taken { group, place: index });
        }
        Ok(())
    }

    /// Deepest first. The kernel removes no directory that holds anything, so what others put there meanwhile is safe.
    fn remove_directories(&mut self) -> Result<(), PlaceError> {
        self.open = None;
        for index in (0..self.places().len()).rev() {
            let place = &self.places()[index];
            if matches!(place.action, Action::RemoveDirectory | Action::ReplaceDirectory) {
                self.remove_directory(index).map_err(|error| PlaceError::new("remove the directory", &place.path, error))?;
            }
        }
        Ok(())
    }

    fn remove_directory(&mut self, index: usize) -> rustix::io::Result<()> {
        let place = &self.places()[index];
        let folder = match open_beneath(self.root.as_fd(), place.folder(), OpenFor::Names) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            opened => opened?,
        };
        let mode = match look(folder.as_fd(), place.name())? {
            Found::Nothing => return Ok(()),
            Found::Directory(stat) => mode_of(&stat),
            _ => {
                self.keep_directory(place);
                return Ok(());
            }
        };
        match self.moves.remove_directory(At::new(folder.as_fd(), place.name())) {
            Ok(()) => self.done.push(Done::RemovedDirectory { place: index, mode }),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => self.keep_directory(place),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Somebody put something there meanwhile. It stays, unless its place is needed: then it comes out and is kept beside.
    fn keep_directory(&mut self, place: &Place) {
        if place.action == Action::RemoveDirectory {
            self.kept.push(place.path.clone());
        }
    }

    fn bring_in(&mut self) -> Result<(), PlaceError> {
        self.open = None;
        let coming = [Action::Add, Action::AddTree, Action::Replace, Action::ReplaceByTree, Action::ReplaceDirectory];
        self.for_each(&coming, Self::put)
    }

    fn put(&mut self, group: usize, index: usize) -> Result<(), PlaceError> {
        let (staged, moves, place) = (self.staged, self.moves, &self.places()[index]);
        let slot_name = slot_name(&place.path);
        let slot = At::new(staged.slot_folder(group, index), slot_name.as_bytes());
        let Some(folder) = self.open_folder(group, place)? else { return Ok(()) };
        let is_taken = matches!(place.action, Action::Replace | Action::ReplaceByTree);
        match moves.put(slot, At::new(folder.as_fd(), place.name()), is_taken) {
            Ok(put) => {
                self.done.push(Done::Put { group, place: index, put });
                Ok(())
            }
            Err(error) => {
                self.done.push(Done::HalfPut { group, place: index });
                Err(PlaceError::new("put in place", &place.path, error))
            }
        }
    }

    fn set_modes(&mut self) -> Result<(), PlaceError> {
        for index in (0..self.places().len()).rev() {
            let place = &self.places()[index];
            if let Some(mode) = mode_to_set(place) {
                self.set_mode(index, mode).map_err(|error| PlaceError::new("set the permission bits of", &place.path, error))?;
            }
        }
        Ok(())
    }

    fn set_mode(&mut self, index: usize, mode: u16) -> rustix::io::Result<()> {
        let place = &self.places()[index];
        let folder = open_beneath(self.root.as_fd(), place.folder(), OpenFor::Names)?;
        let wants_directory = place.to.as_ref().is_some_and(OwnedNode::is_directory);
        let (Found::File(stat) | Found::Directory(stat)) = look(folder.as_fd(), place.name())? else { return Ok(()) };
        let is_directory = rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory;
        // Something else stands there by now: reading back will say so.
        if is_directory != wants_directory || mode_of(&stat) == mode {
            return Ok(());
        }
        self.moves.chmod(At::new(folder.as_fd(), place.name()), mode)?;
        self.done.push(Done::Chmod { place: index, mode: mode_of(&stat) });
        Ok(())
    }
}

/// The permission bits that are set when everything is in place.
fn mode_to_set(place: &Place) -> Option<u16> {
    match (place.action, &place.to) {
        (Action::Chmod, Some(OwnedNode::File { mode, .. } | OwnedNode::Directory { mode, .. })) => Some(*mode),
        (Action::AddTree | Action::ReplaceByTree, Some(OwnedNode::Directory { mode, .. })) => {
            (staged_mode(place) != *mode).then_some(*mode)
        }
        _ => None,
    }
}
