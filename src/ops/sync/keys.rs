//! Keys of encrypted remotes: made, opened with what the user knows, and kept on this machine outside of every workspace, readable by
//! their owner alone. A kept key opens without a request and without deriving anything.

use super::agreement::RemoteAccess;
use crate::disk::{Dir, DiskError, RootOf};
use crate::format::remote::{RemoteFormat, RepositoryId};
use crate::ops::{OpsError, OpsResult};
use crate::remote::{Bucket, MasterKey, Passphrase, Remote, RemoteError, key_below, unlock};

const FOLDER: &str = "keys";
const KEPT_BYTES_MAX: u64 = 1024;

/// What opens an encrypted remote.
#[derive(Clone, Debug)]
pub enum RemoteSecret {
    /// A passphrase, or what is in a key file.
    Passphrase(Passphrase),
    /// The master key.
    Master(MasterKey),
}

impl RemoteSecret {
    /// A passphrase, or the bytes of a key file; a newline at the end does not belong to it.
    pub fn passphrase(bytes: Vec<u8>) -> Self {
        Self::Passphrase(Passphrase::new(bytes))
    }

    /// A recovery code as it was printed.
    ///
    /// # Errors
    /// [`RemoteError::RecoveryCode`] for a mistyped one.
    pub fn recovery_code(code: &str) -> OpsResult<Self> {
        Ok(Self::Master(MasterKey::from_recovery_code(code)?))
    }

    /// Whether it is an empty passphrase.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Passphrase(passphrase) if passphrase.is_empty())
    }
}

/// The key of a history that is there: opened with what the user knows, else as it is kept on this machine.
///
/// # Errors
/// [`RemoteError::KeyNeeded`]; [`RemoteError::WrongKey`].
pub(super) fn key_of(access: &RemoteAccess, url: &str, repository: RepositoryId, bucket: &dyn Bucket) -> OpsResult<MasterKey> {
    let look = || -> OpsResult<RemoteFormat> {
        let format = Remote::look(bucket)?.ok_or(RemoteError::Empty)?;
        let expected = repository;
        if format.repository == expected {
            Ok(format)
        } else {
            Err(RemoteError::OtherRepository { expected, found: format.repository }.into())
        }
    };
    match &access.secret {
        Some(RemoteSecret::Passphrase(passphrase)) => Ok(unlock(bucket, &look()?, passphrase)?),
        Some(RemoteSecret::Master(key)) if look()?.key == Some(key.id()) => Ok(key.clone()),
        Some(RemoteSecret::Master(_)) => Err(RemoteError::WrongKey.into()),
        None => kept(access, repository)?.ok_or_else(|| RemoteError::KeyNeeded { url: url.to_owned() }.into()),
    }
}

/// The key of a remote that is used again and again: as it is kept on this machine, which takes no request and derives nothing, else
/// opened with what the user knows. A secret whose key is to be kept is one that the user wants to have tried.
///
/// # Errors
/// As [`key_of`].
pub(super) fn usual_key(access: &RemoteAccess, url: &str, repository: RepositoryId, bucket: &dyn Bucket) -> OpsResult<MasterKey> {
    let kept = if access.keeps_key { None } else { kept(access, repository).unwrap_or_default() };
    kept.map_or_else(|| key_of(access, url, repository, bucket), Ok)
}

/// A new key for a new history, which lies there before the history begins.
pub(super) fn new_key(access: &RemoteAccess, url: &str, format: RemoteFormat, bucket: &dyn Bucket) -> OpsResult<(RemoteFormat, MasterKey)> {
    match &access.secret {
        Some(RemoteSecret::Passphrase(passphrase)) if !passphrase.is_empty() => Ok(key_below(bucket, format, passphrase)?),
        Some(RemoteSecret::Master(_)) => Err(RemoteError::Empty.into()),
        _ => Err(RemoteError::NoPassphrase { url: url.to_owned() }.into()),
    }
}

/// Keeps a key on this machine.
///
/// # Durability
/// Durable on return.
pub(super) fn keep(access: &RemoteAccess, repository: RepositoryId, key: &MasterKey) -> OpsResult<()> {
    let Some(folder) = &access.state_folder else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| DiskError::new("make the folder", folder, error))?;
    let state = Dir::open(folder, RootOf::UserPath)?;
    let dir = state.make_dir(FOLDER)?;
    dir.publish(&dir, &repository.to_string(), format!("{}\n", key.recovery_code()).as_bytes())?;
    Ok(state.sync()?)
}

fn kept(access: &RemoteAccess, repository: RepositoryId) -> OpsResult<Option<MasterKey>> {
    let Some(folder) = &access.state_folder else { return Ok(None) };
    let name = repository.to_string();
    let dir = Dir::open(folder, RootOf::UserPath).and_then(|state| state.open_dir(FOLDER));
    let bytes = match dir.and_then(|dir| dir.read(&name, KEPT_BYTES_MAX)) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    let unusable = || OpsError::Settings { path: folder.join(FOLDER).join(&name), why: "it is not a key".to_owned() };
    MasterKey::from_recovery_code(&String::from_utf8_lossy(&bytes)).map(Some).map_err(|_| unusable())
}
