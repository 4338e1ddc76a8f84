//! Emptying the stages of what came out of the workspace: what a version holds is removed, everything else becomes a
//! conflict copy. Can be killed at any point and done again.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::access;
use super::beneath::{OpenFor, names_in, open_beneath};
use super::contents::PlaceError;
use super::keep::{ConflictCopy, keep_aside};
use super::known::Known;
use super::moves::{At, Moves};
use super::plan::Place;
use super::stage_dir::{Stage, empty_folder, make_stage_folder, slot_name};
use crate::disk::Dir;
use crate::path::RelPath;

/// Whole trees are moved into this folder of a stage before they are taken apart, so that no half of one is ever found in
/// a slot. What is in it needs no second look.
const TRASH: &str = "trash";

/// Settles everything in the stages of a plan.
pub(super) fn settle(
    known: Known<'_>,
    root: &Dir,
    stage: &Stage,
    local_stages: &[RelPath],
    moves: &Moves<'_>,
) -> Result<Vec<ConflictCopy>, PlaceError> {
    let by_slot = known.plan().places().iter().map(|place| (slot_name(&place.path), place)).collect();
    let mut settling = Settling { root, moves, known, by_slot, conflicts: Vec::new() };
    settling.settle_stage(stage.folder().as_fd())?;
    for path in local_stages {
        let local = open_local(root, path, stage).map_err(|error| PlaceError::new("open the stage in", path, error))?;
        local.map_or(Ok(()), |local| settling.settle_stage(local.as_fd()))?;
    }
    Ok(settling.conflicts)
}

fn open_local(root: &Dir, path: &RelPath, stage: &Stage) -> rustix::io::Result<Option<OwnedFd>> {
    let folder = open_beneath(root.as_fd(), path.as_bytes(), OpenFor::Names)?;
    match open_beneath(folder.as_fd(), stage.local_name().as_bytes(), OpenFor::Listing) {
        Ok(local) => Ok(Some(local)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

struct Settling<'a> {
    root: &'a Dir,
    moves: &'a Moves<'a>,
    known: Known<'a>,
    by_slot: HashMap<String, &'a Place>,
    conflicts: Vec<ConflictCopy>,
}

impl Settling<'_> {
    fn settle_stage(&mut self, stage: BorrowedFd<'_>) -> Result<(), PlaceError> {
        let failed = |error: Errno| PlaceError::new("empty the stage of", &RelPath::root(), error);
        let threads = names_in(stage).map_err(failed)?.into_iter().filter(|name| name.iter().all(u8::is_ascii_digit));
        for thread in threads {
            let folder = open_beneath(stage, &thread, OpenFor::Listing).map_err(failed)?;
            for name in names_in(folder.as_fd()).map_err(failed)? {
                self.settle_slot(stage, At::new(folder.as_fd(), &name))?;
            }
        }
        Ok(())
    }

    fn settle_slot(&mut self, stage: BorrowedFd<'_>, slot: At<'_>) -> Result<(), PlaceError> {
        let name = String::from_utf8_lossy(slot.name);
        let place = self.by_slot.get(name.trim_end_matches('~')).copied();
        if place.is_some_and(|place| self.known.is_known(slot, place)) {
            let path = place.map_or(RelPath::root(), |place| place.path.clone());
            return remove(stage, slot).map_err(|error| PlaceError::new("remove the former content of", &path, error));
        }
        let path = match place {
            Some(place) => place.path.clone(),
            // Nothing of ours: somebody put it into the stage. Hexadecimal digits are a name always.
            None => RelPath::new(format!("recovered-{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")).as_bytes())
                .unwrap_or_default(),
        };
        let kept = keep_aside(self.moves, self.root.as_fd(), slot, &path);
        self.conflicts.push(kept.map_err(|error| PlaceError::new("keep a copy of", &path, error))?);
        Ok(())
    }
}

fn remove(stage: BorrowedFd<'_>, slot: At<'_>) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(slot.folder, slot.name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // What unlinking a directory answers differs between file systems.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    let trash = make_stage_folder(stage, TRASH)?;
    empty_folder(trash.as_fd())?;
    access::chmod(slot.folder, slot.name, 0o700)?;
    rustix::fs::renameat(slot.folder, slot.name, &trash, slot.name)?;
    empty_folder(trash.as_fd())
}
