//! When an equal `stat` proves an equal content.
//!
//! It does not, when the content may still change without the times moving. A page of a shared memory map moves them only when
//! it is first written after the kernel last wrote it back, so a file can change for half a minute after its ctime. And times
//! are as coarse as the kernel's clock tick. So only a ctime that was old enough before the file was read counts, on file
//! systems that keep such times. `tmpfs` never writes pages back; network file systems and FUSE cache what they are told; FAT
//! knows no ctime. There, files are read every time.

use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FileType, Stat};

use crate::format::stat_cache::StatKey;
use crate::format::tree::MODE_MASK;

/// ext2 to ext4, XFS, Btrfs, ZFS, F2FS, bcachefs, and the read-only SquashFS and EROFS: numbers from Linux's `magic.h` and
/// from the file systems' own sources.
const RELIABLE: [u64; 8] = [0xef53, 0x5846_5342, 0x9123_683e, 0x2fc1_2fc1, 0xf2f5_2010, 0xca45_1a4e, 0x7371_7368, 0xe0f5_e1e2];
const OVERLAY: u64 = 0x794c_7630;

const NS_PER_SECOND: i64 = 1_000_000_000;
const NS_PER_MS: i64 = 1_000_000;

impl StatKey {
    /// What `stat` says, without what does not matter here.
    pub fn of(stat: &Stat) -> Self {
        Self {
            mode: stat.st_mode as u16 & MODE_MASK,
            bytes: stat.st_size as u64,
            mtime_ns: time_ns(stat.st_mtime, stat.st_mtime_nsec as i64),
            ctime_ns: time_ns(stat.st_ctime, stat.st_ctime_nsec as i64),
            inode: stat.st_ino,
            device: stat.st_dev,
        }
    }
}

/// Times beyond the years 1678 and 2262 become the nearest time within.
fn time_ns(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(NS_PER_SECOND).saturating_add(nanoseconds)
}

/// The kind of a file.
pub(super) fn kind_of(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// How old a ctime must be to be relied on.
#[derive(Clone, Copy, Debug)]
pub(super) struct AgeRule {
    /// A time before the first look at anything.
    now_ns: i64,
    age_ns: i64,
}

impl AgeRule {
    pub(super) fn new(now_ns: i64, age_ms: i64) -> Self {
        Self { now_ns, age_ns: age_ms.saturating_mul(NS_PER_MS) }
    }

    fn is_old_enough(self, key: &StatKey) -> bool {
        key.ctime_ns <= self.now_ns.saturating_sub(self.age_ns) && key.mtime_ns <= self.now_ns
    }
}

/// How far a file system's times can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reliance {
    Never,
    /// For what is on the same device as its directory. Another device is a mount point of unknown kind.
    SameDevice,
    /// For everything: the layers of an overlay may have devices of their own.
    AnyDevice,
}

/// Whether files in one directory can be relied on.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirTrust {
    reliance: Reliance,
    device: u64,
    age: AgeRule,
}

impl DirTrust {
    /// Trusts nothing.
    pub(super) fn never(age: AgeRule) -> Self {
        Self { reliance: Reliance::Never, device: 0, age }
    }

    /// Whether an equal key will prove an equal content, when this key was taken before the content was read.
    pub(super) fn trusts(&self, key: &StatKey) -> bool {
        let relied_on = match self.reliance {
            Reliance::Never => false,
            Reliance::SameDevice => key.device == self.device,
            Reliance::AnyDevice => true,
        };
        relied_on && self.age.is_old_enough(key)
    }
}

/// The file systems that a scan has come across.
#[derive(Debug)]
pub(super) struct FileSystems {
    known: Mutex<Vec<(u64, Reliance)>>,
    age: AgeRule,
}

impl FileSystems {
    pub(super) fn new(age: AgeRule) -> Self {
        Self { known: Mutex::new(Vec::new()), age }
    }

    /// The trust in a directory on a device; the handle is asked when the device is new.
    pub(super) fn trust(&self, device: u64, directory: impl AsFd) -> DirTrust {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let reliance = match known.iter().find(|(other, _)| *other == device) {
            Some((_, reliance)) => *reliance,
            None => {
                let (found, reliance) = reliance_on(directory);
                // When something else was put in the directory's place, nothing is known about the device.
                if found != Some(device) {
                    return DirTrust::never(self.age);
                }
                known.push((device, reliance));
                reliance
            }
        };
        DirTrust { reliance, device, age: self.age }
    }
}

fn reliance_on(directory: impl AsFd) -> (Option<u64>, Reliance) {
    let device = rustix::fs::fstat(&directory).ok().map(|stat| stat.st_dev);
    let reliance = match rustix::fs::fstatfs(directory).map(|stat| stat.f_type as u64) {
        Ok(OVERLAY) => Reliance::AnyDevice,
        Ok(number) if RELIABLE.contains(&number) => Reliance::SameDevice,
        _ => Reliance::Never,
    };
    (device, reliance)
}
