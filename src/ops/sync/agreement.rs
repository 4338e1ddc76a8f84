//! Which remotes the user of this machine has agreed to. Kept outside of every workspace: a `.lua` folder that came with somebody
//! else's files must not make this machine talk to a place of their choice.

use std::path::Path;

use super::state::RemoteState;
use crate::disk::{Dir, DiskError, RootOf};
use crate::ops::{OpsError, OpsResult};
use crate::remote::{Environment, Pace};

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
    /// What opens an encrypted remote whose key this machine does not keep.
    pub secret: Option<super::RemoteSecret>,
    /// How fast versions may be sent and fetched.
    pub pace: Option<Pace>,
    /// A key that is opened with it is kept on this machine, and it goes before one that was kept.
    pub keeps_key: bool,
}

/// Refuses a remote that the user has not agreed to on this machine. One that he agrees to now is kept.
pub fn require(access: &RemoteAccess, state: &RemoteState) -> OpsResult<()> {
    if access.agrees {
        return agree(access, state);
    }
    let line = line_of(state);
    let is_agreed = match &access.state_folder {
        Some(folder) => read(folder)?.lines().any(|known| known == line),
        None => false,
    };
    if is_agreed { Ok(()) } else { Err(OpsError::RemoteNotAgreed { url: state.url.clone() }) }
}

/// Keeps that the user agrees to a remote.
///
/// # Durability
/// Durable on return.
pub fn agree(access: &RemoteAccess, state: &RemoteState) -> OpsResult<()> {
    let Some(folder) = &access.state_folder else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| DiskError::new("make the folder", folder, error))?;
    let (mut known, line) = (read(folder)?, line_of(state));
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

fn line_of(state: &RemoteState) -> String {
    // Who agreed to send sealed has not agreed to send the same in plain.
    let sealed = if state.encrypted { "\nencrypted" } else { "" };
    blake3::hash(format!("{}\n{}{sealed}", state.url, state.repository).as_bytes()).to_hex().to_string()
}
