//! Files of the store that are written: published ones that grow at their end, and temporary ones.

use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{OFlags, RenameFlags};
use rustix::io::Errno;

use super::system::Handle;
use super::{Dir, DiskError, DiskResult, LockMode, Map};
use crate::limits::{TEMP_AGE_MS_MIN, WRITEBACK_BYTES};

/// An open file of the store.
#[derive(Debug)]
pub struct StoreFile {
    file: Handle,
    path: PathBuf,
}

impl StoreFile {
    pub(super) fn new(file: Handle, path: PathBuf) -> Self {
        Self { file, path }
    }

    /// The file's length in bytes.
    pub fn bytes(&self) -> DiskResult<u64> {
        self.file.bytes().map_err(|error| self.error("look at", error))
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
        self.file.truncate(bytes).map_err(|error| self.error("shorten", error))
    }

    /// Maps the file as long as it is now.
    pub fn map(&self) -> DiskResult<Map> {
        self.file.map().map_err(|error| self.error("map", error))
    }

    /// When it was written last, in milliseconds since 1970-01-01 UTC.
    pub fn written_ms(&self) -> DiskResult<i64> {
        let modified = self.file.written().map_err(|error| self.error("look at", error))?;
        let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Makes the present the time of the last write.
    pub fn touch(&self) -> DiskResult<()> {
        self.file.touch().map_err(|error| self.error("touch", error))
    }

    /// Time since the last write; none when the clock says otherwise.
    fn age(&self) -> Duration {
        self.file.written().ok().and_then(|written| self.file.now().duration_since(written).ok()).unwrap_or_default()
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
    /// How many of them the kernel was asked to write to the disk already.
    begun_bytes: u64,
    published: bool,
}

impl TempFile {
    pub(super) fn create(dir: &Dir) -> DiskResult<Self> {
        loop {
            let (process, number) = dir.handle.own_numbers();
            let name = format!("t{process}-{number}");
            match dir.open_file(&name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL) {
                Ok(handle) => {
                    // Tells `sweep` that somebody is at work on it.
                    handle.try_lock(LockMode::Shared).map_err(|error| DiskError::new("lock", dir.path_of(&name), error))?;
                    let file = StoreFile::new(handle, dir.path_of(&name));
                    return Ok(Self { file, dir: dir.clone(), name, bytes: 0, begun_bytes: 0, published: false });
                }
                // Left by a process of the same number that was killed.
                Err(error) if error.is_already_exists() => continue,
                Err(error) => return Err(error),
            }
        }
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes at the end. Of a long file the disk gets the earlier part meanwhile, so that the sync at its end has less to wait for.
    pub fn write(&mut self, bytes: &[u8]) -> DiskResult<()> {
        self.file.write_at(bytes, self.bytes)?;
        self.bytes += bytes.len() as u64;
        if self.bytes - self.begun_bytes >= WRITEBACK_BYTES {
            self.file.file.begin_writeback(self.begun_bytes, self.bytes - self.begun_bytes);
            self.begun_bytes = self.bytes;
        }
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
        let renamed = self.dir.handle.rename(&self.name, &dir.handle, name, RenameFlags::empty());
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
        const UNKNOWN: [Errno; 3] = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP];
        match self.dir.handle.rename(&self.name, &dir.handle, name, RenameFlags::NOREPLACE) {
            Ok(()) => self.published = true,
            Err(error) if Errno::from_io_error(&error).is_some_and(|code| UNKNOWN.contains(&code)) => self.link(dir, name)?,
            Err(error) => return Err(DiskError::new("publish", dir.path_of(name), error)),
        }
        dir.sync()
    }

    /// Gives the file another name, where none must have it. The first one goes with this.
    fn link(&self, dir: &Dir, name: &str) -> DiskResult<()> {
        let linked = self.dir.handle.link(&self.name, &dir.handle, name);
        linked.map_err(|error| DiskError::new("publish", dir.path_of(name), error))
    }

    /// Removes the temporary files in a folder that no process is writing any more.
    pub fn sweep(dir: &Dir) -> DiskResult<()> {
        for name in dir.names()? {
            let Some(name) = name.to_str().filter(|name| is_temp_name(name)) else { continue };
            let is_abandoned = match dir.open_store_file(name, false, false) {
                Ok(file) => {
                    file.file.try_lock(LockMode::Exclusive).unwrap_or(false) && file.age() >= Duration::from_millis(TEMP_AGE_MS_MIN)
                }
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
    use super::super::simulated::{Faults, Machine, Process, Sabotage};
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

    fn machine() -> (std::sync::Arc<Machine>, Process) {
        let machine = Machine::new(1, Sabotage::None, true);
        machine.begin(1, Faults::default());
        let process = Process::new(&machine, 0);
        (machine, process)
    }

    #[test]
    fn what_is_old_and_has_a_temporary_name_and_no_writer_is_swept() {
        let (machine, process) = machine();
        let dir = process.root();
        let make = |name: &str| drop(dir.open_store_file(name, true, true).unwrap());
        let goes = ["t1-2", "t7", "index-3-4.db", "index-3-4.db-wal"];
        let stays = ["1-2", "index-.db", "index-x.db", "index.db", "t", "t1x", "tail"];
        goes.into_iter().chain(stays).for_each(make);
        let at_work = dir.temp_file().unwrap();
        machine.state().now_ms += TEMP_AGE_MS_MIN;
        make("t8");
        TempFile::sweep(&dir).unwrap();
        let mut left: Vec<String> = dir.names().unwrap().into_iter().map(|name| name.into_string().unwrap()).collect();
        left.retain(|name| *name != at_work.name);
        assert_eq!(left, [&stays[..4], &["t", "t1x", "t8", "tail"]].concat());
        assert!(dir.contains(&at_work.name).unwrap());
    }

    #[test]
    fn what_the_disk_refuses_is_tried_once_and_told() {
        let (machine, process) = machine();
        let dir = process.root();
        let file = dir.temp_file().unwrap();
        machine.state().faults.error = 1;
        assert!(dir.temp_file().is_err());
        assert!(TempFile::sweep(&dir).is_err());
        assert!(file.publish_new(&dir, "name").is_err());
        let tried = |call: &str| machine.told().iter().filter(|line| line.contains(call)).count();
        assert_eq!((tried("rename"), tried("link")), (1, 0));
    }

    #[test]
    fn where_no_rename_refuses_to_replace_a_link_does() {
        let (machine, process) = machine();
        machine.state().knows_noreplace = false;
        let dir = process.root();
        let publish = |bytes: &[u8]| {
            let mut file = dir.temp_file().unwrap();
            file.write(bytes).unwrap();
            file.publish_new(&dir, "name")
        };
        publish(b"first").unwrap();
        assert!(publish(b"second").unwrap_err().is_already_exists());
        assert_eq!(dir.read("name", 10).unwrap(), b"first");
        assert_eq!(dir.names().unwrap(), ["name"], "no temporary name is left");
    }
}
