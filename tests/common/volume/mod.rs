//! A file system on a disk that the test serves itself: what is written to it, and when it is flushed, is recorded, and its
//! contents can be put back to any moment, with any of the writes missing that no flush has made durable.
//!
//! The disk is a file of a FUSE file system in this process, under a loop device, under ext4, xfs or btrfs. All mounts are in a
//! mount namespace of their own, so that nothing is left of them when the process ends, however it ends. Needs root, `/dev/fuse`,
//! loop devices and the tools of the file systems; where something is missing, [`Volume::new`] says what.

#![allow(unsafe_code)] // unshare is a foreign function; no library among the dependencies wraps it.

pub mod image;
mod served;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fuser::BackgroundSession;
use tempfile::TempDir;

use image::{Event, Image};
use served::Shared;

const UNMOUNT_TRIES: u64 = 10;

/// A file system that a volume can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// ext4 as it is made by default: metadata in the journal, data before metadata.
    Ext4,
    /// ext4 that does not order data before metadata (`data=writeback`).
    Ext4Writeback,
    /// xfs.
    Xfs,
    /// btrfs.
    Btrfs,
}

impl FileSystem {
    /// Size of the smallest disk that it takes and that holds what tests write, in bytes.
    fn bytes(self) -> u64 {
        match self {
            Self::Ext4 | Self::Ext4Writeback => 64 << 20,
            Self::Xfs => 320 << 20,
            Self::Btrfs => 160 << 20,
        }
    }

    fn make_command(self) -> &'static [&'static str] {
        match self {
            Self::Ext4 | Self::Ext4Writeback => &["mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
            Self::Xfs => &["mkfs.xfs", "-q", "-f"],
            Self::Btrfs => &["mkfs.btrfs", "-q", "-f"],
        }
    }

    /// What it takes for granted that the disk writes in one piece, in bytes. btrfs does so with its superblock: one half of it has
    /// no right checksum, and the copies are not asked when it is mounted. The superblock of ext4 has two sectors and one checksum.
    fn atomic_bytes(self) -> usize {
        match self {
            Self::Btrfs => 4096,
            Self::Ext4 | Self::Ext4Writeback => 1024,
            Self::Xfs => 512,
        }
    }

    fn mount_options(self) -> &'static str {
        match self {
            Self::Ext4Writeback => "data=writeback",
            _ => "defaults",
        }
    }
}

/// A disk with a file system on it.
pub struct Volume {
    file_system: FileSystem,
    disk: Shared,
    device: String,
    is_mounted: bool,
    folder: TempDir,
    /// What is above it must be gone before it goes.
    server: Option<BackgroundSession>,
    _mounts: OwnMounts,
}

/// Keeps a mount namespace until this process is gone for good. If the namespace ended with the thread that made it, a killed test
/// would unmount its volume before the server of the disk below is closed, and wait for itself for ever.
pub struct OwnMounts {
    keeper: Child,
}

impl Drop for OwnMounts {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl Volume {
    /// A new disk with a new file system, mounted. An error says what is missing here.
    ///
    /// The calling thread and those it starts get a mount namespace of their own.
    pub fn new(file_system: FileSystem) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("mounting needs root".to_owned());
        }
        let mounts = own_mounts()?;
        let folder = tempfile::Builder::new().prefix("lua-test-volume-").tempdir().map_err(|error| error.to_string())?;
        for name in ["fuse", "mount"] {
            std::fs::create_dir(folder.path().join(name)).map_err(|error| error.to_string())?;
        }
        let disk = Shared::default();
        let fuse = folder.path().join("fuse");
        let server = served::serve(disk.clone(), file_system.bytes(), &fuse).map_err(|error| format!("no FUSE: {error}"))?;
        let mut volume =
            Self { file_system, disk, device: String::new(), is_mounted: false, folder, server: Some(server), _mounts: mounts };
        let file = fuse.join(served::DISK);
        volume.device = run(&["losetup", "--find", "--show", "--direct-io=on", "--sector-size", "512", &file.to_string_lossy()])?;
        let device = volume.device.clone();
        run(&[file_system.make_command(), &[&device]].concat())?;
        volume.mount()?;
        Ok(volume)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    /// What its file system takes for granted that the disk writes in one piece, in bytes.
    pub fn atomic_bytes(&self) -> usize {
        self.file_system.atomic_bytes()
    }

    /// Mounts it, which replays the journal of the file system.
    pub fn mount(&mut self) -> Result<(), String> {
        let folder = self.path();
        run(&["mount", "-o", self.file_system.mount_options(), &self.device, &folder.to_string_lossy()])?;
        self.is_mounted = true;
        Ok(())
    }

    /// Unmounts it, which writes back all that the kernel keeps of it.
    pub fn unmount(&mut self) -> Result<(), String> {
        let folder = self.path();
        // A process that another test has just forked has our open files until it runs its program.
        let mut tries = (0..UNMOUNT_TRIES).map(|attempt| {
            std::thread::sleep(Duration::from_millis(20 * attempt));
            run(&["umount", &folder.to_string_lossy()])
        });
        tries.find(Result::is_ok).unwrap_or_else(|| Err(format!("{} cannot be unmounted", folder.display())))?;
        self.is_mounted = false;
        Ok(())
    }

    /// Has the kernel write to the disk whatever it keeps.
    pub fn sync(&self) -> Result<(), String> {
        run(&["sync", "--file-system", &self.path().to_string_lossy()]).map(drop)
    }

    /// Forgets what was recorded, and begins anew from the contents that are returned.
    pub fn begin_recording(&self) -> Image {
        let mut disk = self.disk.lock();
        disk.log.clear();
        disk.image.clone()
    }

    /// How much was recorded.
    pub fn recorded(&self) -> usize {
        self.disk.lock().log.len()
    }

    /// What was recorded.
    pub fn take_recording(&self) -> Vec<Event> {
        std::mem::take(&mut self.disk.lock().log)
    }

    /// Puts other contents on the disk, which must not be mounted.
    pub fn set_image(&self, image: Image) {
        assert!(!self.is_mounted, "a mounted disk changes by itself");
        let mut disk = self.disk.lock();
        disk.image = image;
        disk.log.clear();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Best effort: the mounts end with the process, and the loop device with its last user.
        if self.is_mounted {
            let _ = self.unmount();
        }
        if !self.device.is_empty() {
            let _ = run(&["losetup", "--detach", &self.device]);
        }
        if let Some(server) = self.server.take() {
            let _ = server.umount_and_join();
        }
    }
}

/// Gives the calling thread, and all that it starts, mounts of their own.
pub fn own_mounts() -> Result<OwnMounts, String> {
    // SAFETY: no memory is touched. It concerns this thread alone: it no longer shares its mounts and its working directory.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err(format!("no mount namespace: {}", std::io::Error::last_os_error()));
    }
    run(&["mount", "--make-rprivate", "/"])?;
    // It reads until nobody can write to it any more, which is when this process has ended.
    let keeper = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).current_dir("/").spawn();
    keeper.map(|keeper| OwnMounts { keeper }).map_err(|error| format!("no `cat`: {error}"))
}

/// Runs a tool of the system and gives what it prints; an error says what went wrong.
pub fn run(words: &[&str]) -> Result<String, String> {
    let path = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
    let program = path.split(':').map(|folder| Path::new(folder).join(words[0])).find(|program| program.exists());
    let program = program.ok_or_else(|| format!("{} is not installed", words[0]))?;
    let output = Command::new(program).args(&words[1..]).env("PATH", path).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
