//! Changing the passphrase of an encrypted remote, and showing its recovery code.

use super::agreement::RemoteAccess;
use super::keys::{RemoteSecret, usual_key};
use super::open::{Open, RemoteRow, named, row};
use super::state::Remotes;
use crate::ops::{Host, OpsResult, Workspace};
use crate::remote::{Bucket, MasterKey, Remote, RemoteError, change_key};

/// What came of a change of the key.
#[derive(Clone, Debug)]
pub struct KeyChange {
    /// The remote.
    pub remote: RemoteRow,
    /// Number of the wrapped key that counts now.
    pub number: u64,
}

/// Wraps the master key of a remote under another passphrase. The former one opens nothing any more; what was sealed stays as it is,
/// and so does the recovery code. Who has opened the remote before keeps the key.
///
/// # Errors
/// [`RemoteError::NotEncrypted`]; [`RemoteError::Contended`] when another machine does the same.
///
/// # Durability
/// As the storage promises. After an error the former passphrase still counts, or the new one, or both until it is run again.
pub fn remote_key_change(
    workspace: &Workspace,
    name: Option<&str>,
    access: &RemoteAccess,
    new: &RemoteSecret,
    host: &dyn Host,
) -> OpsResult<KeyChange> {
    let remotes = Remotes::lock(workspace, host)?;
    let (row, key, bucket) = opened(&remotes, name, access)?;
    let RemoteSecret::Passphrase(passphrase) = new else { return Err(RemoteError::KeyNeeded { url: row.url }.into()) };
    let format = Remote::look(&*bucket)?.ok_or(RemoteError::Empty)?;
    if format.key != Some(key.id()) {
        return Err(RemoteError::WrongKey.into());
    }
    let number = change_key(&*bucket, &format, &key, passphrase)?;
    Ok(KeyChange { remote: row, number })
}

/// The recovery code of a remote, and the remote.
///
/// # Errors
/// [`RemoteError::NotEncrypted`]; [`RemoteError::KeyNeeded`].
pub fn remote_recovery_code(
    workspace: &Workspace,
    name: Option<&str>,
    access: &RemoteAccess,
    host: &dyn Host,
) -> OpsResult<(RemoteRow, String)> {
    let remotes = Remotes::lock(workspace, host)?;
    let (row, key, _) = opened(&remotes, name, access)?;
    Ok((row, key.recovery_code()))
}

/// A remote that is encrypted, with its key.
fn opened(remotes: &Remotes, name: Option<&str>, access: &RemoteAccess) -> OpsResult<(RemoteRow, MasterKey, Box<dyn Bucket>)> {
    let name = named(remotes, name)?;
    let state = remotes.get(&name)?;
    let (bucket, repository) = Open::reach(remotes, &name, &state, access)?;
    if !state.encrypted {
        return Err(RemoteError::NotEncrypted.into());
    }
    let key = usual_key(access, &state.url, repository, &*bucket)?;
    Ok((row(&name, &state), key, bucket))
}
