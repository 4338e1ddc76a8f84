//! The root of a workspace, and what is reached from it without ever leaving it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

pub(super) const DIR_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The kernel takes paths of less than 4096 bytes; longer ones are walked in pieces, in bytes.
const PIECE_BYTES_MAX: usize = 4000;
/// How often a path is tried again when the kernel could not be sure that it stays inside because something was just renamed.
const RACE_TRIES: u32 = 8;

/// The open root of a workspace. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WorkspaceRoot {
    handle: Arc<OwnedFd>,
}

impl AsFd for WorkspaceRoot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl WorkspaceRoot {
    /// Opens the folder that the user named; links in its path are followed.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let handle = rustix::fs::open(path, DIR_FLAGS.difference(OFlags::NOFOLLOW), Mode::empty())?;
        Ok(Self { handle: Arc::new(handle) })
    }

    /// Opens a directory below the root, or the root itself for the empty path.
    pub(super) fn open_dir(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        open_beneath(self.as_fd(), if path.is_empty() { b"." } else { path }, DIR_FLAGS)
    }
}

/// Opens what stands at a path of any length below a directory, following no link and never leaving the directory.
pub(super) fn open_beneath(directory: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut reached: Option<OwnedFd> = None;
    let mut rest = path;
    while rest.len() > PIECE_BYTES_MAX {
        let slash = rest[..PIECE_BYTES_MAX].iter().rposition(|&byte| byte == b'/').ok_or(Errno::NAMETOOLONG)?;
        let next = open_piece(reached.as_ref().map_or(directory, |handle| handle.as_fd()), &rest[..slash], DIR_FLAGS)?;
        reached = Some(next);
        rest = &rest[slash + 1..];
    }
    open_piece(reached.as_ref().map_or(directory, |handle| handle.as_fd()), rest, flags)
}

fn open_piece(base: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..RACE_TRIES {
        match rustix::io::retry_on_intr(|| rustix::fs::openat2(base, path, flags, Mode::empty(), resolve)) {
            Err(Errno::AGAIN) => continue,
            // Before Linux 5.6 there is no such call, and some containers forbid it.
            Err(Errno::NOSYS | Errno::PERM) => break,
            result => return result,
        }
    }
    open_by_components(base, path, flags)
}

/// The same one component at a time: no link is followed, because each component is opened as itself.
fn open_by_components(base: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let open = |base: BorrowedFd<'_>, name: &[u8], flags| match name {
        b"" | b".." => Err(Errno::INVAL),
        _ => rustix::io::retry_on_intr(|| rustix::fs::openat(base, name, flags, Mode::empty())),
    };
    let mut reached: Option<OwnedFd> = None;
    let mut rest = path;
    while let Some(slash) = rest.iter().position(|&byte| byte == b'/') {
        let next = open(reached.as_ref().map_or(base, |handle| handle.as_fd()), &rest[..slash], DIR_FLAGS)?;
        reached = Some(next);
        rest = &rest[slash + 1..];
    }
    open(reached.as_ref().map_or(base, |handle| handle.as_fd()), rest, flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_open_a_path_agree() {
        let temp = tempfile::tempdir().unwrap();
        let at = |path: &str| temp.path().join(path);
        std::fs::create_dir_all(at("a/b/c")).unwrap();
        std::fs::write(at("a/b/c/file"), "x").unwrap();
        std::os::unix::fs::symlink("b", at("a/link")).unwrap();
        std::os::unix::fs::symlink("/etc", at("a/out")).unwrap();
        let root = WorkspaceRoot::open(temp.path()).unwrap();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for path in
            ["a", "a/b/c", "a/b/c/file", ".", "a/link", "a/link/c", "a/out/passwd", "a/gone", "a/b/c/file/x", "..", "a/../a", "/etc"]
        {
            let one = open_piece(root.as_fd(), path.as_bytes(), flags);
            let other = open_by_components(root.as_fd(), path.as_bytes(), flags);
            let inode = |handle: Result<OwnedFd, Errno>| handle.map(|handle| rustix::fs::fstat(handle).unwrap().st_ino).ok();
            // The kernel allows `..` while it stays inside; nobody here makes such a path.
            assert_eq!(inode(one).filter(|_| !path.contains("..")), inode(other), "{path}");
        }
    }
}
