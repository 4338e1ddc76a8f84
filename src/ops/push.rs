//! Records the workspace as the next version.

use super::snapshot::{self, LikelySecret, Snapshot, SnapshotOptions};
use super::workspace::Publishing;
use super::{Host, Notice, OpsError, OpsResult, Workspace};
use crate::disk::LockMode;
use crate::format::record::{ChangeCounts, RecordBody, VersionNumber, VersionRecord};
use crate::id::ObjectId;
use crate::limits::{STAT_TRUST_AGE_MS, TEXT_BYTES_MAX};
use crate::path::RelPath;
use crate::store::{Batch, Published, Store};
use crate::tree::{Change, ChangeCounter, TreeSource, count_changes, diff};
use crate::workspace::scan::{LeftOut, SkipKind};

/// Rules count as leaving nearly nothing when, of so many entries seen at the least, not one in so many is recorded.
const NEARLY_NOTHING_SEEN_MIN: u64 = 20;
const NEARLY_NOTHING_SHARE: u64 = 20;

/// How the rules begin that stand in no file.
const BUILT_IN: &str = "built in:";
/// The rule that leaves out the folder with the history.
const OWN_FOLDER_RULE: &str = "built in:.lua";

/// How to push.
#[derive(Clone, Debug)]
pub struct PushOptions {
    /// What the user says about the version.
    pub message: String,
    /// What made the push happen.
    pub triggered_by: String,
    /// Who pushes.
    pub by: String,
    /// Make a version even if nothing changed.
    pub allow_empty: bool,
    /// Only say what would be recorded.
    pub dry_run: bool,
    /// Read all files, whatever the stat cache says.
    pub rehash: bool,
    /// Record even if the rules leave nearly nothing.
    pub force: bool,
    /// How old a ctime must be to be relied on, in milliseconds.
    pub stat_trust_age_ms: i64,
    /// Name new contents that look like they hold a secret, unless the settings say otherwise.
    pub finds_secrets: bool,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            message: String::new(),
            triggered_by: "push".to_owned(),
            by: String::new(),
            allow_empty: false,
            dry_run: false,
            rehash: false,
            force: false,
            stat_trust_age_ms: STAT_TRUST_AGE_MS,
            finds_secrets: false,
        }
    }
}

/// What one ignore rule left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutByRule {
    /// Where the rule stands and what it says.
    pub rule: String,
    /// Files and links; those in folders only when they were counted.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Folders that were left out as a whole.
    pub directories: u64,
    /// One of the paths.
    pub example: Vec<u8>,
}

/// A path that could not be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedPath {
    /// The path; its names may be ones that no tree can hold.
    pub path: Vec<u8>,
    /// What kind of reason.
    pub kind: SkipKind,
    /// The reason, for people.
    pub reason: String,
}

/// What was found and done.
#[derive(Clone, Debug, Default)]
pub struct PushReport {
    /// How the workspace differs from the version before.
    pub changes: ChangeCounts,
    /// The paths that differ; only in a dry run.
    pub changed_paths: Vec<Change>,
    /// Files and links of the workspace.
    pub files: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Bytes of new contents, trees among them.
    pub new_bytes: u64,
    /// Bytes that the store grew by.
    pub stored_bytes: u64,
    /// Contents and trees of the newest version that were damaged or missing in the store, and were put into it again.
    pub stored_again: u64,
    /// What the rules left out.
    pub by_rules: Vec<LeftOutByRule>,
    /// What could not be recorded; the first of them.
    pub skipped: Vec<SkippedPath>,
    /// How many could not be recorded.
    pub skipped_total: u64,
    /// Files that changed during each try to read them: what is recorded may be a mix of several moments.
    pub unstable: Vec<RelPath>,
    /// New contents that look like they hold a secret; the first of them.
    pub secrets: Vec<LikelySecret>,
}

impl PushReport {
    /// Whether everything was recorded that the rules do not exclude.
    pub fn is_complete(&self) -> bool {
        self.skipped_total == 0 && self.unstable.is_empty()
    }
}

/// What became of a push.
#[derive(Clone, Debug)]
pub enum PushOutcome {
    /// The workspace is as the newest version has it; no version was made.
    Unchanged {
        /// The newest version.
        newest: Option<VersionNumber>,
        /// What was found.
        report: PushReport,
    },
    /// A version was made, and is the active one.
    Made {
        /// Its number.
        version: VersionNumber,
        /// Its tree.
        root: ObjectId,
        /// What was recorded.
        report: PushReport,
    },
    /// A dry run: this version would be made.
    WouldMake {
        /// The number that it would have.
        version: VersionNumber,
        /// What would be recorded.
        report: PushReport,
    },
}

/// Records the workspace as the next version and makes it the active one. With nothing changed nothing is written.
///
/// # Durability
/// A version that is returned is durable and complete, but for what the report names. After a crash before that there is no
/// trace of it.
pub fn push(workspace: &mut Workspace, options: &PushOptions, host: &dyn Host) -> OpsResult<PushOutcome> {
    check_texts(options)?;
    let _looking = workspace.lock_checkout(LockMode::Shared, host)?;
    if options.dry_run { dry_run(workspace, options, host) } else { record(workspace, options, host) }
}

/// Records the workspace; the caller holds the checkout lock. If the newest version turns out to be damaged, all that the workspace has is
/// read, and stored again where the store has lost it.
pub(super) fn record(workspace: &mut Workspace, options: &PushOptions, host: &dyn Host) -> OpsResult<PushOutcome> {
    match record_once(workspace, options, host) {
        Err(error) if error.is_damage() && !options.rehash => {
            host.notice(Notice::NewestDamaged { why: error.to_string() });
            // It names trees that may be gone.
            super::verify::forget_stat_cache(&workspace.local)?;
            record_once(workspace, &PushOptions { rehash: true, ..options.clone() }, host)
        }
        outcome => outcome,
    }
}

fn record_once(workspace: &mut Workspace, options: &PushOptions, host: &dyn Host) -> OpsResult<PushOutcome> {
    workspace.store.sweep_tmp()?;
    let batch = workspace.begin_batch(host)?;
    let mut snapshot = look(workspace, options, Some(&batch), host)?;
    batch.prepare()?;
    let mut publishing = workspace.begin_publish(host)?;
    let newest = publishing.workspace().newest()?;
    let newest_root = newest.as_ref().map(|row| row.record.root);
    if newest_root == Some(snapshot.tree.root) && !options.allow_empty {
        let stored_again = store_again(&mut publishing, batch, &snapshot, options, host)?;
        snapshot.update_cache(publishing.workspace());
        return Ok(PushOutcome::Unchanged { newest: publishing.head.newest, report: PushReport { stored_again, ..report(&snapshot) } });
    }
    let changes = match changes_since(&publishing.workspace().store, &snapshot, newest_root.as_ref()) {
        // What cannot be read is no version to compare with.
        Err(error) if error.is_damage() && options.rehash => changes_since(&publishing.workspace().store, &snapshot, None)?,
        changes => changes?,
    };
    let (version, root) = (publishing.next_number(), snapshot.tree.root);
    let body = RecordBody::Version(version_record(version, &snapshot, changes, options));
    let Published { raw_bytes: new_bytes, stored_bytes, .. } = publishing.commit(batch, body, host)?;
    snapshot.update_cache(publishing.workspace());
    let report = PushReport { changes, new_bytes, stored_bytes, ..report(&snapshot) };
    Ok(PushOutcome::Made { version, root, report })
}

/// Publishes what was put into the batch of a snapshot that equals the newest version: the store has lost it. Gives how many objects.
fn store_again(
    publishing: &mut Publishing<'_>,
    batch: Batch,
    snapshot: &Snapshot,
    options: &PushOptions,
    host: &dyn Host,
) -> OpsResult<u64> {
    let store = &publishing.workspace().store;
    if !options.rehash {
        // The stat cache alone has said that nothing changed.
        store.tree(&snapshot.tree.root)?;
    }
    // Without `rehash` only what is not there was put, and another process may have put the same since.
    if batch.objects() == 0 || !options.rehash && !store.lacks_any_of(&batch)? {
        return Ok(0);
    }
    Ok(publishing.commit(batch, RecordBody::Collect, host)?.objects)
}

fn dry_run(workspace: &mut Workspace, options: &PushOptions, host: &dyn Host) -> OpsResult<PushOutcome> {
    let snapshot = look(workspace, options, None, host)?;
    let newest = workspace.newest()?;
    let newest_root = newest.as_ref().map(|row| row.record.root);
    let report = report(&snapshot);
    if newest_root == Some(snapshot.tree.root) && !options.allow_empty {
        return Ok(PushOutcome::Unchanged { newest: newest.map(|row| row.record.number), report });
    }
    let mut counter = ChangeCounter::default();
    let mut changed_paths = Vec::new();
    diff(&snapshot.trees(&workspace.store), newest_root.as_ref(), Some(&snapshot.tree.root), &mut |change| {
        counter.add(&change);
        changed_paths.push(change);
    })?;
    let version = VersionNumber(newest.map_or(0, |row| row.record.number.0) + 1);
    Ok(PushOutcome::WouldMake { version, report: PushReport { changes: counter.counts(), changed_paths, ..report } })
}

/// Takes the snapshot, and refuses one that the rules have emptied.
fn look(workspace: &Workspace, options: &PushOptions, batch: Option<&Batch>, host: &dyn Host) -> OpsResult<Snapshot> {
    let is_first = workspace.log.head()?.newest.is_none();
    let snapshot_options = SnapshotOptions {
        rehash: options.rehash,
        measure_left_out: is_first || options.dry_run,
        stat_trust_age_ms: options.stat_trust_age_ms,
        finds_secrets: options.finds_secrets && workspace.settings().secret_scan,
    };
    let snapshot = snapshot::take(workspace, &snapshot_options, batch, host)?;
    if !options.force {
        refuse_nearly_nothing(&snapshot)?;
    }
    Ok(snapshot)
}

fn refuse_nearly_nothing(snapshot: &Snapshot) -> OpsResult<()> {
    let recorded = snapshot.tree.files;
    let left_out = snapshot.scan.left_out();
    let from_files = left_out.iter().filter(|(rule, _)| !rule.starts_with(BUILT_IN));
    let Some((rule, counts)) = from_files.max_by_key(|(_, counts)| counts.files + counts.directories) else { return Ok(()) };
    let seen = recorded + counts.files + counts.directories;
    if seen < NEARLY_NOTHING_SEEN_MIN && recorded > 0 || recorded * NEARLY_NOTHING_SHARE >= seen {
        return Ok(());
    }
    Err(OpsError::NearlyNothingLeft { rule: rule.to_string(), recorded, seen })
}

fn changes_since(store: &Store, snapshot: &Snapshot, newest_root: Option<&ObjectId>) -> OpsResult<ChangeCounts> {
    // All of a first version is new: no tree has to be opened to know that.
    if newest_root.is_none() {
        return Ok(ChangeCounts { added: snapshot.tree.files, ..ChangeCounts::default() });
    }
    Ok(count_changes(&snapshot.trees(store), newest_root, Some(&snapshot.tree.root))?)
}

fn version_record(number: VersionNumber, snapshot: &Snapshot, changes: ChangeCounts, options: &PushOptions) -> VersionRecord {
    VersionRecord {
        number,
        root: snapshot.tree.root,
        by: options.by.clone(),
        triggered_by: options.triggered_by.clone(),
        message: options.message.clone(),
        changes,
        files: snapshot.tree.files,
        bytes: snapshot.tree.bytes,
        left_out: snapshot.scan.skipped().1 + snapshot.unstable.len() as u64,
    }
}

/// What a snapshot says in a report.
pub(super) fn report(snapshot: &Snapshot) -> PushReport {
    let (skipped, skipped_total) = snapshot.scan.skipped();
    // That the history does not hold itself goes without saying.
    let left_out = snapshot.scan.left_out().into_iter().filter(|(rule, _)| **rule != *OWN_FOLDER_RULE);
    let to_path = |skip: crate::workspace::scan::Skipped| SkippedPath { path: skip.path, kind: skip.kind, reason: skip.why.into() };
    PushReport {
        files: snapshot.tree.files,
        bytes: snapshot.tree.bytes,
        by_rules: left_out.map(|(rule, counts)| by_rule(&rule, counts)).collect(),
        skipped: skipped.into_iter().map(to_path).collect(),
        skipped_total,
        unstable: snapshot.unstable.clone(),
        secrets: snapshot.secrets.clone(),
        ..PushReport::default()
    }
}

fn by_rule(rule: &str, counts: LeftOut) -> LeftOutByRule {
    let LeftOut { files, bytes, directories, example } = counts;
    LeftOutByRule { rule: rule.to_owned(), files, bytes, directories, example }
}

fn check_texts(options: &PushOptions) -> OpsResult<()> {
    for (what, text) in [("message", &options.message), ("trigger", &options.triggered_by), ("author", &options.by)] {
        if text.len() > TEXT_BYTES_MAX {
            return Err(OpsError::TextTooLong { what, bytes: text.len(), bytes_max: TEXT_BYTES_MAX });
        }
    }
    Ok(())
}
