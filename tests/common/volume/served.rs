//! A disk as a file: a FUSE file system with the one file `disk`, whose contents are an [`Image`] and whose writes and flushes
//! are recorded in the order in which the kernel sends them.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner, MountOption,
    OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, WriteFlags,
};

use super::image::{Event, Image, Write};

/// Name of the file.
pub const DISK: &str = "disk";
const DISK_INODE: u64 = 2;
/// Nothing about the file ever changes.
const KNOWN_FOR: Duration = Duration::from_secs(3600);

/// What is served.
#[derive(Default)]
pub struct Disk {
    /// The contents as the kernel sees them.
    pub image: Image,
    /// What the disk was told to do, since the log was last taken.
    pub log: Vec<Event>,
}

/// The disk, shared with the thread that serves it.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Disk>>);

impl Shared {
    /// The disk, for this moment.
    pub fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves a disk of some size as the file `disk` in a folder, until the session is dropped.
pub fn serve(disk: Shared, bytes: u64, folder: &Path) -> std::io::Result<BackgroundSession> {
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("lua-test-disk".to_owned()), MountOption::RW];
    fuser::spawn_mount(Server { disk, bytes }, folder, &config)
}

struct Server {
    disk: Shared,
    bytes: u64,
}

impl Server {
    fn attributes(&self, inode: u64) -> FileAttr {
        let is_disk = inode == DISK_INODE;
        FileAttr {
            ino: INodeNo(inode),
            size: if is_disk { self.bytes } else { 0 },
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_disk { FileType::RegularFile } else { FileType::Directory },
            perm: 0o700,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Server {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match name.to_str() {
            Some(DISK) => reply.entry(&KNOWN_FOR, &self.attributes(DISK_INODE), Generation(0)),
            _ => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&KNOWN_FOR, &self.attributes(inode.into()));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    #[allow(clippy::too_many_arguments)]
    fn read(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, size: u32, _: OpenFlags, _: Option<LockOwner>, reply: ReplyData) {
        let mut bytes = vec![0; u64::from(size).min(self.bytes.saturating_sub(offset)) as usize];
        self.disk.lock().image.read(offset, &mut bytes);
        reply.data(&bytes);
    }

    #[allow(clippy::too_many_arguments)]
    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let write = Write { offset, bytes: Arc::new(data.to_vec()) };
        let mut disk = self.disk.lock();
        disk.image.apply(&write);
        disk.log.push(Event::Write(write));
        reply.written(data.len() as u32);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.disk.lock().log.push(Event::Flush);
        reply.ok();
    }
}
