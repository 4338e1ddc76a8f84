//! Adding, listing, forgetting and checking remotes.

use std::path::Path;

use super::absent::Absent;
use super::agreement::{RemoteAccess, agree, require};
use super::state::{self, RemoteState, Remotes};
use super::{DEFAULT_NAME, seen_of};
use crate::limits::REMOTE_ROUND_ENTRIES;
use crate::ops::{Host, OpsError, OpsResult, Workspace};
use crate::remote::{Address, Remote, RemoteError, probe};

/// A remote to be added.
#[derive(Clone, Debug, Default)]
pub struct AddOptions {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The user knows that its storage does not keep two writers apart, and that only one machine writes to it.
    pub single_writer: bool,
    /// There must be a history already.
    pub must_exist: bool,
}

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
}

/// What a check of a remote found. What is wrong is an error instead.
#[derive(Clone, Debug)]
pub struct RemoteReport {
    /// The remote.
    pub remote: RemoteRow,
    /// Entries of its log that were not seen before.
    pub new_entries: u64,
    /// Whether the storage keeps two writers apart.
    pub keeps_apart: bool,
}

fn row(name: &str, state: &RemoteState) -> RemoteRow {
    let (url, repository) = (state.url.clone(), state.repository.clone());
    RemoteRow {
        name: name.to_owned(),
        url,
        repository,
        entry: state.entry,
        single_writer: state.single_writer,
        syncs_after_push: state.syncs_after_push,
    }
}

/// A remote that can be used.
pub(super) struct Open {
    pub name: String,
    pub state: RemoteState,
    pub remote: Remote,
}

impl Open {
    /// Reaches a remote that is known: the one of this name, the only one, or the one with the usual name. Costs no request.
    ///
    /// # Errors
    /// [`OpsError::RemoteNotAgreed`].
    pub fn known(remotes: &Remotes, name: Option<&str>, access: &RemoteAccess) -> OpsResult<Self> {
        let name = named(remotes, name)?;
        let state = remotes.get(&name)?;
        require(access, &state.url, &state.repository)?;
        let bucket = Address::parse(&state.url, Path::new("/"))?.open(&access.environment, false)?;
        let unusable = |_| OpsError::Settings { path: remotes.path_of(&name), why: "the repository's id is malformed".to_owned() };
        let remote = Remote::known(bucket, state.repository.parse().map_err(unusable)?);
        Ok(Self { name, state, remote })
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

/// Adds a remote: looks for a history there, begins one where there is none, and tries whether the storage keeps two writers apart.
///
/// # Errors
/// [`OpsError::RemoteExists`]; [`RemoteError::IgnoresConditions`] unless only one machine writes to it.
///
/// # Durability
/// Durable on return.
pub fn remote_add(workspace: &Workspace, options: &AddOptions, access: &RemoteAccess, host: &dyn Host) -> OpsResult<RemoteRow> {
    let remotes = Remotes::lock(workspace, host)?;
    if let Some(state) = remotes.find(&options.name)? {
        return Err(OpsError::RemoteExists { name: options.name.clone(), url: state.url });
    }
    let address = Address::parse(&options.url, workspace.root())?;
    let bucket = address.open(&access.environment, !options.must_exist)?;
    let remote = if options.must_exist {
        Remote::find(bucket)?
    } else {
        // Before anything is founded there: a storage that is refused stays as it was.
        match probe(&*bucket) {
            Err(RemoteError::IgnoresConditions) if options.single_writer => {}
            other => other?,
        }
        Remote::find_or_found(bucket)?
    };
    let repository = remote.repository().to_string();
    let state = RemoteState::new(address.as_str(), repository, options.single_writer);
    // Whoever names an address agrees to it.
    agree(access, &state.url, &state.repository)?;
    remotes.put(&options.name, &state)?;
    Ok(row(&options.name, &state))
}

/// The address as it would be kept.
pub(super) fn kept_url(workspace: &Workspace, options: &AddOptions) -> OpsResult<String> {
    Ok(Address::parse(&options.url, workspace.root())?.as_str().to_owned())
}

/// All remotes, by their names.
pub fn remote_list(workspace: &Workspace) -> OpsResult<Vec<RemoteRow>> {
    Ok(state::list(workspace)?.iter().map(|(name, state)| row(name, state)).collect())
}

/// Forgets a remote. What lies there stays.
///
/// # Errors
/// [`OpsError::UnknownRemote`]; [`OpsError::OnlyThere`] when contents of the history are there and not here, unless it is forced: then
/// they are missing until the remote is added again.
///
/// # Durability
/// Durable on return.
pub fn remote_remove(workspace: &Workspace, name: &str, is_forced: bool, host: &dyn Host) -> OpsResult<RemoteRow> {
    let remotes = Remotes::lock(workspace, host)?;
    let state = remotes.get(name)?;
    let absent = Absent::of_remote(&remotes, name)?;
    let mut contents = 0;
    for id in absent.ids() {
        contents += u64::from(!workspace.store.seems_to_contain(id)?);
    }
    if contents > 0 && !is_forced {
        return Err(OpsError::OnlyThere { name: name.to_owned(), contents });
    }
    remotes.remove(name)?;
    Ok(row(name, &state))
}

/// Checks a remote: that it can be reached, still has what was seen of it, that its log is sound, and that its storage keeps two
/// writers apart. A key is made and removed there.
pub fn remote_check(workspace: &Workspace, name: Option<&str>, access: &RemoteAccess, host: &dyn Host) -> OpsResult<RemoteReport> {
    let remotes = Remotes::lock(workspace, host)?;
    let open = Open::known(&remotes, name, access)?;
    let mut seen = seen_of(&open.state, &remotes, &open.name)?;
    open.remote.check_seen(&seen)?;
    let mut new_entries = 0;
    loop {
        let found = open.remote.behind(&seen, REMOTE_ROUND_ENTRIES)?;
        new_entries += found.len() as u64;
        seen = found.last().map_or(seen, |found| found.seen);
        if found.len() < REMOTE_ROUND_ENTRIES {
            break;
        }
    }
    let keeps_apart = match probe(open.remote.bucket()) {
        Err(RemoteError::IgnoresConditions) if open.state.single_writer => false,
        other => other.map(|()| true)?,
    };
    Ok(RemoteReport { remote: row(&open.name, &open.state), new_entries, keeps_apart })
}
