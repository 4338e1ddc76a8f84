//! Folders by handle.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::{DiskError, DiskResult, Map, StoreFile, TempFile};

const DIR_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const DIR_MODE: Mode = Mode::RWXU;
pub(super) const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// An open folder of the store. Cheap to clone: all clones share the handle.
#[derive(Clone, Debug)]
pub struct Dir {
    handle: Arc<OwnedFd>,
    path: PathBuf,
}

/// How a folder outside the store's own folders is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootOf {
    /// The user named it: links in the path are followed.
    UserPath,
    /// It stands in the workspace: the last component must be a real folder.
    Workspace,
}

impl Dir {
    /// Opens an existing folder by path.
    pub fn open(path: &Path, root_of: RootOf) -> DiskResult<Self> {
        let flags = if root_of == RootOf::Workspace { DIR_FLAGS | OFlags::NOFOLLOW } else { DIR_FLAGS };
        let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| DiskError::new("open the folder", path, error))?;
        Ok(Self { handle: Arc::new(handle), path: path.to_path_buf() })
    }

    /// The folder's path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in the folder, for messages.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a folder in this one.
    pub fn open_dir(&self, name: &str) -> DiskResult<Self> {
        let handle = rustix::fs::openat(self, name, DIR_FLAGS | OFlags::NOFOLLOW, Mode::empty())
            .map_err(|error| DiskError::new("open the folder", self.path_of(name), error))?;
        Ok(Self { handle: Arc::new(handle), path: self.path_of(name) })
    }

    /// Makes a folder in this one if there is none, and opens it.
    ///
    /// # Durability
    /// A folder that was made is durable after the next [`Dir::sync`] of this one.
    pub fn make_dir(&self, name: &str) -> DiskResult<Self> {
        match rustix::fs::mkdirat(self, name, DIR_MODE) {
            Ok(()) | Err(Errno::EXIST) => self.open_dir(name),
            Err(error) => Err(DiskError::new("make the folder", self.path_of(name), error)),
        }
    }

    /// Names in the folder, in no order.
    pub fn names(&self) -> DiskResult<Vec<OsString>> {
        let error = |error: Errno| DiskError::new("list the folder", &self.path, error);
        // A handle has one place in the list of names for all its users, so each listing opens the folder anew.
        let handle = rustix::fs::openat(self, ".", DIR_FLAGS, Mode::empty()).map_err(error)?;
        let mut buffer = Vec::with_capacity(32 << 10);
        let mut entries = RawDir::new(handle, buffer.spare_capacity_mut());
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let name = entry.map_err(error)?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// Whether the folder has an entry of this name, of any kind.
    pub fn contains(&self, name: &str) -> DiskResult<bool> {
        match rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(DiskError::new("look at", self.path_of(name), error)),
        }
    }

    /// Reads a small file whole; one of more than `bytes_max` bytes is an error.
    pub fn read(&self, name: &str, bytes_max: u64) -> DiskResult<Vec<u8>> {
        let error = |error: std::io::Error| DiskError::new("read", self.path_of(name), error);
        let file = self.open_file(name, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let mut bytes = Vec::new();
        file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(error)?;
        if bytes.len() as u64 > bytes_max {
            return Err(error(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is too large")));
        }
        Ok(bytes)
    }

    /// Maps a file of the store into memory. Only for files that are never shortened below what is read.
    pub fn map(&self, name: &str) -> DiskResult<Map> {
        Map::new(&self.open_file(name, OFlags::RDONLY)?, self.path_of(name))
    }

    /// Opens a file for reading, and for writing when `writable`; `create` makes it if there is none.
    pub fn open_store_file(&self, name: &str, writable: bool, create: bool) -> DiskResult<StoreFile> {
        let access = if writable { OFlags::RDWR } else { OFlags::RDONLY };
        let creation = if create { OFlags::CREATE } else { OFlags::empty() };
        Ok(StoreFile::new(self.open_file(name, access | creation)?, self.path_of(name)))
    }

    /// A new file with a name of its own in this folder, removed again unless it is published.
    pub fn temp_file(&self) -> DiskResult<TempFile> {
        TempFile::create(self)
    }

    /// Writes a whole file and puts it in place of any that has its name.
    ///
    /// # Durability
    /// On return content and name are durable. After a crash there is the old file or the new one, never a part.
    pub fn publish(&self, tmp: &Dir, name: &str, bytes: &[u8]) -> DiskResult<()> {
        let mut temp = tmp.temp_file()?;
        temp.write(bytes)?;
        temp.sync_data()?;
        temp.publish(self, name)
    }

    /// Removes a file; one that does not exist is no error.
    pub fn remove_file(&self, name: &OsStr) -> DiskResult<()> {
        match rustix::fs::unlinkat(self, name.as_bytes(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(DiskError::new("remove", self.path.join(name), error)),
        }
    }

    /// Makes the folder's names durable: files that were made, renamed or removed.
    pub fn sync(&self) -> DiskResult<()> {
        rustix::fs::fsync(self).map_err(|error| DiskError::new("sync the folder", &self.path, error))
    }

    /// Makes everything written so far on the folder's file system durable, by whomever.
    pub fn sync_filesystem(&self) -> DiskResult<()> {
        rustix::fs::syncfs(self).map_err(|error| DiskError::new("sync the file system of", &self.path, error))
    }

    fn open_file(&self, name: &str, flags: OFlags) -> DiskResult<File> {
        let handle = rustix::fs::openat(self, name, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, FILE_MODE)
            .map_err(|error| DiskError::new("open", self.path_of(name), error))?;
        Ok(File::from(handle))
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}
