//! Adding, listing, forgetting and checking remotes.

use std::path::Path;

use super::absent::Absent;
use super::agreement::{RemoteAccess, agree};
use super::open::{Open, RemoteRow, row};
use super::state::{self, RemoteState, Remotes};
use super::{keys, seen_of};
use crate::format::remote::RemoteFormat;
use crate::limits::REMOTE_ROUND_ENTRIES;
use crate::ops::{Host, OpsError, OpsResult, Workspace};
use crate::remote::{Address, Bucket, MasterKey, Remote, RemoteError, probe};

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
    /// Whether a history that begins there is encrypted. Without it one in a directory is not, and for other storage the user must say.
    pub encrypt: Option<bool>,
}

/// A remote that was added.
#[derive(Clone, Debug)]
pub struct AddOutcome {
    /// The remote.
    pub remote: RemoteRow,
    /// What opens it when the passphrase is lost; only for an encrypted history that begins with it.
    pub recovery_code: Option<String>,
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

/// Adds a remote: looks for a history there, begins one where there is none, and tries whether the storage keeps two writers apart.
///
/// # Errors
/// [`OpsError::RemoteExists`]; [`RemoteError::IgnoresConditions`] unless only one machine writes to it; [`RemoteError::KeyNeeded`]
/// for an encrypted one; [`RemoteError::EncryptionUndecided`] for a new one outside of this machine.
///
/// # Durability
/// Durable on return.
pub fn remote_add(workspace: &Workspace, options: &AddOptions, access: &RemoteAccess, host: &dyn Host) -> OpsResult<AddOutcome> {
    let remotes = Remotes::lock(workspace, host)?;
    refuse_known(&remotes, options)?;
    put(&remotes, options, reach(workspace.root(), options, access)?, access)
}

/// A place that was reached, with the history there.
pub(super) struct Place {
    address: Address,
    format: RemoteFormat,
    /// The key of an encrypted one.
    key: Option<MasterKey>,
    /// Whether it was begun just now.
    is_new: bool,
}

/// Looks for the history at a place, which a workspace at `root` is to share.
pub(super) fn reach(root: &Path, options: &AddOptions, access: &RemoteAccess) -> OpsResult<Place> {
    let address = Address::parse(&options.url, root)?;
    let bucket = address.open(&access.environment, !options.must_exist)?;
    let (format, key, is_new) = joined_or_begun(&*bucket, &address, options, access)?;
    Ok(Place { address, format, key, is_new })
}

/// Adds a place that was reached before the workspace was made.
///
/// # Errors
/// [`OpsError::RemoteExists`].
pub(super) fn add_reached(
    workspace: &Workspace,
    options: &AddOptions,
    place: Place,
    access: &RemoteAccess,
    host: &dyn Host,
) -> OpsResult<AddOutcome> {
    let remotes = Remotes::lock(workspace, host)?;
    refuse_known(&remotes, options)?;
    put(&remotes, options, place, access)
}

fn refuse_known(remotes: &Remotes, options: &AddOptions) -> OpsResult<()> {
    match remotes.find(&options.name)? {
        Some(state) => Err(OpsError::RemoteExists { name: options.name.clone(), url: state.url }),
        None => Ok(()),
    }
}

/// Notes a remote, and keeps its key on this machine.
fn put(remotes: &Remotes, options: &AddOptions, place: Place, access: &RemoteAccess) -> OpsResult<AddOutcome> {
    let Place { address, format, key, is_new } = place;
    let state = RemoteState::new(address.as_str(), format.repository.to_string(), options.single_writer, key.is_some());
    if let Some(key) = &key {
        keys::keep(access, format.repository, key)?;
    }
    // Whoever names an address agrees to it.
    agree(access, &state)?;
    remotes.put(&options.name, &state)?;
    let recovery_code = key.filter(|_| is_new).map(|key| key.recovery_code());
    Ok(AddOutcome { remote: row(&options.name, &state), recovery_code })
}

/// The history in a bucket, its key if it is encrypted, and whether it was begun just now.
fn joined_or_begun(
    bucket: &dyn Bucket,
    address: &Address,
    options: &AddOptions,
    access: &RemoteAccess,
) -> OpsResult<(RemoteFormat, Option<MasterKey>, bool)> {
    let there = Remote::look(bucket)?;
    if there.is_none() && options.must_exist {
        return Err(RemoteError::Empty.into());
    }
    let is_local = address.directory().is_some();
    let undecided = || RemoteError::EncryptionUndecided { url: address.as_str().to_owned() };
    let encrypts = options.encrypt.or((is_local || there.is_some()).then_some(false)).ok_or_else(undecided)?;
    if !options.must_exist {
        // Before anything is begun there: a storage that is refused stays as it was.
        match probe(bucket) {
            Err(RemoteError::IgnoresConditions) if options.single_writer => {}
            other => other?,
        }
    }
    if there.is_none() && Remote::has_log(bucket)? {
        // What says which history it is was lost. Another one in its place would never fit the log.
        return Err(RemoteError::Missing { key: "format".to_owned() }.into());
    }
    let (there, own) = match there {
        Some(there) => (there, None),
        None if encrypts => {
            let (format, key) = keys::new_key(access, address.as_str(), Remote::new_format(), bucket)?;
            (Remote::found(bucket, &format)?, Some(key))
        }
        None => (Remote::found(bucket, &Remote::new_format())?, None),
    };
    match (there.key, own) {
        (Some(id), Some(key)) if id == key.id() => Ok((there, Some(key), true)),
        (Some(_), _) => Ok((there, Some(keys::key_of(access, address.as_str(), there.repository, bucket)?), false)),
        (None, _) if encrypts => Err(RemoteError::NotEncrypted.into()),
        (None, _) => Ok((there, None, false)),
    }
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
    open.remote.check_identity()?;
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
