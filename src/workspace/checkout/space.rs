//! Whether there is room for what is to be written.

use std::os::fd::{AsFd, OwnedFd};

use super::contents::{Contents, PlaceError, WriteError};
use super::plan::Place;
use super::survey::SurveyedPlan;
use crate::path::RelPath;
use crate::tree::OwnedNode;

#[derive(Clone, Copy, Default)]
struct Needed {
    bytes: u64,
    files: u64,
}

/// Checks each file system that is written to.
pub(super) fn check_space<C: Contents>(survey: &SurveyedPlan, roots: &[OwnedFd], contents: &C) -> Result<(), WriteError<C::Error>> {
    let mut needed = vec![Needed::default(); roots.len()];
    for (group, at) in survey.plan.groups.iter().zip(&survey.stages) {
        let needed = &mut needed[at.stage_number()];
        for place in survey.plan.places[group.clone()].iter().filter(|place| place.action.writes()) {
            needed.files += 1;
            needed.bytes = needed.bytes.saturating_add(disk_bytes(place, contents));
        }
    }
    for (root, needed) in roots.iter().zip(needed) {
        check(root, needed.bytes, needed.files)?;
    }
    Ok(())
}

fn disk_bytes<C: Contents>(place: &Place, contents: &C) -> u64 {
    match &place.to {
        Some(OwnedNode::File { bytes, id, .. }) => contents.disk_bytes(id, *bytes),
        _ => 0,
    }
}

/// Checks one file system. What directories and the ends of blocks take is not counted: a disk that is nearly full may pass and
/// fill up while it is written to, which is found out then.
pub(super) fn check<E: std::error::Error>(folder: &impl AsFd, needed_bytes: u64, needed_files: u64) -> Result<(), WriteError<E>> {
    let free = rustix::fs::fstatvfs(folder).map_err(|error| PlaceError::new("look for room in", &RelPath::root(), error))?;
    let free_bytes = free.f_bavail.saturating_mul(free.f_frsize);
    // Some file systems make inodes as they go and count none.
    let free_files = if free.f_files == 0 { u64::MAX } else { free.f_favail };
    if needed_files > 0 && (needed_bytes > free_bytes || needed_files > free_files) {
        return Err(WriteError::NoSpace { needed_bytes, needed_files, free_bytes, free_files });
    }
    Ok(())
}
