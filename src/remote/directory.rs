//! A remote in a directory: of this disk, a mounted one, or a share. A file for each key. One is created by giving a finished,
//! synced file its name, where none must have it: by `RENAME_NOREPLACE`, or by a hard link on shares that do not know that.

use std::ops::Range;
use std::path::Path;

use super::{Bucket, Creation, RemoteError, RemoteResult, Stored};
use crate::disk::{Dir, DiskError, RootOf};

const TMP: &str = "tmp";

/// A directory with a file for each key.
pub struct Directory {
    root: Dir,
}

impl Directory {
    /// Opens the directory; makes it if `may_create`.
    pub fn open(path: &Path, may_create: bool) -> RemoteResult<Self> {
        if may_create {
            std::fs::create_dir_all(path).map_err(|error| DiskError::new("make the folder", path, error))?;
        }
        match Dir::open(path, RootOf::UserPath) {
            Err(error) if error.is_not_found() => Err(RemoteError::Empty),
            other => Ok(Self { root: other? }),
        }
    }

    /// The folder of a key, and the key's name in it.
    fn place<'k>(&self, key: &'k str, make: bool) -> RemoteResult<(Dir, &'k str)> {
        let Some((folder, name)) = key.split_once('/') else { return Ok((self.root.clone(), key)) };
        if !make {
            return Ok((self.root.open_dir(folder)?, name));
        }
        if let Ok(dir) = self.root.open_dir(folder) {
            return Ok((dir, name));
        }
        let dir = self.root.make_dir(folder)?;
        self.root.sync()?;
        Ok((dir, name))
    }

    fn write(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        let (dir, name) = self.place(key, true)?;
        if dir.contains(name)? {
            return Ok(Creation::Exists);
        }
        let mut file = self.root.make_dir(TMP)?.temp_file()?;
        file.write(bytes)?;
        file.sync_data()?;
        match file.publish_new(&dir, name) {
            Ok(()) => Ok(Creation::Created),
            Err(error) if error.is_already_exists() => Ok(Creation::Exists),
            Err(error) => Err(error.into()),
        }
    }
}

/// What is not there is no error.
fn if_there<T>(result: RemoteResult<T>) -> RemoteResult<Option<T>> {
    match result {
        Err(RemoteError::Disk(error)) if error.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}

impl Bucket for Directory {
    fn get(&self, key: &str, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        match if_there(self.place(key, false).and_then(|(dir, name)| Ok(dir.read(name, bytes_max as u64)?))) {
            Err(RemoteError::Disk(error)) if error.is_too_large() => {
                Err(RemoteError::Damaged { key: key.to_owned(), why: "it is longer than it may be".to_owned() })
            }
            other => other,
        }
    }

    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        self.write(key, bytes)
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()> {
        if self.write(key, &bytes)? == Creation::Created {
            return Ok(());
        }
        match if_there(self.place(key, false).and_then(|(dir, name)| Ok(dir.open_store_file(name, true, false)?.touch()?)))? {
            Some(()) => Ok(()),
            // Removed in between.
            None => self.write(key, &bytes).map(drop),
        }
    }

    fn size(&self, key: &str) -> RemoteResult<Option<u64>> {
        if_there(self.place(key, false).and_then(|(dir, name)| Ok(dir.open_store_file(name, false, false)?.bytes()?)))
    }

    fn remove(&self, key: &str) -> RemoteResult<()> {
        if_there(self.place(key, false).and_then(|(dir, name)| Ok(dir.remove_file(name.as_ref())?))).map(|_| ())
    }

    fn look(&self, key: &str) -> RemoteResult<Option<Stored>> {
        let stored = |(dir, name): (Dir, &str)| {
            let file = dir.open_store_file(name, false, false)?;
            Ok(Stored { name: key.to_owned(), bytes: file.bytes()?, written_ms: file.written_ms()? })
        };
        if_there(self.place(key, false).and_then(stored))
    }

    fn stored(&self, prefix: &str) -> RemoteResult<Vec<Stored>> {
        let Some((folder, start)) = prefix.split_once('/') else { return Ok(Vec::new()) };
        let Some(dir) = if_there(self.root.open_dir(folder).map_err(RemoteError::from))? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for name in dir.names()? {
            let Some(name) = name.to_str().filter(|name| name.starts_with(start)) else { continue };
            // One that another process has removed meanwhile is not there.
            let Some(file) = if_there(dir.open_store_file(name, false, false).map_err(RemoteError::from))? else { continue };
            found.push(Stored { name: format!("{folder}/{name}"), bytes: file.bytes()?, written_ms: file.written_ms()? });
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    fn get_range(&self, key: &str, range: Range<u64>, bytes_max: usize) -> RemoteResult<Option<Vec<u8>>> {
        let read = |(dir, name): (Dir, &str)| {
            let file = dir.open_store_file(name, false, false)?;
            if range.start > range.end || range.end > file.bytes()?.min(bytes_max as u64) {
                return Err(RemoteError::Damaged { key: key.to_owned(), why: "it is shorter than it was".to_owned() });
            }
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.read_at(&mut bytes, range.start)?;
            Ok(bytes)
        };
        if_there(self.place(key, false).and_then(read))
    }

    fn has_ranges(&self) -> bool {
        true
    }
}
