//! A remote in a directory: of this disk, a mounted one, or a share. A file for each key. One is created by giving a finished,
//! synced file its name, where none must have it: `RENAME_NOREPLACE` does that on local disks as on shares.

use std::path::Path;

use super::bucket::too_many;
use super::{Bucket, Creation, RemoteError, RemoteResult};
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
        if_there(self.place(key, false).and_then(|(dir, name)| Ok(dir.read(name, bytes_max as u64)?)))
    }

    fn create(&self, key: &str, bytes: &[u8]) -> RemoteResult<Creation> {
        self.write(key, bytes)
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> RemoteResult<()> {
        self.write(key, &bytes).map(drop)
    }

    fn is_there(&self, key: &str, bytes: u64) -> RemoteResult<bool> {
        let found = if_there(self.place(key, false).and_then(|(dir, name)| Ok(dir.open_store_file(name, false, false)?.bytes()?)))?;
        Ok(found == Some(bytes))
    }

    fn list(&self, folder: &str, names_max: usize) -> RemoteResult<Vec<String>> {
        let names = if_there(self.root.open_dir(folder).and_then(|dir| dir.names()).map_err(RemoteError::from))?.unwrap_or_default();
        if names.len() > names_max {
            return Err(too_many(folder));
        }
        // Names that are not UTF-8 are none of ours.
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn remove(&self, key: &str) -> RemoteResult<()> {
        if_there(self.place(key, false).and_then(|(dir, name)| Ok(dir.remove_file(name.as_ref())?))).map(|_| ())
    }
}
