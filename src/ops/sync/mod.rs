//! One history on several machines: this machine's log and the remote's become the same.
//!
//! Only the remote's log decides who gets which number: an entry is created only if it is absent. Whoever is second takes the first's
//! versions in (`take_in`), and its own, which nobody else has seen yet, come behind them with other numbers (`merge`), and tries
//! again (`send`). The remote's log is a log of its own with the same records: a machine's own log also has what is nobody else's
//! business. What a machine knows of a remote (`state`) only saves time, and lets it notice a remote that goes back.

mod absent;
mod agreement;
mod attempt;
mod background;
mod bring;
mod collect;
mod fetch;
mod keys;
mod merge;
mod open;
mod rekey;
mod remotes;
mod send;
mod state;
mod take_in;
mod verify;
mod wanted;

pub use absent::{NotFetched, has_everything, missing_or_not_here};
pub use agreement::RemoteAccess;
pub use background::{BackgroundResult, background_remotes, background_results, background_sync, set_background_sync};
pub use bring::BringOutcome;
pub use collect::{RemoteGcOptions, RemoteGcOutcome, remote_gc};
pub use fetch::{FetchOutcome, FetchWhat, fetch_contents};
pub use keys::RemoteSecret;
pub use merge::Renumbered;
pub use open::RemoteRow;
pub use rekey::{KeyChange, remote_key_change, remote_recovery_code};
pub use remotes::{AddOptions, AddOutcome, RemoteReport, remote_add, remote_check, remote_list, remote_remove};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use state::remote_state;
pub use verify::{RemoteVerifyOptions, RemoteVerifyOutcome, remote_verify};

use std::time::Duration;

use super::{Host, InitOptions, InitOutcome, OpsError, OpsResult, Workspace};
use crate::format::record::{RecordBody, VersionNumber};
use crate::limits::REMOTE_APPEND_TRIES;
use crate::remote::{Found, RemoteError};
use open::Open;
use send::{seen_of, send, unshared};
use state::{RemoteState, Remotes};
use take_in::{GivenUp, refuse_cancelled, round_of, take_in};

/// Name of the remote when none is given.
pub(super) const DEFAULT_NAME: &str = "origin";

/// Which way versions go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncDirection {
    /// Both ways. The workspace's files stay as they are.
    #[default]
    Both,
    /// Only to this machine. The workspace's files stay as they are.
    Fetch,
}

/// How to sync.
#[derive(Clone, Debug, Default)]
pub struct SyncOptions {
    /// The remote; else the only one there is, or `origin`.
    pub remote: Option<String>,
    /// Which way.
    pub direction: SyncDirection,
    /// Join two histories that have nothing in common.
    pub join: bool,
}

/// What came of a sync.
#[derive(Clone, Debug, Default)]
pub struct SyncOutcome {
    /// Name of the remote.
    pub remote: String,
    /// Where it is.
    pub url: String,
    /// Versions of others that came.
    pub received: u64,
    /// Versions of this machine that were sent.
    pub sent: u64,
    /// Versions of this machine that have other numbers now, as they were when the sync began.
    pub renumbered: Vec<Renumbered>,
    /// Marks of this machine that contradicted what others have recorded and were left out, in words.
    pub left_out: Vec<String>,
    /// The newest version now.
    pub newest: Option<VersionNumber>,
    /// The active version now.
    pub active: Option<VersionNumber>,
    /// Contents of former versions that were fetched besides.
    pub contents: u64,
    /// Requests to the remote.
    pub requests: u64,
    /// Bytes that came.
    pub received_bytes: u64,
    /// Bytes that went.
    pub sent_bytes: u64,
}

/// What a sync would do.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// Name of the remote.
    pub remote: String,
    /// Where it is.
    pub url: String,
    /// Versions of others that are not here.
    pub incoming: u64,
    /// Other records of theirs: labels, promotions and so on.
    pub incoming_marks: u64,
    /// Versions of this machine that the remote lacks.
    pub outgoing: u64,
    /// Other records of this machine that it lacks.
    pub outgoing_marks: u64,
}

impl Drift {
    /// Whether both have the same.
    pub fn is_none(&self) -> bool {
        self.incoming + self.incoming_marks + self.outgoing + self.outgoing_marks == 0
    }
}

/// Brings this machine's history and that of the remote together.
///
/// # Errors
/// [`OpsError::Remote`] for everything that the remote does wrong; this machine's history is as it was then, or has taken in more of
/// the remote's, whole entries only.
///
/// # Durability
/// On return what came is durable here, and what was sent is in the remote's log.
pub fn sync(workspace: &mut Workspace, options: &SyncOptions, access: &RemoteAccess, host: &dyn Host) -> OpsResult<SyncOutcome> {
    let remotes = Remotes::lock(workspace, host)?;
    sync_with(workspace, &remotes, options, access, host)
}

fn sync_with(
    workspace: &mut Workspace,
    remotes: &Remotes,
    options: &SyncOptions,
    access: &RemoteAccess,
    host: &dyn Host,
) -> OpsResult<SyncOutcome> {
    let mut open = Open::known(remotes, options.remote.as_deref(), access)?;
    let mut outcome = SyncOutcome { remote: open.name.clone(), url: open.state.url.clone(), ..SyncOutcome::default() };
    reset_if_older(workspace, &mut open.state)?;
    open.remote.check_seen(&seen_of(&open.state, remotes, &open.name)?)?;
    if !options.join {
        refuse_unrelated(workspace, &open, remotes)?;
    }
    for attempt in 0..REMOTE_APPEND_TRIES {
        fetch_all(workspace, remotes, &mut open, &mut outcome, host)?;
        if options.direction == SyncDirection::Fetch {
            return finished(workspace, &open, outcome);
        }
        let sent = send(workspace, (remotes, &open.name, &mut open.state), &open.remote, host)?;
        outcome.sent += sent.versions;
        if sent.is_all {
            return finished(workspace, &open, outcome);
        }
        // Another machine was faster. Those who wait for a random time do not meet again at once.
        std::thread::sleep(Duration::from_millis(pause_ms(attempt)));
    }
    Err(RemoteError::Contended { tries: REMOTE_APPEND_TRIES }.into())
}

fn pause_ms(attempt: u32) -> u64 {
    let mut bytes = [0; 2];
    let _ = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::NONBLOCK);
    u64::from(u16::from_le_bytes(bytes)) % (20 << attempt.min(5))
}

fn finished(workspace: &Workspace, open: &Open, outcome: SyncOutcome) -> OpsResult<SyncOutcome> {
    let (head, traffic) = (workspace.log.head()?, open.remote.traffic());
    let (newest, active) = (head.newest, head.active);
    Ok(SyncOutcome { newest, active, requests: traffic.requests, received_bytes: traffic.received, sent_bytes: traffic.sent, ..outcome })
}

/// Takes in all that the remote has behind what was seen.
fn fetch_all(workspace: &mut Workspace, remotes: &Remotes, open: &mut Open, outcome: &mut SyncOutcome, host: &dyn Host) -> OpsResult<()> {
    refuse_cancelled(host)?;
    let found = open.remote.all_behind(&seen_of(&open.state, remotes, &open.name)?, u64::MAX)?;
    match take_in_all(workspace, remotes, open, &found, outcome, host) {
        Err(OpsError::Remote(RemoteError::Missing { key })) => {
            // Packs that entries name were merged and removed: the newest summary says which have taken their place.
            let seen = seen_of(&open.state, remotes, &open.name)?;
            let found = open.remote.all_behind_merged(&seen)?.ok_or(RemoteError::Missing { key })?;
            take_in_all(workspace, remotes, open, &found, outcome, host)
        }
        other => other,
    }
}

fn take_in_all(
    workspace: &mut Workspace,
    remotes: &Remotes,
    open: &mut Open,
    found: &[Found],
    outcome: &mut SyncOutcome,
    host: &dyn Host,
) -> OpsResult<()> {
    let given_up = GivenUp::by(found);
    let mut rest = found;
    while !rest.is_empty() {
        let (round, later) = rest.split_at(round_of(rest));
        let taken = take_in(workspace, (remotes, &open.name, &mut open.state), &open.remote, (round, &given_up), host)?;
        outcome.received += taken.versions;
        note_renumbered(&mut outcome.renumbered, taken.renumbered);
        outcome.left_out.extend(taken.left_out);
        rest = later;
    }
    Ok(())
}

/// A version can get another number more than once; what counts are the first and the last.
fn note_renumbered(known: &mut Vec<Renumbered>, new: Vec<Renumbered>) {
    let firsts = new.into_iter().map(|new| {
        let before = known.iter().find(|known| known.now == new.before).map_or(new.before, |known| known.before);
        Renumbered { before, ..new }
    });
    let firsts: Vec<Renumbered> = firsts.collect();
    if !firsts.is_empty() {
        *known = firsts;
    }
}

/// A log that is shorter than what is known to be shared was brought back from an older copy: everything is looked at again.
fn reset_if_older(workspace: &Workspace, state: &mut RemoteState) -> OpsResult<()> {
    if state.local > workspace.log.head()?.sequence {
        state.local = 0;
        state.forget_seen();
    }
    Ok(())
}

/// Two histories without a common version are joined only if that is wanted: one of them may be a mistake.
fn refuse_unrelated(workspace: &Workspace, open: &Open, remotes: &Remotes) -> OpsResult<()> {
    let ours = workspace.log.head()?.newest.map_or(0, |newest| newest.0);
    if open.state.entry > 0 || ours == 0 {
        return Ok(());
    }
    let found = open.remote.behind(&seen_of(&open.state, remotes, &open.name)?, 1)?;
    let Some(first) = found.first().and_then(|found| found.entry.records.first()) else { return Ok(()) };
    let is_common =
        workspace.log.counting_behind(0)?.first().is_some_and(|own| (own.created_ms, &own.body) == (first.created_ms, &first.body));
    if is_common {
        return Ok(());
    }
    let is_version =
        |found: &Found| found.entry.records.iter().filter(|record| matches!(record.body, RecordBody::Version(_))).count() as u64;
    Err(OpsError::Unrelated { theirs: found.iter().map(is_version).sum(), ours })
}

/// Says what a sync would do. Changes nothing anywhere.
pub fn sync_check(workspace: &mut Workspace, remote: Option<&str>, access: &RemoteAccess, host: &dyn Host) -> OpsResult<Drift> {
    let remotes = Remotes::lock(workspace, host)?;
    let mut open = Open::known(&remotes, remote, access)?;
    reset_if_older(workspace, &mut open.state)?;
    let seen = seen_of(&open.state, &remotes, &open.name)?;
    open.remote.check_seen(&seen)?;
    let found = open.remote.all_behind(&seen, u64::MAX)?;
    let theirs: Vec<_> = found.into_iter().flat_map(|found| found.entry.records).collect();
    let own = unshared(workspace, open.state.local)?;
    let common = own.iter().zip(&theirs).take_while(|(own, their)| (own.created_ms, &own.body) == (their.created_ms, &their.body)).count();
    let versions = |records: &[crate::format::record::Record]| {
        records[common..].iter().filter(|record| matches!(record.body, RecordBody::Version(_))).count() as u64
    };
    let (incoming, outgoing) = (versions(&theirs), versions(&own));
    Ok(Drift {
        remote: open.name,
        url: open.state.url,
        incoming,
        incoming_marks: (theirs.len() - common) as u64 - incoming,
        outgoing,
        outgoing_marks: (own.len() - common) as u64 - outgoing,
    })
}

/// How to pull.
#[derive(Clone, Debug, Default)]
pub struct PullOptions {
    /// The remote; else the only one there is, or `origin`.
    pub remote: Option<String>,
    /// The version to bring into the workspace; else the active one.
    pub version: Option<super::Revision>,
    /// Who does it.
    pub by: String,
}

/// Fetches what the remote has, and brings a version into the workspace without making another one. What is unsaved is recorded first.
/// Without a version it is the remote's active one if something came, else the active one.
///
/// # Durability
/// As [`sync`], and as a rollback.
pub fn pull(
    workspace: &mut Workspace,
    options: &PullOptions,
    access: &RemoteAccess,
    host: &dyn Host,
) -> OpsResult<(SyncOutcome, Option<BringOutcome>)> {
    let how = SyncOptions { remote: options.remote.clone(), direction: SyncDirection::Fetch, join: false };
    let outcome = sync(workspace, &how, access, host)?;
    let target = match &options.version {
        Some(revision) => Some(workspace.resolve(revision)?),
        None => pulled_active(workspace, &outcome)?,
    };
    let Some(target) = target else { return Ok((outcome, None)) };
    let fetched = fetch_contents(workspace, &FetchWhat::Versions(vec![target], Vec::new()), access, host)?;
    let (requests, received_bytes) = (outcome.requests + fetched.requests, outcome.received_bytes + fetched.received_bytes);
    let brought = bring::bring_version(workspace, target, &options.by, host)?;
    if options.version.is_none() {
        super::promote(workspace, target, host)?;
    }
    let head = workspace.log.head()?;
    Ok((SyncOutcome { newest: head.newest, active: head.active, requests, received_bytes, ..outcome }, Some(brought)))
}

/// The version that is active for the others, if they sent something; else the one that is active here.
fn pulled_active(workspace: &Workspace, outcome: &SyncOutcome) -> OpsResult<Option<VersionNumber>> {
    let active = workspace.log.head()?.active;
    if outcome.received == 0 {
        return Ok(active);
    }
    let remotes = state::list(workspace)?;
    let local = remotes.iter().find(|(name, _)| *name == outcome.remote).map_or(0, |(_, state)| state.local);
    let shared = workspace.log.promotions(None)?.into_iter().find(|change| change.sequence <= local);
    Ok(shared.map(|change| change.version).or(active))
}

/// Makes a workspace of a folder, with the history of a remote, and brings its active version into it.
///
/// # Durability
/// On return all of it is durable. After an error or a crash the workspace may be there with a part of the history; the same again goes
/// on from there.
pub fn restore_sources(
    root: &std::path::Path,
    init: &InitOptions,
    url: &str,
    (by, access): (&str, &RemoteAccess),
    host: &dyn Host,
) -> OpsResult<(InitOutcome, SyncOutcome, Option<BringOutcome>)> {
    let add = AddOptions { name: DEFAULT_NAME.to_owned(), url: url.to_owned(), must_exist: true, ..AddOptions::default() };
    // Before anything is made here: the address may be mistyped.
    let place = remotes::reach(root, &add, access)?;
    let made = super::init(root, init, host)?;
    let mut workspace = Workspace::open(&made.root, host)?;
    match remotes::add_reached(&workspace, &add, place, access, host) {
        Err(OpsError::RemoteExists { url, .. }) if url == remotes::kept_url(&workspace, &add)? => {}
        other => drop(other?),
    }
    // Where the key is kept now it need not be derived again.
    let access = &RemoteAccess { secret: access.secret.clone().filter(|_| access.state_folder.is_none()), ..access.clone() };
    let options = PullOptions { remote: Some(add.name), by: by.to_owned(), ..PullOptions::default() };
    let (outcome, brought) = pull(&mut workspace, &options, access, host)?;
    let versions = outcome.newest.map_or(0, |newest| newest.0);
    Ok((InitOutcome { versions, ..made }, outcome, brought))
}
