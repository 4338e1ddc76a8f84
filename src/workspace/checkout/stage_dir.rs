//! The directories in which a checkout keeps what is to come into the workspace and what came out of it.
//!
//! The stage is a directory in `.lua/tmp` with numbered folders, one for each writing thread. What belongs to one path of the
//! workspace has one name there, its *slot*: 32 hexadecimal digits that follow from the path alone. So after a crash the
//! paths of the two trees say what is whose, without any list that could be lost.
//!
//! A place on another mount cannot be reached from there by a rename. For such places there is a stage on their mount: in the
//! root of the workspace where that will do, else in the directory itself; its name begins with [`LOCAL_STAGE_PREFIX`]. The
//! ignore rules must exclude that prefix, always.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, RawDir};
use rustix::io::Errno;

use super::beneath::{OpenFor, names_in, open_beneath};
use crate::disk::{Dir, DiskError, DiskResult};
use crate::format::bytes::checksum;
use crate::format::journal::is_stage_name;
use crate::path::RelPath;

/// How the name of a stage inside the workspace begins.
pub const LOCAL_STAGE_PREFIX: &str = ".lua-stage-";

/// A folder in the stage that says by being there that the workspace is being changed.
const IN_USE: &str = "in-use";

/// The stage of one checkout.
#[derive(Clone, Debug)]
pub struct Stage {
    tmp: Dir,
    folder: Dir,
    name: String,
}

impl Stage {
    /// Makes the stage directory of this name in the store's folder for temporary files, or opens it when it is there already
    /// (left by a checkout that was interrupted).
    pub fn open(tmp: &Dir, name: &str) -> DiskResult<Self> {
        if !is_stage_name(name) {
            return Err(DiskError::new("make the stage", tmp.path_of(name), std::io::ErrorKind::InvalidInput));
        }
        Ok(Self { tmp: tmp.clone(), folder: tmp.make_dir(name)?, name: name.to_owned() })
    }

    /// The stage's name, for the journal.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The open directory.
    pub fn folder(&self) -> &Dir {
        &self.folder
    }

    /// The name of stages of this checkout inside the workspace.
    pub(super) fn local_name(&self) -> String {
        format!("{LOCAL_STAGE_PREFIX}{}", self.name)
    }

    /// Notes that from now on things of the workspace may be in the stage.
    pub(super) fn mark_in_use(&self) -> rustix::io::Result<()> {
        make_stage_folder(self.folder.as_fd(), IN_USE).map(drop)
    }

    /// Whether [`Stage::mark_in_use`] was called. After a power cut `false` does not prove that it was not.
    pub(super) fn is_in_use(&self) -> DiskResult<bool> {
        self.folder.contains(IN_USE)
    }

    /// Removes the stage with all that is in it, unseen. For a checkout that has not begun to change the workspace.
    pub fn discard(&self) -> DiskResult<()> {
        let error = |error| DiskError::new("remove", self.folder.path(), error);
        empty_folder(self.folder.as_fd()).map_err(error)?;
        match rustix::fs::unlinkat(&self.tmp, &self.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(refused) => Err(error(refused)),
        }
    }
}

/// The name in a stage of what belongs to a path.
pub(super) fn slot_name(path: &RelPath) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    checksum::<16>(path.as_bytes()).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Opens a folder of a stage below an open one, or makes it.
pub(super) fn make_stage_folder(parent: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => open_beneath(parent, name.as_bytes(), OpenFor::Listing),
        Err(error) => Err(error),
    }
}

/// Removes everything in a folder of a stage.
///
/// A directory found there is emptied of its files, its own directories are moved up beside it, and it is removed: so neither
/// the stack nor a path grows with the depth of what is removed.
pub(super) fn empty_folder(folder: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let mut hoisted = 0u64;
    let mut pending = match names_in(folder) {
        Err(Errno::NOENT) => return Ok(()),
        listed => listed?,
    };
    while let Some(name) = pending.pop() {
        match rustix::fs::unlinkat(folder, &name[..], AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => continue,
            // What unlinking a directory answers differs between file systems.
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error),
        }
        dissolve(folder, &name, &mut hoisted, &mut pending)?;
    }
    Ok(())
}

fn dissolve(folder: BorrowedFd<'_>, name: &[u8], hoisted: &mut u64, pending: &mut Vec<Vec<u8>>) -> rustix::io::Result<()> {
    let directory = open_to_empty(folder, name)?;
    let mut buffer = Vec::with_capacity(32 << 10);
    let mut names = Vec::new();
    let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        names.push((entry.file_name().to_bytes().to_vec(), entry.file_type()));
    }
    for (below, kind) in names.into_iter().filter(|(below, _)| below != b"." && below != b"..") {
        if kind != FileType::Directory {
            match rustix::fs::unlinkat(&directory, &below[..], AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => continue,
                Err(Errno::ISDIR | Errno::PERM) => {}
                Err(error) => return Err(error),
            }
        }
        pending.push(hoist(directory.as_fd(), &below, folder, hoisted)?);
    }
    match rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

/// Moves a directory up into the folder, under a name of its own.
fn hoist(from: BorrowedFd<'_>, name: &[u8], folder: BorrowedFd<'_>, hoisted: &mut u64) -> rustix::io::Result<Vec<u8>> {
    loop {
        let new_name = format!("x{hoisted}").into_bytes();
        *hoisted += 1;
        // No slot is named so, and of what is named so only an empty directory could be replaced.
        match rustix::fs::renameat(from, name, folder, &new_name[..]) {
            Ok(()) => return Ok(new_name),
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
            // Its own bits may forbid to change its `..`.
            Err(Errno::ACCESS) => drop(open_to_empty(from, name)?),
            Err(error) => return Err(error),
        }
    }
}

/// Opens a directory of the stage after giving its owner every right to it.
fn open_to_empty(folder: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    super::access::chmod(folder, name, 0o700)?;
    open_beneath(folder, name, OpenFor::Listing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RootOf;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn slots_follow_from_paths() {
        let slot = |path: &[u8]| slot_name(&RelPath::new(path).unwrap());
        assert_eq!(slot(b"a/b"), slot(b"a/b"));
        assert_ne!(slot(b"a/b"), slot(b"a/c"));
        assert_eq!(slot(b"a").len(), 32);
    }

    #[test]
    fn stages_go_with_all_that_is_in_them() {
        let temp = tempfile::tempdir().unwrap();
        let tmp = Dir::open(temp.path(), RootOf::UserPath).unwrap();
        let stage = Stage::open(&tmp, "s-1").unwrap();
        let deep = temp.path().join("s-1/0/slot/a/b/c");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(temp.path().join("s-1/0/x0/x1")).unwrap();
        fs::write(deep.join("f"), "x").unwrap();
        std::os::unix::fs::symlink("/", deep.join("l")).unwrap();
        for path in [&deep, deep.parent().unwrap()] {
            fs::set_permissions(path, PermissionsExt::from_mode(0o555)).unwrap();
        }
        stage.discard().unwrap();
        stage.discard().unwrap();
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
        assert!(Stage::open(&tmp, "../x").is_err());
    }

    #[test]
    fn depth_does_not_matter() {
        let temp = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let tmp = Dir::open(temp.path(), RootOf::UserPath).unwrap();
        let stage = Stage::open(&tmp, "deep").unwrap();
        let mut handle = make_stage_folder(stage.folder().as_fd(), "0").unwrap();
        for _ in 0..5000 {
            handle = make_stage_folder(handle.as_fd(), "d").unwrap();
        }
        stage.discard().unwrap();
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
    }
}
