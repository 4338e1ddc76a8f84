//! Which remotes the user of this machine has agreed to. Kept outside of every workspace: a `.lua` folder that came with somebody
//! else's files must not make this machine talk to a place of their choice.

use std::path::Path;

use crate::disk::{Dir, DiskError, RootOf};
use crate::ops::{OpsError, OpsResult};
use crate::remote::Environment;

const FILE: &str = "remotes-agreed";
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What is needed to reach remotes, from the surroundings of the program.
#[derive(Clone, Debug, Default)]
pub struct RemoteAccess {
    /// Variables with credentials and settings of the providers.
    pub environment: Environment,
    /// The folder of this user on this machine in which agreements are kept; without one nothing is agreed to beforehand.
    pub state_folder: Option<std::path::PathBuf>,
    /// The user agrees now to what is contacted.
    pub agrees: bool,
}

/// Refuses a remote that the user has not agreed to on this machine. One that he agrees to now is kept.
pub fn require(access: &RemoteAccess, url: &str, repository: &str) -> OpsResult<()> {
    if access.agrees {
        return agree(access, url, repository);
    }
    let line = line_of(url, repository);
    let is_agreed = match &access.state_folder {
        Some(folder) => read(folder)?.lines().any(|known| known == line),
        None => false,
    };
    if is_agreed { Ok(()) } else { Err(OpsError::RemoteNotAgreed { url: url.to_owned() }) }
}

/// Keeps that the user agrees to a remote.
///
/// # Durability
/// Durable on return.
pub fn agree(access: &RemoteAccess, url: &str, repository: &str) -> OpsResult<()> {
    let Some(folder) = &access.state_folder else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| DiskError::new("make the folder", folder, error))?;
    let (mut known, line) = (read(folder)?, line_of(url, repository));
    if known.lines().any(|known| known == line) {
        return Ok(());
    }
    known.push_str(&line);
    known.push('\n');
    let dir = Dir::open(folder, RootOf::UserPath)?;
    Ok(dir.publish(&dir, FILE, known.as_bytes())?)
}

fn read(folder: &Path) -> OpsResult<String> {
    let dir = match Dir::open(folder, RootOf::UserPath) {
        Err(error) if error.is_not_found() => return Ok(String::new()),
        other => other?,
    };
    match dir.read(FILE, FILE_BYTES_MAX) {
        Err(error) if error.is_not_found() => Ok(String::new()),
        other => Ok(String::from_utf8_lossy(&other?).into_owned()),
    }
}

fn line_of(url: &str, repository: &str) -> String {
    blake3::hash(format!("{url}\n{repository}").as_bytes()).to_hex().to_string()
}
