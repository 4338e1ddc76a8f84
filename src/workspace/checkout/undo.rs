//! Taking back what was done to the workspace when a step of it failed.

use std::os::fd::AsFd;

use rustix::io::Errno;

use super::beneath::{OpenFor, open_beneath};
use super::contents::{CheckoutError, PlaceError};
use super::done::{ApplyError, Done};
use super::known::Known;
use super::moves::{At, Moves, Put};
use super::plan::Place;
use super::settle::settle;
use super::stage::{StagedPlan, remove_stages};
use super::stage_dir::slot_name;
use crate::disk::Dir;

/// Takes everything back, last first, and empties the stage.
pub(super) fn undo(staged: &StagedPlan, root: &Dir, moves: &Moves<'_>, done: Vec<Done>, source: PlaceError) -> ApplyError {
    let back = Back { staged, root, moves };
    let mut failed: Option<PlaceError> = None;
    for step in done.iter().rev() {
        // The others are taken back nevertheless: the less is left to the next command the better.
        if let Err(error) = back.take_back(step) {
            failed.get_or_insert(error);
        }
    }
    if let Some(error) = failed {
        return ApplyError::Stuck { source, back: Box::new(error) };
    }
    match back.empty_stage() {
        Ok(conflicts) => ApplyError::Undone { source, conflicts },
        Err(error) => ApplyError::Stuck { source, back: Box::new(error) },
    }
}

struct Back<'a> {
    staged: &'a StagedPlan,
    root: &'a Dir,
    moves: &'a Moves<'a>,
}

impl Back<'_> {
    fn take_back(&self, step: &Done) -> Result<(), PlaceError> {
        let places = self.staged.survey.plan.places();
        let (index, taken_back) = match step {
            Done::Taken { group, place } => (place, self.with_slot(*group, *place, &|slot, at| self.moves.put(slot, at, false).map(drop))),
            Done::Put { group, place, put: Put::Swapped } => {
                (place, self.with_slot(*group, *place, &|slot, at| self.moves.put(slot, at, true).map(drop)))
            }
            Done::Put { group, place, put: Put::New } => {
                (place, self.with_slot(*group, *place, &|slot, at| self.moves.take(at, slot).map(drop)))
            }
            Done::HalfPut { group, place } => (place, self.with_slot(*group, *place, &|slot, at| self.moves.put_back(slot, at))),
            Done::RemovedDirectory { place, mode } => (place, self.remake_directory(&places[*place], *mode)),
            Done::Chmod { place, mode } => (place, self.with_place(&places[*place], &|at| self.moves.chmod(at, *mode))),
        };
        taken_back.map_err(|error| PlaceError::new("put back", &places[*index].path, error))
    }

    fn with_place(&self, place: &Place, act: &dyn Fn(At<'_>) -> rustix::io::Result<()>) -> rustix::io::Result<()> {
        let folder = open_beneath(self.root.as_fd(), place.folder(), OpenFor::Names)?;
        act(At::new(folder.as_fd(), place.name()))
    }

    fn with_slot(&self, group: usize, index: usize, act: &dyn Fn(At<'_>, At<'_>) -> rustix::io::Result<()>) -> rustix::io::Result<()> {
        let place = &self.staged.survey.plan.places()[index];
        let slot = slot_name(&place.path);
        let slot = At::new(self.staged.slot_folder(group, index), slot.as_bytes());
        self.with_place(place, &|at| act(slot, at))
    }

    fn remake_directory(&self, place: &Place, mode: u16) -> rustix::io::Result<()> {
        self.with_place(place, &|at| {
            match self.moves.make_directory(at) {
                // Somebody made it again.
                Ok(()) | Err(Errno::EXIST) => self.moves.chmod(at, mode),
                Err(error) => Err(error),
            }
        })
    }

    fn empty_stage(&self) -> Result<Vec<super::keep::ConflictCopy>, CheckoutError> {
        let StagedPlan { survey, stage, .. } = self.staged;
        let conflicts = settle(&Known::new(&survey.plan), self.root, stage, &survey.local_stages, self.moves)?;
        remove_stages(&survey.local_stages, self.root, stage)?;
        Ok(conflicts)
    }
}
