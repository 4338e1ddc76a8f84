//! Going through all that lies in and below a folder of the history, while other commands make and remove things there.

use std::fs::{DirEntry, FileType};
use std::path::Path;

use super::OpsResult;
use crate::disk::DiskError;

/// Calls `visit` for everything in and below a folder that is no folder itself. Links are not followed; what is gone by now is passed over.
pub fn files_below(folder: &Path, visit: &mut dyn FnMut(&DirEntry, FileType) -> OpsResult<()>) -> OpsResult<()> {
    let mut pending = vec![folder.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(DiskError::new("list", &folder, error).into()),
        };
        for entry in entries {
            let entry = entry.map_err(|error| DiskError::new("list", &folder, error))?;
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => pending.push(entry.path()),
                Ok(kind) => visit(&entry, kind)?,
                Err(_) => {}
            }
        }
    }
    Ok(())
}
