//! The files of the index in a folder: their names, and what may stand under these names before SQLite opens any.
//!
//! Nothing here opens the database file itself. A process that closes any handle of a file loses all its locks on that
//! file, so a look at the file through a handle of our own would take the locks of another connection in this process.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use super::error::LogError;
use crate::disk::{Dir, DiskError};

/// Name under which a rebuild keeps the index that it replaces.
pub(super) const NAME_KEPT: &str = "index.db.damaged";

/// Endings of the files that SQLite puts beside a database: write-ahead log, its shared memory, rollback journal.
const WAL: &str = "-wal";
const SHARED_MEMORY: &str = "-shm";
const JOURNAL: &str = "-journal";

/// A database file in a folder, there or not.
#[derive(Clone, Debug)]
pub(super) struct Place {
    dir: Dir,
    name: String,
}

impl Place {
    /// The database of this name in a folder.
    pub fn new(dir: &Dir, name: impl Into<String>) -> Self {
        Self { dir: dir.clone(), name: name.into() }
    }

    /// The path to give to SQLite, which takes no handles: without links, so that SQLite can be told to follow none.
    pub fn path(&self) -> Result<PathBuf, LogError> {
        // What the handle stands for now, even when the folder was renamed since it was opened.
        let by_handle = std::fs::read_link(format!("/proc/self/fd/{}", self.dir.as_fd().as_raw_fd()));
        let folder = by_handle.or_else(|_| std::fs::canonicalize(self.dir.path()));
        let folder = folder.map_err(|error| DiskError::new("find the path of", self.dir.path(), error))?;
        Ok(folder.join(&self.name))
    }

    /// Checks that the database is a regular file and that nothing beside it can lead SQLite astray.
    ///
    /// # Errors
    /// [`LogError::NotFound`], [`LogError::NotRegular`], and [`LogError::Damaged`] when there is a rollback journal.
    pub fn check(&self) -> Result<(), LogError> {
        match self.kind("")? {
            None => return Err(LogError::NotFound),
            Some(FileType::RegularFile) => (),
            Some(_) => return Err(LogError::NotRegular { name: self.name.clone() }),
        }
        for ending in [WAL, SHARED_MEMORY] {
            if self.kind(ending)?.is_some_and(|kind| kind != FileType::RegularFile) {
                return Err(LogError::NotRegular { name: format!("{}{ending}", self.name) });
            }
        }
        // An index never has a rollback journal. SQLite would play a prepared one back and then delete whatever file it
        // names as its super-journal, anywhere.
        if self.kind(JOURNAL)?.is_some() {
            return Err(LogError::damaged("a rollback journal lies beside it"));
        }
        Ok(())
    }

    /// Makes the database file, empty and for its owner alone; SQLite gives the files beside it the same mode.
    pub fn make(&self) -> Result<(), LogError> {
        // Makes a regular file without opening it.
        match rustix::fs::mknodat(&self.dir, &self.name, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(LogError::AlreadyExists),
            Err(error) => Err(DiskError::new("make", self.dir.path_of(&self.name), error).into()),
        }
    }

    /// Removes what SQLite put beside the database. Only when no connection to *this* database is left to use it.
    pub fn remove_companions(&self) -> Result<(), LogError> {
        for ending in [WAL, SHARED_MEMORY, JOURNAL] {
            self.dir.remove_file(OsStr::new(&format!("{}{ending}", self.name)))?;
        }
        Ok(())
    }

    /// Removes the database and what is beside it.
    pub fn remove(&self) -> Result<(), LogError> {
        self.dir.remove_file(OsStr::new(&self.name))?;
        self.remove_companions()
    }

    /// Gives the database file another name, in place of any file that has it. A database that is not there is no error.
    ///
    /// # Durability
    /// After the next sync of the folder that the file is moved to.
    pub fn rename_to(&self, target: &Place) -> Result<(), LogError> {
        match rustix::fs::renameat(&self.dir, &self.name, &target.dir, &target.name) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(DiskError::new("rename", self.dir.path_of(&self.name), error).into()),
        }
    }

    /// Makes the database file durable. Only when this process has no connection to it.
    pub fn sync_data(&self) -> Result<(), LogError> {
        Ok(self.dir.open_store_file(&self.name, true, false)?.sync_data()?)
    }

    /// Length of the write-ahead log in bytes; 0 when there is none.
    pub fn wal_bytes(&self) -> u64 {
        let stat = rustix::fs::statat(&self.dir, format!("{}{WAL}", self.name), AtFlags::SYMLINK_NOFOLLOW);
        stat.map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0))
    }

    fn kind(&self, ending: &str) -> Result<Option<FileType>, LogError> {
        let name = format!("{}{ending}", self.name);
        match rustix::fs::statat(&self.dir, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(DiskError::new("look at", self.dir.path_of(&name), error).into()),
        }
    }
}
