//! The calls to the operating system that the store's files need, and none besides: everything else in `disk` is made of them.
//!
//! In the crate's own tests and for the fuzzer a handle may also stand for a file of a simulated machine, which loses power, fails and
//! stops processes as a number says (`simulated`). In the program there is one kind of handle, and nothing of that.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{Advice, AtFlags, Mode, OFlags, RawDir, RenameFlags};
use rustix::io::Errno;
use rustix::rand::GetRandomFlags;

use super::LockMode;
use super::map::Map;
#[cfg(any(test, feature = "fuzzing"))]
use super::simulated;

const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const DIR_MODE: Mode = Mode::RWXU;
const DIR_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// An open file or folder.
#[derive(Debug)]
pub(super) enum Handle {
    Real(File),
    #[cfg(any(test, feature = "fuzzing"))]
    Simulated(simulated::Handle),
}

/// The call on whichever file the handle stands for.
macro_rules! on {
    ($handle:expr, $real:ident => $by_kernel:expr, $simulated:ident => $by_simulation:expr) => {
        match $handle {
            Handle::Real($real) => $by_kernel,
            #[cfg(any(test, feature = "fuzzing"))]
            Handle::Simulated($simulated) => $by_simulation,
        }
    };
}

impl Handle {
    /// A folder by path.
    pub fn open_path(path: &Path, flags: OFlags) -> io::Result<Self> {
        Ok(Self::Real(rustix::fs::open(path, flags | DIR_FLAGS, Mode::empty())?.into()))
    }

    /// A folder in this one; links are not followed.
    pub fn open_dir(&self, name: &str) -> io::Result<Self> {
        on!(self,
            folder => Ok(Self::Real(rustix::fs::openat(folder, name, DIR_FLAGS | OFlags::NOFOLLOW, Mode::empty())?.into())),
            folder => folder.open(name, DIR_FLAGS).map(Self::Simulated))
    }

    /// A file in this folder; links are not followed. One that is made is for its owner alone.
    pub fn open_file(&self, name: &str, flags: OFlags) -> io::Result<Self> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        on!(self,
            folder => Ok(Self::Real(rustix::fs::openat(folder, name, flags, FILE_MODE)?.into())),
            folder => folder.open(name, flags).map(Self::Simulated))
    }

    /// Makes a folder in this one.
    pub fn make_dir(&self, name: &str) -> io::Result<()> {
        on!(self, folder => Ok(rustix::fs::mkdirat(folder, name, DIR_MODE)?), folder => folder.make_dir(name))
    }

    /// The names in this folder, in no order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        on!(self,
            folder => {
                let listing = rustix::fs::openat(folder, ".", DIR_FLAGS, Mode::empty())?;
                Ok(names_in(listing)?.into_iter().map(OsString::from_vec).collect())
            },
            folder => folder.names())
    }

    /// Whether the folder has an entry of this name, of any kind.
    pub fn contains(&self, name: &str) -> io::Result<bool> {
        on!(self,
            folder => match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Ok(true),
                Err(Errno::NOENT) => Ok(false),
                Err(error) => Err(error.into()),
            },
            folder => folder.contains(name))
    }

    /// Removes a file's name.
    pub fn unlink(&self, name: &OsStr) -> io::Result<()> {
        on!(self, folder => Ok(rustix::fs::unlinkat(folder, name.as_bytes(), AtFlags::empty())?), folder => folder.unlink(name))
    }

    /// Gives a file of this folder another name.
    pub fn rename(&self, name: &str, target: &Self, target_name: &str, flags: RenameFlags) -> io::Result<()> {
        on!(self,
            folder => match flags.is_empty() {
                true => rustix::fs::renameat(folder, name, target, target_name).map_err(io::Error::from),
                // Another call, which old kernels and some file systems do not have.
                false => rustix::fs::renameat_with(folder, name, target, target_name, flags).map_err(io::Error::from),
            },
            folder => folder.rename(name, target.simulated(), target_name, flags))
    }

    /// Gives a file of this folder a second name, which none must have.
    pub fn link(&self, name: &str, target: &Self, target_name: &str) -> io::Result<()> {
        on!(self,
            folder => Ok(rustix::fs::linkat(folder, name, target, target_name, AtFlags::empty())?),
            folder => folder.link(name, target.simulated(), target_name))
    }

    /// Makes everything of a file or folder durable.
    pub fn sync(&self) -> io::Result<()> {
        on!(self, file => file.sync_all(), file => file.sync())
    }

    /// Makes what was written to a file, and its length, durable.
    pub fn sync_data(&self) -> io::Result<()> {
        on!(self, file => file.sync_data(), file => file.sync())
    }

    /// Lets the kernel begin to write a range of a file to the disk, and waits for nothing. Advice that is not taken costs time only.
    pub fn begin_writeback(&self, offset: u64, bytes: u64) {
        let advise = |file: &File| {
            let _ = rustix::fs::fadvise(file, offset, NonZeroU64::new(bytes), Advice::DontNeed);
        };
        on!(self, file => advise(file), _file => ())
    }

    /// Makes everything on the file system durable.
    pub fn sync_filesystem(&self) -> io::Result<()> {
        on!(self, folder => Ok(rustix::fs::syncfs(folder)?), folder => folder.sync_filesystem())
    }

    /// The file's length in bytes.
    pub fn bytes(&self) -> io::Result<u64> {
        on!(self, file => Ok(file.metadata()?.len()), file => file.bytes())
    }

    /// Sets the file's length.
    pub fn truncate(&self, bytes: u64) -> io::Result<()> {
        on!(self, file => file.set_len(bytes), file => file.truncate(bytes))
    }

    /// Reads a file of unknown length from its beginning, up to so many bytes.
    pub fn read_up_to(&self, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        on!(self, file => file.take(bytes_max).read_to_end(&mut bytes), file => file.take(bytes_max).read_to_end(&mut bytes))?;
        Ok(bytes)
    }

    /// When it was written last.
    pub fn written(&self) -> io::Result<SystemTime> {
        on!(self, file => file.metadata()?.modified(), file => file.written())
    }

    /// Makes the present the time of the last write.
    pub fn touch(&self) -> io::Result<()> {
        on!(self, file => file.set_modified(SystemTime::now()), file => file.touch())
    }

    /// Takes a lock on the file if it is free; says whether it was.
    pub fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        on!(self,
            file => {
                let taken = match mode {
                    LockMode::Shared => file.try_lock_shared(),
                    LockMode::Exclusive => file.try_lock(),
                };
                match taken {
                    Ok(()) => Ok(true),
                    Err(TryLockError::WouldBlock) => Ok(false),
                    Err(TryLockError::Error(error)) => Err(error),
                }
            },
            file => file.try_lock(mode))
    }

    /// The file in memory, as long as it is now.
    pub fn map(&self) -> io::Result<Map> {
        on!(self, file => Map::of_file(file), file => file.map().map(Map::of_simulated))
    }

    /// The present.
    pub fn now(&self) -> SystemTime {
        on!(self, _file => SystemTime::now(), file => file.now())
    }

    /// Waits.
    pub fn sleep(&self, time: Duration) {
        on!(self, _file => std::thread::sleep(time), file => file.sleep(time))
    }

    /// Fills the buffer with random bytes; should the kernel have none to give, it stays as it is.
    pub fn random(&self, buffer: &mut [u8]) {
        on!(self, _file => _ = rustix::rand::getrandom(buffer, GetRandomFlags::NONBLOCK), file => file.random(buffer))
    }

    /// Numbers that no other file of a living process has: those of the process, and of the file in it.
    pub fn own_numbers(&self) -> (i32, u64) {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        on!(self,
            _file => (rustix::process::getpid().as_raw_nonzero().get(), COUNTER.fetch_add(1, Ordering::Relaxed)),
            file => file.own_numbers())
    }

    #[cfg(any(test, feature = "fuzzing"))]
    fn simulated(&self) -> &simulated::Handle {
        match self {
            Self::Simulated(handle) => handle,
            Self::Real(_) => panic!("a simulated file can only go to a simulated folder"),
        }
    }
}

/// The names in a folder, in no order, without `.` and `..`. The handle must be of no other use: it has one place in the list of names.
pub fn names_in(listing: OwnedFd) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut buffer = Vec::with_capacity(32 << 10);
    let mut entries = RawDir::new(listing, buffer.spare_capacity_mut());
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Reading and writing, each call perhaps a part of what was asked for.
impl FileExt for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        on!(self, file => file.read_at(buffer, offset), file => file.read_at(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        on!(self, file => file.write_at(bytes, offset), file => file.write_at(bytes, offset))
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        on!(self, file => file.as_fd(), _file => panic!("a simulated file has no descriptor"))
    }
}
