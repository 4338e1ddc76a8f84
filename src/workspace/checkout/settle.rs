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
use super::pool::{Jobs, run, thread_count};
use super::stage_dir::{Stage, empty_folder, make_stage_folder, slot_name};
use crate::disk::Dir;
use crate::limits::READ_BATCH_FILES;
use crate::path::RelPath;

/// Whole trees are moved into this folder of a stage before they are taken apart, so that no half of one is ever found in
/// a slot. What is in it needs no second look.
const TRASH: &str = "trash";

/// Settles everything in the stages of a plan.
pub(super) fn settle(
    known: &Known<'_>,
    root: &Dir,
    stage: &Stage,
    local_stages: &[RelPath],
    moves: &Moves<'_>,
) -> Result<Vec<ConflictCopy>, PlaceError> {
    let slots = Slots { by_name: known.plan().places().iter().map(|place| (slot_name(&place.path), place)).collect() };
    let mut settling = Settling { root, moves, slots, conflicts: Vec::new() };
    settling.settle_stage(known, stage.folder().as_fd())?;
    for path in local_stages {
        let local = open_local(root, path, stage).map_err(|error| PlaceError::new("open the stage in", path, error))?;
        local.map_or(Ok(()), |local| settling.settle_stage(known, local.as_fd()))?;
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

/// Something in a stage: the number of its folder there, and its name.
type Slot = (usize, Vec<u8>);

/// What is left of a slot after it was looked at.
enum Left {
    /// A directory that versions hold; it takes several steps to remove.
    Known(Slot),
    /// What no version holds.
    Stranger(Slot),
}

/// Whose slot is whose.
struct Slots<'a> {
    by_name: HashMap<String, &'a Place>,
}

impl Slots<'_> {
    /// Removes the files that versions hold. Gives what is left.
    fn look_through(&self, known: &Known<'_>, folders: &[OwnedFd], jobs: Vec<Vec<Slot>>) -> Result<Vec<Vec<Left>>, PlaceError> {
        let threads = if jobs.len() > 1 { thread_count() } else { 1 };
        let start = |_| (known.another(), Vec::new());
        let look = |(known, left): &mut (Known<'_>, Vec<Left>), slots: Vec<Slot>, _: &Jobs<Vec<Slot>>| {
            for slot in slots {
                left.extend(self.look_at(known, folders[slot.0].as_fd(), slot)?);
            }
            Ok(())
        };
        run(threads, jobs, &start, &look, &|(_, left)| left)
    }

    fn look_at(&self, known: &mut Known<'_>, folder: BorrowedFd<'_>, slot: Slot) -> Result<Option<Left>, PlaceError> {
        let at = At::new(folder, &slot.1);
        let Some(place) = self.place(at.name) else { return Ok(Some(Left::Stranger(slot))) };
        if !known.is_known(at, place).map_err(|error| PlaceError::new("look at what came out of", &place.path, error))? {
            return Ok(Some(Left::Stranger(slot)));
        }
        match rustix::fs::unlinkat(at.folder, at.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(None),
            // What unlinking a directory answers differs between file systems.
            Err(Errno::ISDIR | Errno::PERM) => Ok(Some(Left::Known(slot))),
            Err(error) => Err(self.not_removed(at.name, error)),
        }
    }

    fn place(&self, name: &[u8]) -> Option<&Place> {
        self.by_name.get(String::from_utf8_lossy(name).trim_end_matches('~')).copied()
    }

    fn not_removed(&self, name: &[u8], error: Errno) -> PlaceError {
        let path = self.place(name).map_or(RelPath::root(), |place| place.path.clone());
        PlaceError::new("remove the former content of", &path, error)
    }
}

struct Settling<'a> {
    root: &'a Dir,
    moves: &'a Moves<'a>,
    slots: Slots<'a>,
    conflicts: Vec<ConflictCopy>,
}

impl Settling<'_> {
    /// Reading what came out takes the time, so several threads do that; what changes more than a slot is done by one.
    fn settle_stage(&mut self, known: &Known<'_>, stage: BorrowedFd<'_>) -> Result<(), PlaceError> {
        let failed = |error: Errno| PlaceError::new("empty the stage of", &RelPath::root(), error);
        let threads = names_in(stage).map_err(failed)?.into_iter().filter(|name| name.iter().all(u8::is_ascii_digit));
        let (mut folders, mut jobs) = (Vec::new(), Vec::new());
        for thread in threads {
            let folder = open_beneath(stage, &thread, OpenFor::Listing).map_err(failed)?;
            let names = names_in(folder.as_fd()).map_err(failed)?;
            let slots: Vec<Slot> = names.into_iter().map(|name| (folders.len(), name)).collect();
            jobs.extend(slots.chunks(READ_BATCH_FILES).map(<[Slot]>::to_vec));
            folders.push(folder);
        }
        for left in self.slots.look_through(known, &folders, jobs)?.into_iter().flatten() {
            match left {
                Left::Known((folder, name)) => {
                    let slot = At::new(folders[folder].as_fd(), &name);
                    remove_directory(stage, slot).map_err(|error| self.slots.not_removed(&name, error))?;
                }
                Left::Stranger((folder, name)) => self.keep(At::new(folders[folder].as_fd(), &name))?,
            }
        }
        Ok(())
    }

    fn keep(&mut self, slot: At<'_>) -> Result<(), PlaceError> {
        let path = match self.slots.place(slot.name) {
            Some(place) => place.path.clone(),
            // Nothing of ours: somebody put it into the stage. Hexadecimal digits are a name always.
            None => {
                let name = String::from_utf8_lossy(slot.name).replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                RelPath::new(format!("recovered-{name}").as_bytes()).unwrap_or_default()
            }
        };
        let kept = keep_aside(self.moves, self.root.as_fd(), slot, &path);
        self.conflicts.push(kept.map_err(|error| PlaceError::new("keep a copy of", &path, error))?);
        Ok(())
    }
}

fn remove_directory(stage: BorrowedFd<'_>, slot: At<'_>) -> rustix::io::Result<()> {
    let trash = make_stage_folder(stage, TRASH)?;
    empty_folder(trash.as_fd())?;
    access::chmod(slot.folder, slot.name, 0o700)?;
    rustix::fs::renameat(slot.folder, slot.name, &trash, slot.name)?;
    empty_folder(trash.as_fd())
}
