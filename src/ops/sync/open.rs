//! Reaching a remote that is known.

use std::path::Path;

use super::agreement::{RemoteAccess, require};
use super::state::{RemoteState, Remotes};
use super::{DEFAULT_NAME, keys};
use crate::format::remote::RepositoryId;
use crate::ops::{OpsError, OpsResult};
use crate::remote::{Address, Bucket, Paced, Remote, RemoteError, Seal};

/// A remote of a workspace.
#[derive(Clone, Debug)]
pub struct RemoteRow {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Id of the repository there.
    pub repository: String,
    /// Number of the last entry of its log that was seen.
    pub entry: u64,
    /// Whether the user has said that only one machine writes to it.
    pub single_writer: bool,
    /// Whether pushes are followed by a sync with it.
    pub syncs_after_push: bool,
    /// Whether what lies there is encrypted.
    pub encrypted: bool,
}

pub(super) fn row(name: &str, state: &RemoteState) -> RemoteRow {
    let (url, repository) = (state.url.clone(), state.repository.clone());
    let RemoteState { entry, single_writer, encrypted, syncs_after_push, .. } = *state;
    RemoteRow { name: name.to_owned(), url, repository, entry, single_writer, syncs_after_push, encrypted }
}

/// A remote that can be used.
pub(super) struct Open {
    pub name: String,
    pub state: RemoteState,
    pub remote: Remote,
}

impl Open {
    /// Reaches a remote that is known: the one of this name, the only one, or the one with the usual name. Costs no request, unless the key
    /// of an encrypted one is not kept on this machine.
    ///
    /// # Errors
    /// [`OpsError::RemoteNotAgreed`], [`RemoteError::KeyNeeded`].
    pub fn known(remotes: &Remotes, name: Option<&str>, access: &RemoteAccess) -> OpsResult<Self> {
        let name = named(remotes, name)?;
        let state = remotes.get(&name)?;
        let (bucket, repository) = Self::reach(remotes, &name, &state, access)?;
        if !state.encrypted {
            return Ok(Self { name, state, remote: Remote::known(bucket, repository) });
        }
        let key = keys::usual_key(access, &state.url, repository, &*bucket)?;
        if access.keeps_key {
            keys::keep(access, repository, &key)?;
        }
        Ok(Self { name, state, remote: Remote::known(bucket, repository).sealed(Seal::new(&key)) })
    }

    /// The storage of a remote that is known, as it is. Costs no request.
    pub fn reach(remotes: &Remotes, name: &str, state: &RemoteState, access: &RemoteAccess) -> OpsResult<(Box<dyn Bucket>, RepositoryId)> {
        require(access, state)?;
        let bucket = Address::parse(&state.url, Path::new("/"))?.open(&access.environment, false).map_err(|error| gone(error, state))?;
        let bucket = match access.pace {
            Some(pace) => Box::new(Paced::new(bucket, pace)),
            None => bucket,
        };
        let unusable = |_| OpsError::Settings { path: remotes.path_of(name), why: "the repository's id is malformed".to_owned() };
        Ok((bucket, state.repository.parse().map_err(unusable)?))
    }
}

/// The name that is meant: this one, that of the only remote, or the usual one.
pub(super) fn named(remotes: &Remotes, name: Option<&str>) -> OpsResult<String> {
    if let Some(name) = name {
        return Ok(name.to_owned());
    }
    let all = remotes.all()?;
    match &all[..] {
        [] => Err(OpsError::NoRemote),
        [(only, _)] => Ok(only.clone()),
        _ => Ok(DEFAULT_NAME.to_owned()),
    }
}

/// A folder that was there when the remote was added is not empty but away.
fn gone(error: RemoteError, state: &RemoteState) -> RemoteError {
    match error {
        RemoteError::Empty => {
            RemoteError::Unreachable { action: "open", key: state.url.clone(), why: "the folder is not there; is it mounted?".to_owned() }
        }
        error => error,
    }
}
