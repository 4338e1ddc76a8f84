//! Permission bits: setting them through no link, and working in places whose bits forbid it for a moment.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::beneath::names_in;
use crate::format::tree::MODE_MASK;

/// What the owner needs to make and remove names in a directory.
const OWNER_CHANGES: u16 = 0o300;
/// What the owner needs to list a directory.
const OWNER_LISTS: u16 = 0o500;
/// What the owner needs to read a file.
const OWNER_READS: u16 = 0o400;

/// The recorded permission bits of what was looked at.
pub(super) fn mode_of(stat: &Stat) -> u16 {
    (stat.st_mode & u32::from(MODE_MASK)) as u16
}

pub(super) fn mode_bits(mode: u16) -> Mode {
    Mode::from_raw_mode(u32::from(mode & MODE_MASK))
}

/// Opens what has a name, without reading it and through no link; a link itself can be opened so.
pub(super) fn open_place(folder: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Sets the permission bits of a file or directory, never of what a link points to.
pub(super) fn chmod(folder: BorrowedFd<'_>, name: &[u8], mode: u16) -> rustix::io::Result<()> {
    let place = open_place(folder, name)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&place)?.st_mode);
    if kind != FileType::RegularFile && kind != FileType::Directory {
        return Err(Errno::LOOP);
    }
    chmod_handle(place.as_fd(), mode)
}

/// Sets the permission bits of what is open, even if it was only opened as a place.
///
/// `fchmod` refuses such handles, and a file of mode 0 cannot be opened otherwise; its name in `/proc` leads to the open
/// file itself, wherever that is by now.
pub(super) fn chmod_handle(place: BorrowedFd<'_>, mode: u16) -> rustix::io::Result<()> {
    match rustix::fs::fchmod(place, mode_bits(mode)) {
        Err(Errno::BADF) => rustix::fs::chmod(proc_name(place), mode_bits(mode)),
        done => done,
    }
}

fn proc_name(handle: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", handle.as_raw_fd())
}

/// Does something that changes names in a folder. Where the folder's bits forbid it to its owner, they are widened for
/// that moment and set back. A kill in this moment leaves `u+wx`: recovery knows that as our doing.
pub(super) fn with_write_access<T>(folder: BorrowedFd<'_>, operation: &mut dyn FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    with_bits(folder, FileType::Directory, OWNER_CHANGES, operation)
}

/// The names in a folder, in no order; where the folder's bits forbid it to its owner, they are widened for that moment.
pub(super) fn list(folder: BorrowedFd<'_>) -> rustix::io::Result<Vec<Vec<u8>>> {
    with_bits(folder, FileType::Directory, OWNER_LISTS, &mut || names_in(folder))
}

/// Opens a regular file for reading; where its bits forbid it to its owner, they are widened for that moment.
pub(super) fn open_for_reading(folder: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(folder, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
        Err(Errno::ACCESS) => {}
        opened => return opened,
    }
    let place = open_place(folder, name)?;
    let mut open = || rustix::fs::open(proc_name(place.as_fd()), flags, Mode::empty());
    with_bits(place.as_fd(), FileType::RegularFile, OWNER_READS, &mut open)
}

fn with_bits<T>(
    place: BorrowedFd<'_>,
    kind: FileType,
    wanted: u16,
    operation: &mut dyn FnMut() -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    match operation() {
        Err(Errno::ACCESS) => {}
        done => return done,
    }
    let Some(mode) = missing_bits(place, kind, wanted)? else { return Err(Errno::ACCESS) };
    chmod_handle(place, mode | wanted)?;
    let done = operation();
    // If this fails, reading back at the end finds the wrong bits.
    let _ = chmod_handle(place, mode);
    done
}

/// The permission bits of something of ours that lacks some of `wanted`; `None` when they are not what is in the way.
fn missing_bits(place: BorrowedFd<'_>, kind: FileType, wanted: u16) -> rustix::io::Result<Option<u16>> {
    let stat = rustix::fs::fstat(place)?;
    let mode = mode_of(&stat);
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw();
    Ok((is_ours && FileType::from_raw_mode(stat.st_mode) == kind && mode & wanted != wanted).then_some(mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn bits_are_set_through_no_link() {
        let temp = tempfile::tempdir().unwrap();
        let folder = std::fs::File::open(temp.path()).unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        let before = outside.path().metadata().unwrap().mode();
        std::os::unix::fs::symlink(outside.path(), temp.path().join("l")).unwrap();
        assert_eq!(chmod(folder.as_fd(), b"l", 0o777), Err(Errno::LOOP));
        assert_eq!(outside.path().metadata().unwrap().mode(), before);
        std::fs::write(temp.path().join("f"), "x").unwrap();
        chmod(folder.as_fd(), b"f", 0).unwrap();
        chmod(folder.as_fd(), b"f", 0o6751).unwrap();
        assert_eq!(temp.path().join("f").metadata().unwrap().mode() & 0o7777, 0o6751);
    }

    #[test]
    fn forbidden_places_are_opened_for_a_moment() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("d");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("f"), "secret").unwrap();
        std::fs::set_permissions(path.join("f"), PermissionsExt::from_mode(0o0)).unwrap();
        let folder = std::fs::File::open(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o555)).unwrap();
        let read = open_for_reading(folder.as_fd(), b"f").unwrap();
        assert_eq!(std::io::read_to_string(std::fs::File::from(read)).unwrap(), "secret");
        with_write_access(folder.as_fd(), &mut || rustix::fs::mkdirat(&folder, "new", Mode::RWXU)).unwrap();
        assert!(path.join("new").is_dir());
        assert_eq!(path.join("f").metadata().unwrap().mode() & 0o7777, 0);
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o555);
        let forbidden = with_write_access::<()>(folder.as_fd(), &mut || Err(Errno::PERM));
        assert_eq!(forbidden, Err(Errno::PERM), "only permission bits are helped");
    }
}
