//! Opening folders below a handle, whatever their depth, through no link and never out of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::limits::OPEN_BYTES_MAX;

/// What a folder is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenFor {
    /// To rename, make and look at names in it: needs no permission to read it.
    Names,
    /// Also to list it, or to set its own permission bits by the handle.
    Listing,
}

impl OpenFor {
    fn flags(self) -> OFlags {
        let base = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self == Self::Names { base | OFlags::PATH } else { base | OFlags::RDONLY }
    }
}

/// Opens the folder at a path (components separated by single slashes; empty for `root` itself) below a handle.
///
/// No component may be a link, not even one that somebody put there a moment ago (`NOTDIR` or `LOOP`); a path longer than
/// the kernel takes is walked piece by piece.
pub(super) fn open_beneath(root: BorrowedFd<'_>, path: &[u8], open_for: OpenFor) -> rustix::io::Result<OwnedFd> {
    if path.is_empty() {
        return rustix::fs::openat(root, ".", open_for.flags(), Mode::empty());
    }
    let mut reached: Option<OwnedFd> = None;
    let mut rest = path;
    loop {
        let (piece, after) = first_piece(rest);
        let from = reached.as_ref().map_or(root, |handle| handle.as_fd());
        let handle = open_piece(from, piece, if after.is_empty() { open_for } else { OpenFor::Names })?;
        if after.is_empty() {
            return Ok(handle);
        }
        reached = Some(handle);
        rest = after;
    }
}

/// As many whole components as the kernel takes at once, and what follows them.
fn first_piece(path: &[u8]) -> (&[u8], &[u8]) {
    if path.len() <= OPEN_BYTES_MAX {
        return (path, &[]);
    }
    // A component is shorter than a piece, so there is a slash; if there were none the kernel would refuse the path.
    match path[..=OPEN_BYTES_MAX].iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (path, &[]),
    }
}

fn open_piece(from: BorrowedFd<'_>, piece: &[u8], open_for: OpenFor) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(from, piece, open_for.flags(), Mode::empty(), resolve) {
        // Old kernels do not know the call, and some sandboxes forbid it.
        Err(Errno::NOSYS | Errno::PERM) => open_by_components(from, piece, open_for),
        opened => opened,
    }
}

/// The same as `openat2`, one component at a time.
fn open_by_components(from: BorrowedFd<'_>, piece: &[u8], open_for: OpenFor) -> rustix::io::Result<OwnedFd> {
    let mut reached: Option<OwnedFd> = None;
    let mut names = piece.split(|&byte| byte == b'/').peekable();
    while let Some(name) = names.next() {
        let flags = if names.peek().is_some() { OpenFor::Names.flags() } else { open_for.flags() };
        let from = reached.as_ref().map_or(from, |handle| handle.as_fd());
        reached = Some(rustix::fs::openat(from, name, flags, Mode::empty())?);
    }
    reached.ok_or(Errno::NOENT)
}

/// The names in an open folder, in no order, without `.` and `..`.
pub(super) fn names_in(folder: BorrowedFd<'_>) -> rustix::io::Result<Vec<Vec<u8>>> {
    // Opened anew: a handle has one place in its list of names for all its users.
    crate::disk::names_in(open_beneath(folder, b"", OpenFor::Listing)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temp_root() -> (tempfile::TempDir, OwnedFd) {
        let temp = tempfile::tempdir().unwrap();
        let handle = rustix::fs::open(temp.path(), OpenFor::Listing.flags(), Mode::empty()).unwrap();
        (temp, handle)
    }

    #[test]
    fn links_are_never_followed() {
        let (temp, root) = temp_root();
        std::fs::create_dir_all(temp.path().join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", temp.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/", temp.path().join("a/out")).unwrap();
        std::fs::write(temp.path().join("file"), "x").unwrap();
        for open in [open_piece, open_by_components] {
            assert!(open(root.as_fd(), b"a/b", OpenFor::Names).is_ok());
            for bad in [&b"link"[..], b"link/b", b"a/out", b"a/out/etc", b"file", b"nothing"] {
                assert!(open(root.as_fd(), bad, OpenFor::Names).is_err(), "{}", String::from_utf8_lossy(bad));
            }
        }
    }

    #[test]
    fn paths_longer_than_the_kernel_takes_are_walked() {
        let (_temp, root) = temp_root();
        let name = [b'x'; 200];
        let mut path = Vec::new();
        let mut handle = open_beneath(root.as_fd(), b"", OpenFor::Names).unwrap();
        for _ in 0..60 {
            rustix::fs::mkdirat(&handle, &name[..], Mode::RWXU).unwrap();
            handle = open_beneath(handle.as_fd(), &name, OpenFor::Names).unwrap();
            path.extend_from_slice(if path.is_empty() { b"" } else { b"/" });
            path.extend_from_slice(&name);
        }
        let opened = open_beneath(root.as_fd(), &path, OpenFor::Listing).unwrap();
        assert_eq!(rustix::fs::fstat(&opened).unwrap().st_ino, rustix::fs::fstat(&handle).unwrap().st_ino);
        assert_eq!(names_in(root.as_fd()).unwrap(), [name.to_vec()]);
    }
}
