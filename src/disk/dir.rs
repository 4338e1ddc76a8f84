//! Folders by handle.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::system::Handle;
use super::{DiskError, DiskResult, Map, StoreFile, TempFile};

/// An open folder of the store. Cheap to clone: all clones share the handle.
#[derive(Clone, Debug)]
pub struct Dir {
    pub(super) handle: Arc<Handle>,
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
        let flags = if root_of == RootOf::Workspace { OFlags::NOFOLLOW } else { OFlags::empty() };
        let handle = Handle::open_path(path, flags).map_err(|error| DiskError::new("open the folder", path, error))?;
        Ok(Self::new(handle, path.to_path_buf()))
    }

    pub(super) fn new(handle: Handle, path: PathBuf) -> Self {
        Self { handle: Arc::new(handle), path }
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
        let handle = self.handle.open_dir(name).map_err(|error| DiskError::new("open the folder", self.path_of(name), error))?;
        Ok(Self::new(handle, self.path_of(name)))
    }

    /// Makes a folder in this one if there is none, and opens it.
    ///
    /// # Durability
    /// A folder that was made is durable after the next [`Dir::sync`] of this one.
    pub fn make_dir(&self, name: &str) -> DiskResult<Self> {
        match self.handle.make_dir(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(DiskError::new("make the folder", self.path_of(name), error)),
            _ => self.open_dir(name),
        }
    }

    /// Names in the folder, in no order.
    pub fn names(&self) -> DiskResult<Vec<OsString>> {
        self.handle.names().map_err(|error| DiskError::new("list the folder", &self.path, error))
    }

    /// Whether the folder has an entry of this name, of any kind.
    pub fn contains(&self, name: &str) -> DiskResult<bool> {
        self.handle.contains(name).map_err(|error| DiskError::new("look at", self.path_of(name), error))
    }

    /// Reads a small file whole; one of more than `bytes_max` bytes is an error.
    pub fn read(&self, name: &str, bytes_max: u64) -> DiskResult<Vec<u8>> {
        let error = |error: io::Error| DiskError::new("read", self.path_of(name), error);
        let bytes = self.open_file(name, OFlags::RDONLY | OFlags::NONBLOCK)?.read_up_to(bytes_max + 1).map_err(error)?;
        if bytes.len() as u64 > bytes_max {
            return Err(error(io::Error::new(io::ErrorKind::InvalidData, "it is too large")));
        }
        Ok(bytes)
    }

    /// Maps a file of the store into memory. Only for files that are never shortened below what is read.
    pub fn map(&self, name: &str) -> DiskResult<Map> {
        self.open_store_file(name, false, false)?.map()
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
        match self.handle.unlink(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DiskError::new("remove", self.path.join(name), error)),
            _ => Ok(()),
        }
    }

    /// Makes the folder's names durable: files that were made, renamed or removed.
    pub fn sync(&self) -> DiskResult<()> {
        self.handle.sync().map_err(|error| DiskError::new("sync the folder", &self.path, error))
    }

    /// Makes everything written so far on the folder's file system durable, by whomever.
    pub fn sync_filesystem(&self) -> DiskResult<()> {
        self.handle.sync_filesystem().map_err(|error| DiskError::new("sync the file system of", &self.path, error))
    }

    pub(super) fn open_file(&self, name: &str, flags: OFlags) -> DiskResult<Handle> {
        self.handle.open_file(name, flags).map_err(|error| DiskError::new("open", self.path_of(name), error))
    }

    /// Random bytes that set one file apart from others. Should the system have none to give, zeros do no harm.
    pub fn nonce(&self) -> [u8; 8] {
        let mut nonce = [0; 8];
        self.handle.random(&mut nonce);
        nonce
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path(), RootOf::UserPath).unwrap();
        (folder, dir)
    }

    #[test]
    fn what_cannot_be_done_is_told_with_its_name() {
        let (folder, dir) = opened();
        let long = "x".repeat(300);
        let error = dir.make_dir(&long).unwrap_err();
        assert_eq!((error.action, error.path), ("make the folder", folder.path().join(&long)));
        dir.make_dir("folder").unwrap();
        let error = dir.remove_file("folder".as_ref()).unwrap_err();
        assert_eq!((error.action, error.path), ("remove", folder.path().join("folder")));
        assert!(dir.contains("folder").unwrap());
        dir.remove_file("absent".as_ref()).unwrap();
    }

    #[test]
    fn a_file_of_more_bytes_than_may_be_read_is_refused() {
        let (folder, dir) = opened();
        std::fs::write(folder.path().join("f"), b"four").unwrap();
        assert_eq!(dir.read("f", 4).unwrap(), b"four");
        assert!(dir.read("f", 3).unwrap_err().is_too_large());
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
        let (folder, dir) = opened();
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("pipe"), rustix::fs::Mode::RWXU).unwrap();
        let (answer, answered) = std::sync::mpsc::channel();
        std::thread::spawn(move || answer.send(dir.read("pipe", 10)));
        let read = answered.recv_timeout(std::time::Duration::from_secs(20)).expect("an answer");
        assert_eq!(read.unwrap(), b"");
    }
}
