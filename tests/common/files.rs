//! What tests do to files on disk, beyond the standard library.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

/// Sets the permission bits of a file or directory.
pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap_or_else(|error| panic!("chmod {path:?}: {error}"));
}

/// The modification time of a file.
pub fn mtime(path: &Path) -> SystemTime {
    fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).unwrap_or_else(|error| panic!("look at {path:?}: {error}"))
}

/// Sets the modification time of a file or directory.
pub fn set_mtime(path: &Path, time: SystemTime) {
    let set = File::open(path).and_then(|file| file.set_times(FileTimes::new().set_modified(time)));
    set.unwrap_or_else(|error| panic!("set the time of {path:?}: {error}"));
}

/// Removes whatever stands at a path.
pub fn remove(path: &Path) {
    let metadata = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("look at {path:?}: {error}"));
    let removed = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.unwrap_or_else(|error| panic!("remove {path:?}: {error}"));
}

/// Removes whatever stands at a path, however deep it is: the standard library opens a file for each level, `rm` opens few.
pub fn remove_deep(path: &Path) {
    let status = Command::new("rm").arg("-rf").arg("--").arg(path).status();
    assert!(status.is_ok_and(|status| status.success()), "rm -rf {path:?}");
}

/// Copies files, directories and links below a folder into another one, with permission bits and modification times.
pub fn copy_tree(from: &Path, to: &Path) {
    try_copy_tree(from, to).unwrap_or_else(|error| panic!("copy {from:?} to {to:?}: {error}"));
}

fn try_copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, copy, metadata) = (entry.path(), to.join(entry.file_name()), entry.metadata()?);
        if metadata.is_symlink() {
            symlink(fs::read_link(&source)?, &copy)?;
        } else {
            if metadata.is_dir() {
                try_copy_tree(&source, &copy)?;
            } else {
                fs::copy(&source, &copy)?;
            }
            fs::set_permissions(&copy, metadata.permissions())?;
        }
        let modified = Timespec { tv_sec: metadata.mtime(), tv_nsec: metadata.mtime_nsec() };
        let times = Timestamps { last_access: modified, last_modification: modified };
        rustix::fs::utimensat(CWD, &copy, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}
