//! Which mount a folder of the workspace is on. No rename leaves a mount, not even between two mounts of one file system, so
//! what comes into a folder must be made on the folder's own.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, StatxFlags};

use super::beneath::{OpenFor, open_beneath};
use crate::path::RelPath;

/// What tells two mounts apart: the device, and the kernel's number of the mount.
type MountId = (u64, u64);

/// Where what is to come into a folder is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StageAt {
    /// In the store's folder for temporary files.
    Store,
    /// In the workspace: a number of [`Mounts::local_stages`].
    Workspace(usize),
}

impl StageAt {
    /// Number of that stage among all of a checkout.
    pub fn stage_number(self) -> usize {
        match self {
            Self::Store => 0,
            Self::Workspace(number) => number + 1,
        }
    }
}

/// The mounts of the workspace that were met.
#[derive(Debug)]
pub(super) struct Mounts {
    store: MountId,
    /// The topmost folder of the workspace on each other mount. It cannot be removed by us: a mount point is busy.
    others: Vec<(MountId, RelPath)>,
}

impl Mounts {
    /// Knows where the stage in the store is.
    pub(super) fn new(stage: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        Ok(Self { store: mount_of(stage)?, others: Vec::new() })
    }

    /// Where to make what comes into an open folder of this path.
    pub(super) fn stage_for(&mut self, root: BorrowedFd<'_>, path: &[u8], folder: BorrowedFd<'_>) -> rustix::io::Result<StageAt> {
        let mount = mount_of(folder)?;
        if mount == self.store {
            return Ok(StageAt::Store);
        }
        if let Some(known) = self.others.iter().position(|(other, _)| *other == mount) {
            return Ok(StageAt::Workspace(known));
        }
        let top = topmost_on(root, path, mount)?;
        self.others.push((mount, top));
        Ok(StageAt::Workspace(self.others.len() - 1))
    }

    /// The folders of the workspace that need a stage of their own.
    pub(super) fn local_stages(self) -> Vec<RelPath> {
        self.others.into_iter().map(|(_, path)| path).collect()
    }
}

fn mount_of(folder: BorrowedFd<'_>) -> rustix::io::Result<MountId> {
    let device = rustix::fs::fstat(folder)?.st_dev;
    // Before Linux 5.8 the mount is not told; then only the file system is compared, and a rename that fails is undone.
    let mount = rustix::fs::statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).map_or(0, |stat| stat.stx_mnt_id);
    Ok((device, mount))
}

/// The outermost of a folder and its parents that is on a mount.
fn topmost_on(root: BorrowedFd<'_>, path: &[u8], mount: MountId) -> rustix::io::Result<RelPath> {
    let ends = std::iter::once(0).chain(path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at)).chain([path.len()]);
    for end in ends {
        let handle = open_beneath(root, &path[..end], OpenFor::Names)?;
        if mount_of(handle.as_fd())? == mount {
            return RelPath::new(&path[..end]).map_err(|_| rustix::io::Errno::INVAL);
        }
    }
    // Moved to another mount between two looks.
    Err(rustix::io::Errno::AGAIN)
}
