//! Bringing the workspace from one recorded tree to another, for rollback and restore; and bringing an interrupted one to its end.
//!
//! Steps: plan and survey (nothing is touched) → journal → stage (all bytes are written aside) → apply (renames) → one sync,
//! and reading back → what came out is discarded → record → the journal goes. Where the process dies:
//!
//! | before | is found | and done |
//! |---|---|---|
//! | the journal | leftovers in `tmp/` | they are swept |
//! | the first rename | every path as it was | the journal goes |
//! | the last rename | some paths as they were, some as they were to be | the rest is brought forward, or back if that cannot be done |
//! | the record | every path as it was to be | it is recorded |
//! | the journal's end | the record is in the log | the journal goes |

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use super::path_tree::{extent, paths_of};
use super::present_rules::PresentRules;
use super::workspace::Workspace;
use super::{Host, Notice, OpsError, OpsResult, Phase};
use crate::disk::Dir;
use crate::format::journal::Journal;
use crate::format::record::{ChangeCounts, RecordBody, VersionRecord};
use crate::id::{ObjectId, ObjectKind};
use crate::path::RelPath;
use crate::store::{Reader, Store, StoreError};
use crate::tree::{Change, ChangeCounter, count_changes, diff};
use crate::workspace::checkout::{
    Applied, ApplyError, CheckoutError, CheckoutPlan, ContentReader, Contents, FileStat, LeftOut, Mismatch, PlanTotals, Problem, Progress,
    ReadError, Recovery, Stage, Watch, apply, left_alone_rule, publish_journal, read_journal, recover, remove_journal, stage, survey,
    verify,
};

/// How the names of stages begin.
const STAGE_PREFIX: &str = "stage-";

/// Which trees, and what is written into the log.
pub struct Checkout {
    /// The tree that the workspace was just found equal to. In the store.
    pub from: ObjectId,
    /// The tree that it is to be brought to. In the store.
    pub to: ObjectId,
    /// The version to be recorded when that is done; its number and changes are filled in then.
    pub version: VersionRecord,
}

/// What a checkout did to the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckedOut {
    /// Files and links that were written.
    pub written: u64,
    /// Files and links that went.
    pub removed: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Paths that were not touched because the ignore rules exclude them.
    pub left_alone: Vec<RelPath>,
    /// Folders that stay because something is in them that no version holds.
    pub kept: Vec<RelPath>,
    /// Where bytes are now that somebody wrote meanwhile.
    pub conflict_copies: Vec<RelPath>,
    /// Paths that somebody changed after they were written, with what differs.
    pub changed_since: Vec<String>,
    /// Paths that were purged from the version, and did not come back.
    pub purged: Vec<RelPath>,
    /// Files that were read back and found equal.
    pub proved_files: u64,
}

impl CheckedOut {
    /// Whether all that was to come is in the workspace as the version has it, and nobody wrote meanwhile.
    pub fn is_exact(&self) -> bool {
        self.left_alone.is_empty() && self.conflict_copies.is_empty() && self.changed_since.is_empty() && self.purged.is_empty()
    }
}

/// How the triggers of checkouts begin that make no version: what they bring is one already.
const BRING_TRIGGER: &str = "bring ";

/// Does a checkout. The caller holds the checkout lock alone, and the present state of the workspace is a version.
///
/// # Durability
/// On return the workspace is as `to` says, durably, and the version is recorded. After an error it is as it was; after a
/// crash the next command finishes.
pub fn check_out(workspace: &mut Workspace, checkout: &Checkout, host: &dyn Host) -> OpsResult<(CheckedOut, VersionRecord)> {
    let (done, stage_dir, counts) = bring_in(workspace, &checkout.from, &checkout.to, &checkout.version.triggered_by, host)?;
    let version = record(workspace, &checkout.version, Some((checkout.from, counts)), host)?;
    remove_journal(&workspace.local)?;
    stage_dir.discard()?;
    Ok((done, version))
}

/// Does a checkout of a version without making another one. The caller holds the checkout lock alone.
///
/// # Durability
/// As [`check_out`].
pub fn bring(workspace: &mut Workspace, from: &ObjectId, version: &VersionRecord, host: &dyn Host) -> OpsResult<CheckedOut> {
    let (done, stage_dir, _) = bring_in(workspace, from, &version.root, &format!("{BRING_TRIGGER}{}", version.number), host)?;
    remove_journal(&workspace.local)?;
    stage_dir.discard()?;
    Ok(done)
}

fn bring_in(
    workspace: &mut Workspace,
    from: &ObjectId,
    to: &ObjectId,
    triggered_by: &str,
    host: &dyn Host,
) -> OpsResult<(CheckedOut, Stage, ChangeCounts)> {
    // Neither of the trees is to be collected meanwhile.
    let _pin = workspace.store.pin()?;
    let rules = PresentRules::new(workspace)?;
    let excludes = |path: &RelPath, is_directory: bool| rules.excludes(path, is_directory);
    let (changes, counts) = changes_between(&workspace.store, from, to)?;
    let plan = CheckoutPlan::new(changes, &excludes);
    rules.freeze();
    let left_alone = plan.left_alone().to_vec();
    let tmp = workspace.local.make_dir("tmp")?;
    let stage_dir = Stage::open(&tmp, &stage_name(host))?;
    let journal = Journal {
        from: *from,
        to: *to,
        sequence: workspace.log.head()?.sequence,
        triggered_by: triggered_by.to_owned(),
        stage: stage_dir.name().to_owned(),
        left_alone: left_alone.clone(),
    };
    let mut done = carry_out(workspace, plan, &stage_dir, Some((&journal, &tmp)), to, &excludes, host)?;
    done.left_alone = left_alone.into_iter().map(|left| left.path).collect();
    Ok((done, stage_dir, counts))
}

/// Plans a checkout from the changes, as the rules are now.
pub fn plan(workspace: &Workspace, changes: Vec<Change>) -> OpsResult<CheckoutPlan> {
    let rules = PresentRules::new(workspace)?;
    Ok(CheckoutPlan::new(changes, &|path, is_directory| rules.excludes(path, is_directory)))
}

/// Why a plan was not carried out, or not known to be.
struct NotCarriedOut {
    error: OpsError,
    /// Whether the workspace is as it was before. If not, the journal must stay, and what is there must be looked at anew.
    is_as_before: bool,
}

impl NotCarriedOut {
    fn before(error: impl Into<OpsError>) -> Self {
        Self { error: error.into(), is_as_before: true }
    }

    fn after(error: impl Into<OpsError>) -> Self {
        Self { error: error.into(), is_as_before: false }
    }
}

impl From<NotCarriedOut> for OpsError {
    fn from(not: NotCarriedOut) -> Self {
        not.error
    }
}

fn carry_out(
    workspace: &Workspace,
    plan: CheckoutPlan,
    stage_dir: &Stage,
    journal: Option<(&Journal, &Dir)>,
    to: &ObjectId,
    excludes: &LeftOut<'_>,
    host: &dyn Host,
) -> Result<CheckedOut, NotCarriedOut> {
    let root = &workspace.root_dir;
    let totals = plan.totals();
    let surveyed = survey(plan, root, stage_dir).map_err(NotCarriedOut::before)?;
    if let Some((journal, tmp)) = journal {
        publish_journal(&workspace.local, tmp, journal).map_err(NotCarriedOut::before)?;
    }
    let progress = |_files: u64, bytes: u64| host.progress(Phase::Writing, bytes, Some(totals.write_bytes));
    let watch = Watch { progress: &progress, cancel: host.cancel_flag() };
    let staged = match stage(surveyed, root, stage_dir, &StoreContents(&workspace.store), watch) {
        Ok(staged) => staged,
        Err(error) => {
            if journal.is_some() {
                remove_journal(&workspace.local).map_err(NotCarriedOut::before)?;
                stage_dir.discard().map_err(NotCarriedOut::before)?;
            }
            return Err(NotCarriedOut::before(error));
        }
    };
    let applied = match apply(staged, root) {
        Ok(applied) => applied,
        Err(error) => {
            if !matches!(error, ApplyError::Undone { .. }) {
                return Err(NotCarriedOut::after(error));
            }
            if journal.is_some() {
                remove_journal(&workspace.local).map_err(NotCarriedOut::before)?;
            }
            return Err(NotCarriedOut::before(error));
        }
    };
    let (proved_files, mismatches) = settle_down(&applied, workspace, to, excludes).map_err(NotCarriedOut::after)?;
    let kept = applied.kept_directories().to_vec();
    let discarded = applied.discard(root).map_err(NotCarriedOut::after)?;
    let conflict_copies: Vec<RelPath> = discarded.into_iter().map(|conflict| conflict.copy).collect();
    for copy in &conflict_copies {
        host.notice(Notice::ConflictCopy { path: copy.to_string() });
    }
    let changed_since = mismatches.iter().filter(|found| found.problem != Problem::Extra).map(ToString::to_string).collect();
    let PlanTotals { write_files: written, remove_files: removed, write_bytes: bytes, .. } = totals;
    Ok(CheckedOut { written, removed, bytes, kept, conflict_copies, changed_since, proved_files, ..CheckedOut::default() })
}

/// Makes what was applied durable and reads it back, both at once: the one waits for the disk, the other reads what the kernel has
/// in memory before and after. Gives how many files were found as they should be, and what was not.
fn settle_down(
    applied: &Applied,
    workspace: &Workspace,
    to: &ObjectId,
    excludes: &LeftOut<'_>,
) -> Result<(u64, Vec<Mismatch>), CheckoutError> {
    let root = &workspace.root_dir;
    let proved = AtomicU64::new(0);
    let on_file = |_: &RelPath, _: &FileStat| {
        proved.fetch_add(1, Ordering::Relaxed);
    };
    let (synced, mismatches) = std::thread::scope(|scope| {
        let syncing = scope.spawn(|| applied.sync(root));
        let mismatches = verify(applied, root, &workspace.store, to, excludes, &on_file);
        (syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), mismatches)
    });
    synced?;
    Ok((proved.into_inner(), mismatches?))
}

/// Appends the version of a checkout that is done; `known` is a tree, and what changed from that to the version.
fn record(
    workspace: &mut Workspace,
    version: &VersionRecord,
    known: Option<(ObjectId, ChangeCounts)>,
    host: &dyn Host,
) -> OpsResult<VersionRecord> {
    let mut publishing = workspace.begin_publish(host)?;
    let newest_root = publishing.workspace().newest()?.map(|row| row.record.root);
    let changes = match known {
        Some((from, counts)) if newest_root == Some(from) => counts,
        _ => count_changes(&publishing.workspace().store, newest_root.as_ref(), Some(&version.root))?,
    };
    let version = VersionRecord { number: publishing.next_number(), changes, ..version.clone() };
    let batch = publishing.workspace().store.batch()?;
    publishing.commit(batch, RecordBody::Version(version.clone()), host)?;
    Ok(version)
}

/// Looks for a checkout that was interrupted and brings it to its end. One that is still at work in another process is left to
/// that process.
pub fn finish_interrupted(workspace: &mut Workspace, host: &dyn Host) -> OpsResult<()> {
    if read_journal(&workspace.local)?.is_none() {
        return sweep_stages(workspace);
    }
    let Some(_lock) = workspace.try_lock_checkout()? else { return Ok(()) };
    // It may have come to its end between the two looks.
    let Some(journal) = read_journal(&workspace.local)? else { return Ok(()) };
    let tmp = workspace.local.make_dir("tmp")?;
    let (changes, _) = changes_between(&workspace.store, &journal.from, &journal.to)?;
    let recovery = recover(&journal, &workspace.root_dir, &tmp, changes, &workspace.store)?;
    for conflict in &recovery.conflicts {
        host.notice(Notice::ConflictCopy { path: conflict.copy.to_string() });
    }
    let stage_dir = Stage::open(&tmp, &journal.stage)?;
    match recovery.progress {
        Progress::NotBegun => host.notice(Notice::RollbackDropped { what: journal.triggered_by.clone() }),
        Progress::Complete => {
            record_once(workspace, &journal, host)?;
            host.notice(Notice::RollbackFinished { what: journal.triggered_by.clone() });
        }
        Progress::Between => finish(workspace, &journal, recovery, &stage_dir, host)?,
    }
    remove_journal(&workspace.local)?;
    Ok(stage_dir.discard()?)
}

/// Removes the stages of checkouts that ended before they had a journal or after it had gone. Nothing in them is needed.
fn sweep_stages(workspace: &Workspace) -> OpsResult<()> {
    let tmp = match workspace.local.open_dir("tmp") {
        Ok(tmp) => tmp,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let is_stage = |name: &&str| name.starts_with(STAGE_PREFIX);
    let names = tmp.names()?;
    let stages: Vec<&str> = names.iter().filter_map(|name| name.to_str()).filter(is_stage).collect();
    if stages.is_empty() {
        return Ok(());
    }
    let Some(_lock) = workspace.try_lock_checkout()? else { return Ok(()) };
    if read_journal(&workspace.local)?.is_some() {
        return Ok(());
    }
    stages.into_iter().try_for_each(|name| Ok(Stage::open(&tmp, name)?.discard()?))
}

/// Brings a checkout that stopped in the middle forward; where that cannot be done, back.
fn finish(workspace: &mut Workspace, journal: &Journal, recovery: Recovery, stage_dir: &Stage, host: &dyn Host) -> OpsResult<()> {
    if !recovery.foreign.is_empty() {
        // Somebody changed paths after the crash, or a power cut tore them: what is there now is recorded first.
        let options = super::PushOptions {
            triggered_by: format!("found while finishing {}", journal.triggered_by),
            force: true,
            ..Default::default()
        };
        super::push::record(workspace, &options, host)?;
    }
    let rule = left_alone_rule(journal);
    let forward = CheckoutPlan::new(recovery.forward, &rule);
    match carry_out(workspace, forward, stage_dir, None, &journal.to, &rule, host) {
        Ok(_) => {
            record_once(workspace, journal, host)?;
            host.notice(Notice::RollbackFinished { what: journal.triggered_by.clone() });
            Ok(())
        }
        // What is left to undo is no longer what was found: the next command looks anew.
        Err(NotCarriedOut { error, is_as_before: false }) => Err(error),
        Err(NotCarriedOut { error, is_as_before: true }) => {
            let back = CheckoutPlan::new(recovery.back, &rule);
            carry_out(workspace, back, stage_dir, None, &journal.from, &rule, host).map_err(|_| error)?;
            host.notice(Notice::RollbackDropped { what: journal.triggered_by.clone() });
            Ok(())
        }
    }
}

/// Records the version of an interrupted checkout unless it was recorded before the interruption.
fn record_once(workspace: &mut Workspace, journal: &Journal, host: &dyn Host) -> OpsResult<()> {
    if journal.triggered_by.starts_with(BRING_TRIGGER) {
        return Ok(());
    }
    let rows = workspace.log.versions_newest_first(None)?;
    let is_recorded = |row: &crate::version_log::VersionRow| {
        row.sequence > journal.sequence && row.record.root == journal.to && row.record.triggered_by == journal.triggered_by
    };
    if rows.iter().take_while(|row| row.sequence > journal.sequence).any(is_recorded) {
        return Ok(());
    }
    let (files, bytes) = match rows.iter().find(|row| row.record.root == journal.to) {
        Some(like) => (like.record.files, like.record.bytes),
        None => extent(&paths_of(&workspace.store, &journal.to)?),
    };
    let before = rows.iter().find(|row| row.sequence <= journal.sequence);
    let version = VersionRecord {
        number: crate::format::record::VersionNumber(0),
        root: journal.to,
        by: before.map(|row| row.record.by.clone()).unwrap_or_default(),
        triggered_by: journal.triggered_by.clone(),
        message: String::new(),
        changes: Default::default(),
        files,
        bytes,
        left_out: 0,
    };
    record(workspace, &version, None, host)?;
    Ok(())
}

/// What has to change, one for each path, and how much a version says that it was.
fn changes_between(store: &Store, from: &ObjectId, to: &ObjectId) -> OpsResult<(Vec<Change>, ChangeCounts)> {
    let (mut changes, mut counter) = (Vec::new(), ChangeCounter::default());
    diff(store, Some(from), Some(to), &mut |change| {
        counter.add(&change);
        changes.push(change);
    })?;
    let mut seen = HashSet::new();
    changes.retain(|change| seen.insert(change.path.clone()));
    Ok((changes, counter.counts()))
}

/// A name that no other stage has at the same time: the checkout lock is held, and old stages are gone.
fn stage_name(host: &dyn Host) -> String {
    format!("{STAGE_PREFIX}{}-{}", rustix::process::getpid().as_raw_nonzero(), host.now_ms().unsigned_abs())
}

/// The contents of a store, for writing files.
pub struct StoreContents<'a>(pub &'a Store);

/// Reads contents for one thread.
pub struct StoreContentReader<'a>(Reader<'a>);

impl Contents for StoreContents<'_> {
    type Error = StoreError;
    type Reader<'a>
        = StoreContentReader<'a>
    where
        Self: 'a;

    fn reader(&self) -> StoreContentReader<'_> {
        StoreContentReader(self.0.reader())
    }
}

impl ContentReader for StoreContentReader<'_> {
    type Error = StoreError;

    fn read(&mut self, id: &ObjectId, out: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<(), ReadError<StoreError>> {
        self.0.stream(ObjectKind::Blob, id, out).map_err(|error| match error {
            StoreError::Sink(error) => ReadError::Out(error),
            error => ReadError::Content(error),
        })
    }
}

impl OpsError {
    fn conflicts(paths: Vec<String>) -> Self {
        Self::InTheWay { total: paths.len() as u64, paths }
    }
}

impl From<crate::workspace::checkout::SurveyError> for OpsError {
    fn from(error: crate::workspace::checkout::SurveyError) -> Self {
        use crate::workspace::checkout::SurveyError;
        match error {
            SurveyError::Conflicts(conflicts) => Self::conflicts(conflicts.iter().map(ToString::to_string).collect()),
            SurveyError::Place(error) => Self::Checkout(error.into()),
        }
    }
}
