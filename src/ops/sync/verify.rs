//! Checking what lies at a remote: that every entry of its log follows the one before it, and that what the log names is there; and, if
//! wanted, that every byte of it is what it was.

use std::collections::{HashMap, HashSet};

use super::open::Open;
use super::state::Remotes;
use super::take_in::refuse_cancelled;
use super::{reset_if_older, seen_of};
use crate::format::catalog::{Catalog, CatalogFrame};
use crate::format::frame::Frame;
use crate::format::pack::PackFrame;
use crate::format::remote::PackRef;
use crate::id::{ObjectId, ObjectKind};
use crate::limits::REMOTE_TRANSFERS;
use crate::ops::reach::purged_by;
use crate::ops::{Host, OpsResult, Phase, RemoteAccess, Workspace};
use crate::remote::{Remote, RemoteError, RemoteResult, Seen};

/// How thoroughly to look.
#[derive(Clone, Debug, Default)]
pub struct RemoteVerifyOptions {
    /// The remote; else the only one there is, or `origin`.
    pub remote: Option<String>,
    /// Read every byte of every pack.
    pub read_data: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct RemoteVerifyOutcome {
    /// Name of the remote.
    pub remote: String,
    /// Entries of the log, all of which follow each other.
    pub entries: u64,
    /// Packs, catalogs and bundles that are named.
    pub packs: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What is wrong, in words.
    pub problems: Vec<String>,
    /// Requests to the remote.
    pub requests: u64,
    /// Bytes that came.
    pub received_bytes: u64,
}

/// Checks a remote. Changes nothing anywhere.
///
/// # Errors
/// Those of reaching it. What is wrong with it is no error but in the outcome, unless its log is not one.
pub fn remote_verify(
    workspace: &mut Workspace,
    options: &RemoteVerifyOptions,
    access: &RemoteAccess,
    host: &dyn Host,
) -> OpsResult<RemoteVerifyOutcome> {
    let remotes = Remotes::lock(workspace, host)?;
    let mut open = Open::known(&remotes, options.remote.as_deref(), access)?;
    reset_if_older(workspace, &mut open.state)?;
    let seen = seen_of(&open.state, &remotes, &open.name)?;
    open.remote.check_seen(&seen)?;
    let mut checking = Checking::begin(&open.remote, host)?;
    checking.check_identity()?;
    checking.check_log(&seen)?;
    checking.check_packs(options.read_data)?;
    if options.read_data {
        checking.check_contents(workspace)?;
    }
    let traffic = open.remote.traffic();
    let outcome = checking.outcome;
    Ok(RemoteVerifyOutcome { remote: open.name, requests: traffic.requests, received_bytes: traffic.received, ..outcome })
}

struct Checking<'a> {
    remote: &'a Remote,
    host: &'a dyn Host,
    /// Lengths in bytes of what lies there, by names.
    stored: HashMap<String, u64>,
    packs: Vec<PackRef>,
    catalogs: Vec<PackRef>,
    bundles: Vec<PackRef>,
    /// What packs and catalogs say they hold.
    ids: HashSet<(ObjectKind, ObjectId)>,
    outcome: RemoteVerifyOutcome,
}

impl<'a> Checking<'a> {
    fn begin(remote: &'a Remote, host: &'a dyn Host) -> OpsResult<Self> {
        let stored = remote.bucket().stored("packs/")?.into_iter().map(|stored| (stored.name, stored.bytes)).collect();
        let none = Vec::new;
        let (packs, catalogs, bundles) = (none(), none(), none());
        Ok(Self { remote, host, stored, packs, catalogs, bundles, ids: HashSet::new(), outcome: RemoteVerifyOutcome::default() })
    }

    /// Whether a new machine can find out what lies there.
    fn check_identity(&mut self) -> OpsResult<()> {
        let checked = self.remote.check_identity();
        self.or_problem(checked)?;
        Ok(())
    }

    /// Reads every entry itself, whatever summaries say, and what counts of what they name.
    fn check_log(&mut self, seen: &Seen) -> OpsResult<()> {
        let found = self.remote.entries_themselves(None);
        let is_sound = found.is_ok();
        let found = match found {
            // Another key may open it: whoever asks has to be told.
            Err(error) if self.remote.is_sealed() => return Err(error.into()),
            found => self.or_problem(found)?.unwrap_or_default(),
        };
        self.outcome.entries = found.len() as u64;
        let at = |number: u64| found.get((number as usize).wrapping_sub(1)).map(|found| found.seen.id);
        if is_sound && seen.number > 0 && at(seen.number) != Some(seen.id) {
            return Err(RemoteError::Rewritten { number: seen.number, seen: seen.id, found: at(seen.number) }.into());
        }
        let mut covered = 0;
        let summary = self.remote.newest_summary();
        // Without it nobody knows which of the packs that entries name were merged into others.
        let Some(summary) = self.or_problem(summary)? else { return Ok(()) };
        if let Some(summary) = summary {
            covered = summary.entry;
            if is_sound && at(summary.entry) != Some(summary.entry_id) {
                self.outcome.problems.push(format!("summary {} is about another log", summary.number));
            }
            (self.packs, self.catalogs, self.bundles) = (summary.packs, summary.catalogs, summary.bundles);
        }
        for found in found.into_iter().filter(|found| found.seen.number > covered) {
            self.packs.extend(found.entry.packs);
            self.catalogs.extend(found.entry.catalogs);
        }
        Ok(())
    }

    /// Whether what is named is there and as long as it should be; and as it was written, if it is to be read.
    fn check_packs(&mut self, read_data: bool) -> OpsResult<()> {
        for catalog in self.catalogs.clone() {
            refuse_cancelled(self.host)?;
            match self.remote.get_catalog(&catalog) {
                Ok(Catalog { packs, frames, .. }) => {
                    self.ids.extend(frames.into_iter().flat_map(|CatalogFrame { frame, .. }| with_kind(frame)));
                    self.packs.extend(packs);
                }
                Err(error) => self.problem(error)?,
            }
        }
        let mut met = HashSet::new();
        let mut all = [&self.bundles[..], &self.catalogs, &self.packs].concat();
        all.retain(|pack| met.insert(pack.id));
        self.outcome.packs = all.len() as u64;
        self.outcome.bytes = all.iter().map(|pack| pack.bytes).sum();
        for pack in &all {
            let key = format!("packs/{}", pack.id);
            let bucket = self.remote.bucket();
            let expected = bucket.stored_bytes(pack.bytes);
            let why = match self.stored.get(&bucket.name_of(&key)) {
                None => "is not there".to_owned(),
                Some(bytes) if *bytes != expected => format!("has {bytes} bytes instead of {expected}"),
                Some(_) => continue,
            };
            self.outcome.problems.push(format!("{key} {why}"));
        }
        if read_data { self.read(&self.packs.clone(), &self.bundles.clone()) } else { Ok(()) }
    }

    fn read(&mut self, packs: &[PackRef], bundles: &[PackRef]) -> OpsResult<()> {
        let mut done = 0;
        for bundle in bundles {
            refuse_cancelled(self.host)?;
            if let Err(error) = self.remote.get_whole(bundle) {
                self.problem(error)?;
            }
        }
        for some in packs.chunks(REMOTE_TRANSFERS) {
            refuse_cancelled(self.host)?;
            let remote = self.remote;
            let read: Vec<RemoteResult<Vec<PackFrame>>> = std::thread::scope(|scope| {
                let threads: Vec<_> = some.iter().map(|pack| scope.spawn(move || whole_frames(remote, pack))).collect();
                threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
            });
            for read in read {
                match read {
                    Ok(frames) => self.ids.extend(frames.into_iter().flat_map(with_kind)),
                    Err(error) => self.problem(error)?,
                }
            }
            done += some.iter().map(|pack| pack.bytes).sum::<u64>();
            self.host.progress(Phase::Verifying, done, Some(self.outcome.bytes));
        }
        Ok(())
    }

    /// Whether the packs hold every content of every version that has not been purged.
    fn check_contents(&mut self, workspace: &Workspace) -> OpsResult<()> {
        let purged = purged_by(workspace)?;
        let last = self.outcome.entries;
        let mut parts = super::wanted::Parts::new(&workspace.store);
        let shared = super::state::list(workspace)?.into_iter().find(|(_, state)| state.entry == last).map(|(_, state)| state.local);
        for row in workspace.log.versions_newest_first(None)? {
            if !row.deleted && shared.is_some_and(|local| row.sequence <= local) {
                parts.add(None, &row.record.root)?;
            }
        }
        let is_missing = |part: &&super::wanted::Part| !self.ids.contains(&(part.kind, part.id)) && !purged.contains_key(&part.id);
        let missing = parts.found.iter().filter(is_missing).count();
        if missing > 0 {
            self.outcome.problems.push(format!("{missing} contents or folders of versions are in none of the packs"));
        }
        Ok(())
    }

    /// What says that something is not as it should be goes into the outcome; all else ends the check.
    /// What was read; what is missing or damaged is a problem, and the rest is looked at all the same.
    fn or_problem<T>(&mut self, read: RemoteResult<T>) -> RemoteResult<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) => self.problem(error).map(|()| None),
        }
    }

    fn problem(&mut self, error: RemoteError) -> RemoteResult<()> {
        match error {
            RemoteError::Missing { .. } | RemoteError::Damaged { .. } => {
                self.outcome.problems.push(error.to_string());
                Ok(())
            }
            error => Err(error),
        }
    }
}

fn with_kind(frame: PackFrame) -> impl Iterator<Item = (ObjectKind, ObjectId)> {
    frame.ids.into_iter().map(move |id| (frame.kind, id))
}

/// The frames of a pack, each of which has the bytes that its checksum says.
fn whole_frames(remote: &Remote, pack: &PackRef) -> RemoteResult<Vec<PackFrame>> {
    let (bytes, frames) = remote.get_frames(pack)?;
    let damaged = |error| RemoteError::format(&format!("packs/{}", pack.id), &error);
    for (frame, _) in &frames {
        Frame::parse_checked(&bytes[frame.offset as usize..][..frame.bytes as usize]).map_err(damaged)?;
    }
    Ok(frames.into_iter().map(|(frame, _)| frame).collect())
}
