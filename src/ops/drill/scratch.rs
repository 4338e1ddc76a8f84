//! Folders into which versions are brought back for a drill. Each is locked while it is in use, so that those which a killed drill
//! left can be told and removed.

use rustix::fs::FlockOperation;

use crate::disk::{Dir, DiskError, DiskResult};
use crate::format::record::VersionNumber;
use crate::workspace::checkout::Stage;

/// How the names of such folders begin.
const PREFIX: &str = "drill-";

/// Such a folder.
pub struct Scratch(Stage);

impl Scratch {
    /// Makes one. What is in it may be read by its owner alone.
    pub fn make(parent: &Dir, version: VersionNumber) -> DiskResult<Self> {
        let mut chance = [0; 8];
        let _ = rustix::rand::getrandom(&mut chance[..], rustix::rand::GetRandomFlags::NONBLOCK);
        let stage = Stage::open(parent, &format!("{PREFIX}{}-{:016x}", version.0, u64::from_le_bytes(chance)))?;
        let locked = rustix::fs::flock(stage.folder(), FlockOperation::NonBlockingLockExclusive);
        locked.map_err(|error| DiskError::new("lock", stage.folder().path(), error))?;
        Ok(Self(stage))
    }

    /// The folder.
    pub fn folder(&self) -> &Dir {
        self.0.folder()
    }

    /// Removes it with all that is in it.
    pub fn remove(&self) -> DiskResult<()> {
        self.0.discard()
    }

    /// Removes those that nobody uses any more.
    pub fn sweep(parent: &Dir) -> DiskResult<()> {
        for name in parent.names()? {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            let Ok(stage) = Stage::open(parent, name) else { continue };
            if rustix::fs::flock(stage.folder(), FlockOperation::NonBlockingLockExclusive).is_ok() {
                stage.discard()?;
            }
        }
        Ok(())
    }
}
