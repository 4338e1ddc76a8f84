//! Syncing behind a push, in a process that nobody waits for: one at work and one that waits, and what came of the last one.
//!
//! Whoever waits has not yet looked at the log, so it sends whatever is pushed until its turn: a third one has nothing to do.

use serde::{Deserialize, Serialize};

use super::state::{self, Remotes};
use super::{RemoteAccess, SyncOptions, sync_with};
use crate::disk::{Lock, LockMode};
use crate::limits::REMOTE_STATE_BYTES_MAX;
use crate::ops::{Host, OpsError, OpsResult, Workspace};

const WAITING: &str = "background.lock";

/// What came of the last sync behind a push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackgroundResult {
    /// Name of the remote.
    pub remote: String,
    /// When it ended, in milliseconds since 1970-01-01 UTC.
    pub ended_ms: i64,
    /// Versions of others that came.
    pub received: u64,
    /// Versions that were sent.
    pub sent: u64,
    /// Versions of this machine that have other numbers now: before and now.
    pub renumbered: Vec<(u64, u64)>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Decides whether pushes are followed by a sync with a remote.
///
/// # Durability
/// Durable on return.
pub fn set_background_sync(workspace: &Workspace, remote: Option<&str>, is_on: bool, host: &dyn Host) -> OpsResult<String> {
    let remotes = Remotes::lock(workspace, host)?;
    let name = super::open::named(&remotes, remote)?;
    let mut state = remotes.get(&name)?;
    state.syncs_after_push = is_on;
    remotes.put(&name, &state)?;
    Ok(name)
}

/// The remotes that a push is to be followed by a sync with.
pub fn background_remotes(workspace: &Workspace) -> OpsResult<Vec<String>> {
    Ok(state::list(workspace)?.into_iter().filter(|(_, state)| state.syncs_after_push).map(|(name, _)| name).collect())
}

/// Syncs for pushes that have been made. Does nothing if another process is about to.
///
/// # Durability
/// As [`super::sync`]; what came of it is noted, also when it is an error.
pub fn background_sync(workspace: &mut Workspace, remote: &str, access: &RemoteAccess, host: &dyn Host) -> OpsResult<()> {
    let dir = workspace.store_dir.make_dir(state::FOLDER)?;
    let Some(waiting) = Lock::try_acquire(&dir, WAITING, LockMode::Exclusive)? else { return Ok(()) };
    let remotes = Remotes::lock(workspace, host)?;
    drop(waiting);
    let options = SyncOptions { remote: Some(remote.to_owned()), ..SyncOptions::default() };
    let synced = sync_with(workspace, &remotes, &options, access, host);
    let mut result = BackgroundResult { remote: remote.to_owned(), ended_ms: host.now_ms(), ..BackgroundResult::default() };
    match &synced {
        Ok(outcome) => {
            (result.received, result.sent) = (outcome.received, outcome.sent);
            result.renumbered = outcome.renumbered.iter().map(|renumbered| (renumbered.before.0, renumbered.now.0)).collect();
        }
        Err(error) => result.error = Some(error.to_string()),
    }
    let file = state::background_file(remote);
    let text = toml::to_string(&result).map_err(|error| OpsError::Settings { path: dir.path_of(&file), why: error.to_string() })?;
    dir.publish(workspace.store.tmp(), &file, text.as_bytes())?;
    synced.map(drop)
}

/// What came of the last syncs behind pushes, of each remote that pushes are synced with. One that never ended is not among them.
pub fn background_results(workspace: &Workspace) -> OpsResult<Vec<BackgroundResult>> {
    let mut results = Vec::new();
    for remote in background_remotes(workspace)? {
        let found =
            workspace.store_dir.open_dir(state::FOLDER).and_then(|dir| dir.read(&state::background_file(&remote), REMOTE_STATE_BYTES_MAX));
        // What cannot be read says nothing; the next sync writes it anew.
        let text = found.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        results.extend(
            text.and_then(|text| toml::from_str::<BackgroundResult>(&text).ok()).map(|result| BackgroundResult { remote, ..result }),
        );
    }
    Ok(results)
}
