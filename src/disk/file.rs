//! Files of the store that are written: published ones that grow at their end, and temporary ones.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{OFlags, RenameFlags};
use rustix::io::Errno;

use super::dir::FILE_MODE;
use super::{Dir, DiskError, DiskResult, Map};

/// An open file of the store.
#[derive(Debug)]
pub struct StoreFile {
    file: File,
    path: PathBuf,
}

impl StoreFile {
    pub(super) fn new(file: File, path: PathBuf) -> Self {
        Self { file, path }
    }

    /// The file's length in bytes.
    pub fn bytes(&self) -> DiskResult<u64> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(|error| self.error("look at", error))
    }

    /// Reads exactly `buffer.len()` bytes at an offset.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> DiskResult<()> {
        self.file.read_exact_at(buffer, offset).map_err(|error| self.error("read", error))
    }

    /// Writes all bytes at an offset.
    ///
    /// # Durability
    /// None before [`StoreFile::sync_data`]. After an error the file holds any part of the bytes.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> DiskResult<()> {
        self.file.write_all_at(bytes, offset).map_err(|error| self.error("write", error))
    }

    /// Makes all that was written, and the file's length, durable.
    pub fn sync_data(&self) -> DiskResult<()> {
        self.file.sync_data().map_err(|error| self.error("sync", error))
    }

    /// Cuts the file at a length.
    pub fn truncate(&self, bytes: u64) -> DiskResult<()> {
        self.file.set_len(bytes).map_err(|error| self.error("shorten", error))
    }

    /// Maps the file as long as it is now.
    pub fn map(&self) -> DiskResult<Map> {
        Map::new(&self.file, self.path.clone())
    }

    fn error(&self, action: &'static str, error: std::io::Error) -> DiskError {
        DiskError::new(action, &self.path, error)
    }
}

/// A file that is being written. It is removed when it is dropped without having been published.
#[derive(Debug)]
pub struct TempFile {
    file: StoreFile,
    dir: Dir,
    name: String,
    bytes: u64,
    published: bool,
}

impl TempFile {
    pub(super) fn create(dir: &Dir) -> DiskResult<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let process = rustix::process::getpid().as_raw_nonzero();
        loop {
            let name = format!("t{process}-{}", COUNTER.fetch_add(1, Ordering::Relaxed));
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            match rustix::fs::openat(dir, &name, flags, FILE_MODE) {
                Ok(handle) => {
                    let file = StoreFile::new(File::from(handle), dir.path_of(&name));
                    return Ok(Self { file, dir: dir.clone(), name, bytes: 0, published: false });
                }
                // Left by a process of the same number that was killed.
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(DiskError::new("make", dir.path_of(&name), error)),
            }
        }
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes at the end.
    pub fn write(&mut self, bytes: &[u8]) -> DiskResult<()> {
        self.file.write_at(bytes, self.bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes the content durable; the name is not, before [`TempFile::publish`].
    pub fn sync_data(&self) -> DiskResult<()> {
        self.file.sync_data()
    }

    /// Gives the file its name in a folder of the same file system, in place of any that has it.
    ///
    /// # Durability
    /// On return the name is durable. The content is, when [`TempFile::sync_data`] came before.
    pub fn publish(mut self, dir: &Dir, name: &str) -> DiskResult<()> {
        self.rename(dir, name, RenameFlags::empty())?;
        dir.sync()
    }

    /// Gives the file its name in a folder of the same file system, where none must have it.
    ///
    /// # Durability
    /// As [`TempFile::publish`].
    pub fn publish_new(mut self, dir: &Dir, name: &str) -> DiskResult<()> {
        self.rename(dir, name, RenameFlags::NOREPLACE)?;
        dir.sync()
    }

    fn rename(&mut self, dir: &Dir, name: &str, flags: RenameFlags) -> DiskResult<()> {
        let renamed = if flags.is_empty() {
            rustix::fs::renameat(&self.dir, &self.name, dir, name)
        } else {
            rustix::fs::renameat_with(&self.dir, &self.name, dir, name, flags)
        };
        renamed.map_err(|error| DiskError::new("publish", dir.path_of(name), error))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.published {
            // A file that stays is swept at the next start.
            let _ = self.dir.remove_file(self.name.as_ref());
        }
    }
}
