//! Taking in what others have appended to the remote's log. Everything is fetched and checked first, in temporary files; then contents
//! and records become part of this machine's history in one step, or nothing does. All trees come, and the contents of small packs;
//! where the others are is noted (`absent`).

use std::collections::HashSet;

use super::absent::{Absent, Unread};
use super::merge::{Merge, Renumbered, Shared, merge};
use super::state::{RemoteState, Remotes};
use super::wanted::Parts;
use crate::format::record::{Record, RecordBody, SupersedeRecord, VersionNumber, VersionRecord};
use crate::format::remote::PackRef;
use crate::id::{ObjectId, ObjectKind};
use crate::limits::{REMOTE_ROUND_BYTES, REMOTE_ROUND_ENTRIES};
use crate::ops::label::check_name;
use crate::ops::workspace::Publishing;
use crate::ops::{Host, OpsError, OpsResult, Phase, Workspace};
use crate::remote::{Found, Remote, RemoteError, Seen};
use crate::store::{Batch, Incoming, StoreError};
use crate::version_log::LogError;

/// What came.
#[derive(Clone, Debug, Default)]
pub struct TakenIn {
    /// Number of versions of others.
    pub versions: u64,
    /// Versions of this machine that have other numbers now.
    pub renumbered: Vec<Renumbered>,
    /// Records of this machine that contradicted those of others, in words.
    pub left_out: Vec<String>,
}

/// As many of these entries as are taken in together, by their number and the size of their packs; at least one.
pub fn round_of(found: &[Found]) -> usize {
    let mut bytes = 0;
    let fits = |found: &&Found| {
        bytes += found.entry.packs.iter().map(|pack| pack.bytes).sum::<u64>();
        bytes <= REMOTE_ROUND_BYTES
    };
    found.iter().take(REMOTE_ROUND_ENTRIES).take_while(fits).count().max(1)
}

/// What the others have given up, as far as their log is known: nobody needs to have it any more.
#[derive(Clone, Debug, Default)]
pub struct GivenUp {
    versions: HashSet<VersionNumber>,
    contents: HashSet<ObjectId>,
}

impl GivenUp {
    /// What these entries give up.
    pub fn by(found: &[Found]) -> Self {
        let mut given_up = Self::default();
        for body in found.iter().flat_map(|found| &found.entry.records).map(|record| &record.body) {
            match body {
                RecordBody::Purge(purge) => given_up.contents.extend(&purge.contents),
                body if body.deletes() => given_up.versions.extend(body.named_versions()),
                _ => {}
            }
        }
        given_up
    }
}

/// Takes entries in and notes it.
///
/// # Durability
/// On return records, contents and what is known of the remote are durable. After a crash before that, all of the entries are in the
/// history or none, and the next sync goes on from there.
pub fn take_in(
    workspace: &mut Workspace,
    (remotes, name, state): (&Remotes, &str, &mut RemoteState),
    remote: &Remote,
    (found, given_up): (&[Found], &GivenUp),
    host: &dyn Host,
) -> OpsResult<TakenIn> {
    let Some(last) = found.last() else { return Ok(TakenIn::default()) };
    let batch = workspace.begin_batch(host)?;
    let records: Vec<Record> = found.iter().flat_map(|found| found.entry.records.iter().cloned()).collect();
    check_labels(&records)?;
    let mut before = Unread::of_remote(remotes, name);
    let receiving = Receiving { workspace, remote, records: &records, given_up, host };
    let received = receiving.receive(&Contents::of(found), &mut before, &batch);
    before.refuse_unreadable()?;
    let absent = match received {
        Err(OpsError::Remote(RemoteError::Lacking { .. })) => {
            // This machine has given contents away that others still build upon: they are fetched again, with all there is.
            let all = remote.all_behind(&Seen::NOTHING, u64::MAX)?;
            let received = receiving.receive(&Contents::of(&all), &mut before, &batch);
            before.refuse_unreadable()?;
            received?
        }
        other => other?,
    };
    batch.prepare()?;
    // Before the versions that need it: then a crash leaves too much in it and never too little.
    if let Some(mut absent) = absent {
        absent.save(remotes, name)?;
    }
    let taken = publish(workspace, (remotes, name, state), &records, batch, host);
    let (local, merge) = match taken {
        Ok(taken) => taken,
        Err(error) => {
            before.put_back()?;
            return Err(error);
        }
    };
    state.note(&last.seen, local);
    remotes.put(name, state)?;
    let versions = merge.theirs.iter().filter(|(_, body)| matches!(body, RecordBody::Version(_))).count() as u64;
    Ok(TakenIn { versions, renumbered: merge.renumbered, left_out: merge.left_out })
}

/// Checks that labels are what labels can be: one that looks like a version would be taken for it.
fn check_labels(records: &[Record]) -> OpsResult<()> {
    for record in records {
        if let RecordBody::Label(label) = &record.body
            && let Err(why) = check_name(&label.name)
        {
            let why = format!("the label {:?} cannot be one: {why}", label.name);
            return Err(RemoteError::Damaged { key: "log".to_owned(), why }.into());
        }
    }
    Ok(())
}

/// Makes records and the contents of a batch part of the history. Gives up to where it is shared then.
fn publish(
    workspace: &mut Workspace,
    (remotes, name, state): (&Remotes, &str, &RemoteState),
    records: &[Record],
    batch: Batch,
    host: &dyn Host,
) -> OpsResult<(u64, Merge)> {
    let mut publishing = workspace.begin_publish(host)?;
    let own = publishing.workspace().log.counting_behind(state.local)?;
    let merge = merge(state.local, &own, records, &shared_state(&publishing, state.local)?);
    let local = if merge.theirs.is_empty() { merge.common } else { append(&mut publishing, &merge, remotes, name, batch)? };
    Ok((local, merge))
}

/// What entries name.
#[derive(Default)]
struct Contents {
    packs: Vec<PackRef>,
    catalogs: Vec<PackRef>,
}

impl Contents {
    fn of(found: &[Found]) -> Self {
        let all = |of: &dyn Fn(&Found) -> Vec<PackRef>| found.iter().flat_map(of).collect();
        Self { packs: all(&|found| found.entry.packs.clone()), catalogs: all(&|found| found.entry.catalogs.clone()) }
    }
}

struct Receiving<'a> {
    workspace: &'a Workspace,
    remote: &'a Remote,
    records: &'a [Record],
    given_up: &'a GivenUp,
    host: &'a dyn Host,
}

impl Receiving<'_> {
    /// Fetches packs, checks them and what the records need of them, and puts them into a batch. Gives what is at the remote and not
    /// here then, unless that is what it was before.
    fn receive(&self, what: &Contents, before: &mut Unread<'_>, batch: &Batch) -> OpsResult<Option<Absent>> {
        let Self { workspace, remote, host, .. } = *self;
        let mut absent = None;
        for catalog in &what.catalogs {
            refuse_cancelled(host)?;
            before.copy_once(&mut absent)?.add(remote.get_catalog(catalog)?);
        }
        let is_there = |id: &ObjectId| absent.as_ref().map_or_else(|| before.has(id), |absent| absent.has(id));
        let total = what.packs.iter().map(|pack| pack.bytes).sum();
        let on_bytes = |done| host.progress(Phase::Receiving, done, Some(total));
        let fetched = remote.get_packs(&what.packs, workspace.store.tmp(), host.cancel_flag(), &on_bytes);
        refuse_cancelled(host)?;
        let mut incoming = Incoming::new(&workspace.store, self.given_up.contents.clone())?;
        let mut waiting = Vec::new();
        for file in fetched? {
            refuse_cancelled(host)?;
            waiting.extend(incoming.add(file, &is_there).map_err(of_remote)?);
        }
        waiting.extend(incoming.check_large(&is_there).map_err(of_remote)?);
        for waiting in waiting {
            before.copy_once(&mut absent)?.push(what.packs[waiting.file], waiting.frame, waiting.base);
        }
        if let Some(absent) = &mut absent {
            absent.forget_present(&workspace.store)?;
        }
        self.check_complete(&|id| absent.as_ref().map_or_else(|| before.has(id), |absent| absent.has(id)))?;
        incoming.fill(batch)?;
        Ok(absent)
    }

    /// Checks that of every version that is not deleted again each tree is here, and each content here, as long as its tree says, or at
    /// the remote, unless it was purged.
    fn check_complete(&self, is_there: &dyn Fn(&ObjectId) -> bool) -> OpsResult<()> {
        let Self { workspace, records, given_up, .. } = *self;
        let purged: HashSet<ObjectId> = workspace.log.purges()?.into_iter().flat_map(|(_, purge)| purge.contents).collect();
        let mut reader = workspace.store.reader();
        let mut base = last_living(workspace, u64::MAX)?.map(|version| version.root);
        for record in records {
            let RecordBody::Version(version) = &record.body else { continue };
            if given_up.versions.contains(&version.number) {
                continue;
            }
            let mut parts = Parts::new(&workspace.store);
            parts.add(base.as_ref(), &version.root).map_err(of_remote)?;
            for part in parts.found.iter().filter(|part| part.kind == ObjectKind::Blob) {
                let is_here = workspace.store.seems_settled(&part.id)?;
                let is_given_up = given_up.contents.contains(&part.id) || purged.contains(&part.id);
                if !is_here && !is_given_up && !is_there(&part.id) {
                    return Err(of_remote(StoreError::Missing { kind: part.kind, id: part.id }));
                }
                if is_here && !reader.may_have_length(&part.id, part.bytes) {
                    let why = format!("{} says that content {} has {} bytes", version.number, part.id, part.bytes);
                    return Err(RemoteError::Damaged { key: "packs".to_owned(), why }.into());
                }
            }
            base = Some(version.root);
        }
        Ok(())
    }
}

/// The newest version up to a number that is not deleted.
pub fn last_living(workspace: &Workspace, up_to: u64) -> OpsResult<Option<VersionRecord>> {
    let newest = workspace.log.head()?.newest.map_or(0, |newest| newest.0).min(up_to);
    for number in (1..=newest).rev() {
        if let Some(row) = workspace.log.version(VersionNumber(number))?.filter(|row| !row.deleted) {
            return Ok(Some(row.record));
        }
    }
    Ok(None)
}

/// What is known of versions at the last record that is shared.
fn shared_state(publishing: &Publishing<'_>, local: u64) -> OpsResult<Shared> {
    let mut state = Shared::default();
    for record in publishing.workspace().log.counting_behind(0)?.iter().take_while(|record| record.sequence <= local) {
        state.take(&record.body);
    }
    Ok(state)
}

/// Appends the others' records, and this machine's behind them if there are any. Gives the place of the last of theirs.
fn append(publishing: &mut Publishing<'_>, merge: &Merge, remotes: &Remotes, name: &str, batch: crate::store::Batch) -> OpsResult<u64> {
    let goes_back = publishing.head.sequence > merge.common && !merge.ours.is_empty();
    let mut bodies = Vec::new();
    if goes_back {
        refuse_disagreement(remotes, name, merge.common)?;
        bodies.push((merge.theirs[0].0, RecordBody::Supersede(supersede(publishing, merge.common)?)));
    }
    bodies.extend(merge.theirs.iter().cloned());
    let last_of_theirs = publishing.head.sequence + bodies.len() as u64;
    bodies.extend(merge.ours.iter().cloned());
    match publishing.commit_all(batch, bodies) {
        Err(OpsError::Log(LogError::NotNext { sequence, why })) => {
            let why = format!("record {sequence} breaks a rule of the log: {why}");
            Err(RemoteError::Damaged { key: "log".to_owned(), why }.into())
        }
        other => other.map(|()| last_of_theirs),
    }
}

/// Versions that another remote has under their numbers cannot get others.
fn refuse_disagreement(remotes: &Remotes, name: &str, common: u64) -> OpsResult<()> {
    match remotes.all()?.into_iter().find(|(other, state)| other != name && state.local > common) {
        Some((other, _)) => Err(OpsError::RemotesDisagree { one: name.to_owned(), other }),
        None => Ok(()),
    }
}

fn supersede(publishing: &Publishing<'_>, kept: u64) -> OpsResult<SupersedeRecord> {
    let (mut newest, mut active) = (None, None);
    for record in publishing.workspace().log.counting_behind(0)?.iter().take_while(|record| record.sequence <= kept) {
        match &record.body {
            RecordBody::Version(version) => (newest, active) = (Some(version.number), Some(version.number)),
            RecordBody::Promote(number) => active = Some(*number),
            _ => {}
        }
    }
    Ok(SupersedeRecord { kept, newest, active })
}

pub fn refuse_cancelled(host: &dyn Host) -> OpsResult<()> {
    if host.cancel_flag().load(std::sync::atomic::Ordering::Relaxed) { Err(OpsError::Cancelled) } else { Ok(()) }
}

/// What is wrong with contents that came is the remote's fault, unless the disk is what failed.
pub fn of_remote(error: StoreError) -> OpsError {
    match error {
        StoreError::Disk(error) => error.into(),
        StoreError::Missing { kind, id } => RemoteError::Lacking { what: format!("{} {id}", kind.name()) }.into(),
        error => RemoteError::Damaged { key: "packs".to_owned(), why: error.to_string() }.into(),
    }
}
