//! Holding a plan against the workspace as it is, before anything is done. Changes nothing.
//!
//! What no tree records can stand in the way: excluded files, devices, files made since the last look. Where the plan can
//! go round it, it does (a directory that holds such things is kept); where it cannot, the plan is refused with a list.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::access::mode_of;
use super::beneath::{OpenFor, names_in, open_beneath};
use super::contents::PlaceError;
use super::look::{Found, look};
use super::mounts::{Mounts, StageAt};
use super::plan::{Action, CheckoutPlan, Place};
use super::stage_dir::Stage;
use crate::disk::Dir;
use crate::path::RelPath;
use crate::tree::OwnedNode;

/// Something that the checkout would have to destroy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Where.
    pub path: RelPath,
    /// What stands there: "a file", "a directory", "a link", "a device, socket or pipe", "nothing".
    pub found: &'static str,
    /// The path of the target that needs its place.
    pub needed_by: RelPath,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}) is not recorded and stands in the way of {}", self.path, self.found, self.needed_by)
    }
}

/// Why a plan is not carried out. Nothing has been touched.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// Things stand in the way that no version holds, or that are excluded. The user has to move them; what was made in the
    /// last moments is recorded by another look at the workspace.
    #[error("{} paths stand in the way, first: {}", .0.len(), .0[0])]
    Conflicts(Vec<Conflict>),
    /// The workspace could not be looked at.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// A plan that fits the workspace as it is.
#[derive(Clone, Debug)]
pub struct SurveyedPlan {
    pub(super) plan: CheckoutPlan,
    /// One for each group of the plan.
    pub(super) stages: Vec<StageAt>,
    /// Folders of the workspace that get a stage of their own.
    pub(super) local_stages: Vec<RelPath>,
}

impl SurveyedPlan {
    /// The plan as it will be carried out: directories that are kept have their action by now.
    pub fn plan(&self) -> &CheckoutPlan {
        &self.plan
    }

    /// Directories that stay because something is in them that no tree records.
    pub fn kept_directories(&self) -> impl Iterator<Item = &RelPath> {
        self.plan.places.iter().filter(|place| place.action == Action::KeepDirectory).map(|place| &place.path)
    }
}

/// Holds a plan against the workspace.
pub fn survey(plan: CheckoutPlan, root: &Dir, stage: &Stage) -> Result<SurveyedPlan, SurveyError> {
    let mounts = Mounts::new(stage.folder().as_fd()).map_err(|error| PlaceError::new("look at the stage of", &RelPath::root(), error))?;
    let mut survey =
        Survey { root: root.as_fd(), mounts, plan, new_directories: HashSet::new(), stages: Vec::new(), conflicts: Vec::new() };
    for group in 0..survey.plan.groups.len() {
        survey.look_at_group(group)?;
    }
    survey.look_into_directories_that_go()?;
    let Survey { mut conflicts, plan, stages, mounts, .. } = survey;
    if conflicts.is_empty() {
        return Ok(SurveyedPlan { plan, stages, local_stages: mounts.local_stages() });
    }
    conflicts.sort_by(|one, other| one.path.cmp(&other.path));
    Err(SurveyError::Conflicts(conflicts))
}

struct Survey<'a> {
    root: BorrowedFd<'a>,
    mounts: Mounts,
    plan: CheckoutPlan,
    /// Directories that come as part of a whole new tree.
    new_directories: HashSet<Vec<u8>>,
    stages: Vec<StageAt>,
    conflicts: Vec<Conflict>,
}

impl Survey<'_> {
    fn look_at_group(&mut self, group: usize) -> Result<(), SurveyError> {
        let range = self.plan.groups[group].clone();
        let folder = self.plan.places[range.start].folder().to_vec();
        if self.new_directories.contains(&folder) {
            for place in &self.plan.places[range] {
                note_new_directory(place, &mut self.new_directories);
            }
            self.stages.push(StageAt::Store);
            return Ok(());
        }
        let handle = match open_beneath(self.root, &folder, OpenFor::Names) {
            Ok(handle) => handle,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                self.note_missing_folder(range);
                self.stages.push(StageAt::Store);
                return Ok(());
            }
            Err(error) => return Err(PlaceError::new("open the folder of", &self.plan.places[range.start].path, error).into()),
        };
        let stage = self.mounts.stage_for(self.root, &folder, handle.as_fd());
        self.stages.push(stage.map_err(|error| PlaceError::new("look at the mount of", &self.plan.places[range.start].path, error))?);
        for index in range {
            self.look_at_place(index, &handle)?;
            note_new_directory(&self.plan.places[index], &mut self.new_directories);
        }
        Ok(())
    }

    /// A recorded folder is gone, or no folder any more: fine for what was to go anyway.
    fn note_missing_folder(&mut self, range: std::ops::Range<usize>) {
        for place in &self.plan.places[range] {
            if place.to.is_some() {
                let path = place.path.split_last().map_or(RelPath::root(), |(folder, _)| folder);
                self.conflicts.push(Conflict { path, found: "no directory", needed_by: place.path.clone() });
            }
        }
    }

    fn look_at_place(&mut self, index: usize, folder: &OwnedFd) -> Result<(), SurveyError> {
        let place = &mut self.plan.places[index];
        if place.action == Action::Within {
            // The directory above turned out to be there.
            let is_directory = place.to.as_ref().is_some_and(OwnedNode::is_directory);
            place.action = if is_directory { Action::AddTree } else { Action::Add };
        }
        if !matches!(place.action, Action::Add | Action::AddTree | Action::Chmod) {
            return Ok(());
        }
        let found = look(folder.as_fd(), place.name()).map_err(|error| PlaceError::new("look at", &place.path, error))?;
        match (place.action, &found) {
            (Action::Add | Action::AddTree, Found::Nothing) => {}
            (Action::AddTree, Found::Directory(stat)) => merge_directory(place, mode_of(stat)),
            // Its other names, which may lie outside, must keep their bits: it is written anew.
            (Action::Chmod, Found::File(stat)) if stat.st_nlink > 1 => place.action = Action::Replace,
            (Action::Chmod, _) => {}
            _ => self.note_occupied(index, folder, &found)?,
        }
        Ok(())
    }

    fn note_occupied(&mut self, index: usize, folder: &OwnedFd, found: &Found) -> Result<(), SurveyError> {
        let place = &self.plan.places[index];
        let goes_before = self
            .is_other_name_of_what_goes(index, folder)
            .map_err(|error| PlaceError::new("look for other names of", &place.path, error))?;
        if !goes_before {
            self.conflicts.push(Conflict { path: place.path.clone(), found: found.name(), needed_by: place.path.clone() });
        }
        Ok(())
    }

    /// On file systems that fold names, `Foo` answers for `foo`. That is no conflict when `Foo` is among what goes.
    fn is_other_name_of_what_goes(&self, index: usize, folder: &OwnedFd) -> rustix::io::Result<bool> {
        let place = &self.plan.places[index];
        if names_in(folder.as_fd())?.iter().any(|name| name == place.name()) {
            return Ok(false);
        }
        let inode = |name: &[u8]| rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| stat.st_ino);
        let wanted = inode(place.name())?;
        let goes = |other: &&Place| other.action == Action::Remove && inode(other.name()) == Ok(wanted);
        Ok(self.plan.group_of(place.folder()).iter().any(|other| goes(&other)))
    }

    /// Directories are emptied of what was recorded, never of anything else. Deepest first: one that stays keeps those above.
    fn look_into_directories_that_go(&mut self) -> Result<(), SurveyError> {
        for index in (0..self.plan.places.len()).rev() {
            let place = &self.plan.places[index];
            if !matches!(place.action, Action::RemoveDirectory | Action::ReplaceDirectory) {
                continue;
            }
            let left = self.left_in(place).map_err(|error| PlaceError::new("list", &place.path, error))?;
            let Some((name, found)) = left else { continue };
            if place.action == Action::RemoveDirectory {
                self.plan.places[index].action = Action::KeepDirectory;
            } else if let Ok(path) = place.path.join(&name) {
                self.conflicts.push(Conflict { path, found, needed_by: place.path.clone() });
            }
        }
        Ok(())
    }

    /// Something in a directory that does not go with it.
    fn left_in(&self, directory: &Place) -> rustix::io::Result<Option<(Vec<u8>, &'static str)>> {
        let path = directory.path.as_bytes();
        let handle = match open_beneath(self.root, path, OpenFor::Names) {
            Ok(handle) => handle,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(error),
        };
        let going = self.plan.group_of(path);
        for name in names_in(handle.as_fd())? {
            let place = going.binary_search_by(|place| place.name().cmp(&name)).ok().map(|index| &going[index]);
            if !place.is_some_and(|place| matches!(place.action, Action::Remove | Action::RemoveDirectory)) {
                let found = look(handle.as_fd(), &name)?.name();
                return Ok(Some((name, found)));
            }
        }
        Ok(None)
    }
}

fn note_new_directory(place: &Place, new_directories: &mut HashSet<Vec<u8>>) {
    let is_new = matches!(place.action, Action::AddTree | Action::ReplaceByTree | Action::Within);
    if is_new && place.to.as_ref().is_some_and(OwnedNode::is_directory) {
        new_directories.insert(place.path.as_bytes().to_vec());
    }
}

/// A directory that should come stands there already, though not recorded: what comes below it comes piece by piece.
fn merge_directory(place: &mut Place, found_mode: u16) {
    let Some(OwnedNode::Directory { mode, id }) = place.to else { return };
    place.from = Some(OwnedNode::Directory { mode: found_mode, id });
    place.action = if mode == found_mode { Action::Nothing } else { Action::Chmod };
}
