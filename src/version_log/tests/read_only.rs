//! Reading where nothing can be written.

use std::fs;
use std::process::Command;

use super::helper::{Folder, small_log};
use crate::version_log::{LogError, VersionLog, connection, place::Place};

/// A folder seen through a mount that cannot be written; only root can make one.
struct ReadOnlyMount<'a>(&'a Folder);

impl<'a> ReadOnlyMount<'a> {
    fn new(folder: &'a Folder) -> Option<Self> {
        let path = folder.temp.path();
        let mount =
            |arguments: &[&str]| Command::new("mount").args(arguments).arg(path).output().is_ok_and(|output| output.status.success());
        if !mount(&["--bind", path.to_str()?]) {
            eprintln!("skipped: no right to mount");
            return None;
        }
        let mounted = Self(folder);
        mount(&["-o", "remount,ro,bind"]).then_some(mounted)
    }

    fn dir(&self) -> crate::disk::Dir {
        // Opened anew: the folder's own handle is from before the mount.
        crate::disk::Dir::open(self.0.temp.path(), crate::disk::RootOf::UserPath).unwrap()
    }
}

impl Drop for ReadOnlyMount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.temp.path()).status();
    }
}

#[test]
fn a_read_only_mount_is_read_with_its_write_ahead_log() {
    let records = small_log();
    let folder = Folder::with(&records[..3]);
    folder.write_back();
    folder.open().unwrap().append(&records[3..], super::helper::position(5)).unwrap();
    let Some(mounted) = ReadOnlyMount::new(&folder) else { return };
    let log = VersionLog::open_read_only(&mounted.dir()).unwrap();
    assert_eq!(log.head().unwrap().sequence, 5);
    log.verify().unwrap();
}

#[test]
fn a_read_only_mount_with_the_database_alone_is_read() {
    let records = small_log();
    let folder = Folder::with(&records[..3]);
    folder.write_back();
    fs::remove_file(folder.path("index.db-wal")).unwrap();
    fs::remove_file(folder.path("index.db-shm")).unwrap();
    let Some(mounted) = ReadOnlyMount::new(&folder) else { return };
    let mut log = VersionLog::open_read_only(&mounted.dir()).unwrap();
    assert_eq!(log.head().unwrap().sequence, 3);
    log.verify().unwrap();
    assert!(matches!(log.append(&[], super::helper::position(3)), Err(LogError::ReadOnly(_))));
    assert!(matches!(VersionLog::open(&mounted.dir()), Err(LogError::Io(_) | LogError::ReadOnly(_))));
    assert!(matches!(VersionLog::create(&mounted.dir()), Err(LogError::AlreadyExists)));
}

#[test]
fn the_database_alone_is_read_without_its_write_ahead_log() {
    let records = small_log();
    let folder = Folder::with(&records[..3]);
    folder.write_back();
    folder.open().unwrap().append(&records[3..], super::helper::position(5)).unwrap();
    let before = fs::read(folder.path("index.db-wal")).unwrap();
    let conn = connection::open_immutable(&Place::new(&folder.dir, "index.db")).unwrap();
    assert_eq!(super::super::row::read_head(&conn).unwrap().sequence, 3, "older, and right");
    assert_eq!(fs::read(folder.path("index.db-wal")).unwrap(), before);
}
