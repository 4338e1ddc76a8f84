//! Files of the store that are written: published ones that grow at their end, and temporary ones.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::{AtFlags, OFlags, RenameFlags};
use rustix::io::Errno;

use super::dir::FILE_MODE;
use super::{Dir, DiskError, DiskResult, Map};
use crate::limits::TEMP_AGE_MS_MIN;

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

    /// When it was written last, in milliseconds since 1970-01-01 UTC.
    pub fn written_ms(&self) -> DiskResult<i64> {
        let modified = self.file.metadata().and_then(|metadata| metadata.modified()).map_err(|error| self.error("look at", error))?;
        let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Makes the present the time of the last write.
    pub fn touch(&self) -> DiskResult<()> {
        self.file.set_modified(std::time::SystemTime::now()).map_err(|error| self.error("touch", error))
    }

    /// Time since the last write; none when the clock says otherwise.
    fn age(&self) -> Duration {
        self.file.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default()
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
                    let file = File::from(handle);
                    // Tells `sweep` that somebody is at work on it.
                    file.try_lock_shared().map_err(|error| DiskError::new("lock", dir.path_of(&name), std::io::Error::from(error)))?;
                    let file = StoreFile::new(file, dir.path_of(&name));
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

    /// Maps the file as long as it is now.
    pub fn map(&self) -> DiskResult<Map> {
        self.file.map()
    }

    /// Gives the file its name in a folder of the same file system, in place of any that has it.
    ///
    /// # Durability
    /// On return the name is durable. The content is, when [`TempFile::sync_data`] came before.
    pub fn publish(mut self, dir: &Dir, name: &str) -> DiskResult<()> {
        let renamed = rustix::fs::renameat(&self.dir, &self.name, dir, name);
        renamed.map_err(|error| DiskError::new("publish", dir.path_of(name), error))?;
        self.published = true;
        dir.sync()
    }

    /// Gives the file its name in a folder of the same file system, where none must have it. On NFS and others that know no such
    /// rename the file gets a second name, and loses the first.
    ///
    /// # Durability
    /// As [`TempFile::publish`].
    pub fn publish_new(mut self, dir: &Dir, name: &str) -> DiskResult<()> {
        match rustix::fs::renameat_with(&self.dir, &self.name, dir, name, RenameFlags::NOREPLACE) {
            Ok(()) => self.published = true,
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => self.link(dir, name)?,
            Err(error) => return Err(DiskError::new("publish", dir.path_of(name), error)),
        }
        dir.sync()
    }

    /// Gives the file another name, where none must have it. The first one goes with this.
    fn link(&self, dir: &Dir, name: &str) -> DiskResult<()> {
        let linked = rustix::fs::linkat(&self.dir, &self.name, dir, name, AtFlags::empty());
        linked.map_err(|error| DiskError::new("publish", dir.path_of(name), error))
    }

    /// Removes the temporary files in a folder that no process is writing any more.
    pub fn sweep(dir: &Dir) -> DiskResult<()> {
        for name in dir.names()? {
            let Some(name) = name.to_str().filter(|name| is_temp_name(name)) else { continue };
            let is_abandoned = match dir.open_store_file(name, false, false) {
                Ok(file) => file.file.try_lock().is_ok() && file.age() >= Duration::from_millis(TEMP_AGE_MS_MIN),
                Err(error) if error.is_not_found() => false,
                Err(error) => return Err(error),
            };
            if is_abandoned {
                dir.remove_file(name.as_ref())?;
            }
        }
        Ok(())
    }
}

/// Names that [`TempFile::create`] gives, and those of drafts of the version log with SQLite's companions.
fn is_temp_name(name: &str) -> bool {
    let is_numbers = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    name.strip_prefix('t').is_some_and(is_numbers)
        || name.strip_prefix("index-").and_then(|rest| rest.split(".db").next()).is_some_and(is_numbers)
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.published {
            // A file that stays is swept at the next start.
            let _ = self.dir.remove_file(self.name.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RootOf;
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_given_to_nobody_else_by_links_either() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path(), RootOf::UserPath).unwrap();
        let write = |bytes: &[u8]| {
            let mut file = dir.temp_file().unwrap();
            file.write(bytes).unwrap();
            file
        };
        write(b"first").link(&dir, "name").unwrap();
        assert!(write(b"second").link(&dir, "name").unwrap_err().is_already_exists());
        assert!(write(b"third").publish_new(&dir, "name").unwrap_err().is_already_exists());
        assert_eq!(dir.read("name", 10).unwrap(), b"first");
        assert_eq!(dir.names().unwrap(), ["name"], "no temporary name is left");
    }
}
