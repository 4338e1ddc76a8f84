//! A git history as versions: one for each commit, its contents deltas against what stood at the same paths, as pushes would have
//! made them. The files of the workspace are not touched.
//!
//! Each commit is compared with the one before it, and only what differs is read. Versions become durable together, about every
//! [`IMPORT_SETTLE_MS`]; whatever stops an import leaves whole versions, and the next one can go on behind them.

mod convert;
mod files;
mod unheld;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub use unheld::{UnheldPath, UnheldWhy};

use self::convert::{Converted, Converter};
use super::snapshot::SnapshotTrees;
use super::workspace::Publishing;
use super::{Host, OpsError, OpsResult, Phase, Workspace};
use crate::format::record::{ChangeCounts, RecordBody, VersionNumber, VersionRecord};
use crate::git::{Commit, GitId, GitRepository, Order, commits};
use crate::id::ObjectId;
use crate::limits::{IMPORT_SETTLE_MS, LOCK_RETRY_MS, TEXT_BYTES_MAX};
use crate::store::{Published, Store};
use crate::tree::{ChangeCounter, OwnedNode, diff};

/// How the trigger of an imported version begins; the beginning of the commit's hash follows.
const TRIGGER: &str = "import git ";

/// What to import.
#[derive(Clone, Debug)]
pub struct ImportGitOptions {
    /// The repository, or a folder in one.
    pub repository: PathBuf,
    /// The last commit: a branch, a tag, the beginning of a hash.
    pub tip: String,
    /// Leave out this commit and all before it.
    pub since: Option<String>,
    /// How merges are treated.
    pub order: Order,
    /// Go on where there are versions already, behind the last commit that an import has recorded.
    pub append: bool,
}

/// What would be imported.
#[derive(Clone, Debug)]
pub struct ImportGitPlan {
    repository: GitRepository,
    /// The commits, oldest first.
    commits: Vec<GitId>,
    /// Commits that an import has recorded before.
    pub already: u64,
    /// The number that the first of them would get.
    pub first_version: VersionNumber,
}

impl ImportGitPlan {
    /// How many commits.
    pub fn len(&self) -> u64 {
        self.commits.len() as u64
    }

    /// Whether there is nothing to import.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    /// The oldest and the newest of the commits.
    pub fn ends(&self) -> Option<(GitId, GitId)> {
        Some((*self.commits.first()?, *self.commits.last()?))
    }
}

/// What was imported.
#[derive(Clone, Debug, Default)]
pub struct ImportGitOutcome {
    /// Versions that were made.
    pub versions: u64,
    /// The newest of them, which is the active version now.
    pub newest: Option<VersionNumber>,
    /// Commits that an import has recorded before.
    pub already: u64,
    /// Bytes of new contents, trees among them.
    pub new_bytes: u64,
    /// Bytes that the store grew by.
    pub stored_bytes: u64,
    /// Contents that only point to a large file kept elsewhere (Git LFS); they are recorded as they are.
    pub lfs_pointers: u64,
    /// Messages that were longer than a record holds, and were cut.
    pub cut_messages: u64,
    /// Paths that no version can hold; the first of them.
    pub unheld: Vec<UnheldPath>,
    /// How many such paths were met.
    pub unheld_total: u64,
}

/// Looks which commits would be imported. Reads commits, but no contents.
///
/// # Errors
/// [`OpsError::HistoryNotEmpty`] where there are versions and appending was not asked for; [`OpsError::Git`].
pub fn plan_git_import(workspace: Option<&Workspace>, options: &ImportGitOptions) -> OpsResult<ImportGitPlan> {
    let newest = workspace.map(|workspace| workspace.log.head()).transpose()?.and_then(|head| head.newest);
    if let Some(newest) = newest.filter(|_| !options.append) {
        return Err(OpsError::HistoryNotEmpty { newest });
    }
    let repository = GitRepository::find(&options.repository)?;
    let tip = repository.resolve(&options.tip)?;
    let since = options.since.as_deref().map(|since| repository.resolve(since)).transpose()?;
    let mut commits = commits(&repository, tip, since, options.order)?;
    let already = workspace.map_or(Ok(0), |workspace| recorded_before(workspace, &commits))?;
    commits.drain(..already);
    let first_version = VersionNumber(newest.map_or(0, |newest| newest.0) + 1);
    Ok(ImportGitPlan { repository, commits, already: already as u64, first_version })
}

/// How many of the commits come up to the last one that a version says it was imported from.
fn recorded_before(workspace: &Workspace, commits: &[GitId]) -> OpsResult<usize> {
    let rows = workspace.log.versions_newest_first(None)?;
    let imported: std::collections::HashSet<&str> = rows.iter().filter_map(|row| row.record.triggered_by.strip_prefix(TRIGGER)).collect();
    Ok(commits.iter().rposition(|commit| imported.contains(commit.short().as_str())).map_or(0, |place| place + 1))
}

/// Imports what was planned: one version for each commit, the last of which is the active one then.
///
/// # Errors
/// [`OpsError::ImportStopped`] when the user stops it or a commit cannot be read: the versions made until then stay.
///
/// # Durability
/// Versions that are returned, or counted in the error, are durable.
pub fn import_git(workspace: &mut Workspace, plan: &ImportGitPlan, host: &dyn Host) -> OpsResult<ImportGitOutcome> {
    workspace.store.sweep_tmp()?;
    let mut converter = Converter::new(&plan.repository)?;
    let mut outcome = ImportGitOutcome { already: plan.already, ..ImportGitOutcome::default() };
    let mut left = plan.commits.as_slice();
    while !left.is_empty() {
        let mut publishing = workspace.begin_publish(host)?;
        let before = outcome.versions;
        let worked = import_some(&mut publishing, &mut converter, left, &mut outcome, host, plan.len());
        let settled = publishing.settle();
        if settled.is_err() {
            outcome.versions = before;
        }
        if let Err(error) = settled.and(worked) {
            return Err(if outcome.versions == 0 { error } else { stopped(&outcome, error) });
        }
        outcome.newest = publishing.head.newest;
        left = left.get((outcome.versions - before) as usize..).unwrap_or_default();
        drop(publishing);
        // Others that wait for the lock look at it now and then only, and must have a moment to see it free.
        std::thread::sleep(Duration::from_millis(2 * LOCK_RETRY_MS));
    }
    converter.report(&mut outcome);
    Ok(outcome)
}

fn stopped(outcome: &ImportGitOutcome, error: OpsError) -> OpsError {
    OpsError::ImportStopped { versions: outcome.versions, source: Box::new(error) }
}

/// Imports commits until it is time to make them durable.
fn import_some(
    publishing: &mut Publishing<'_>,
    converter: &mut Converter<'_>,
    commits: &[GitId],
    outcome: &mut ImportGitOutcome,
    host: &dyn Host,
    total: u64,
) -> OpsResult<()> {
    let newest = publishing.workspace().newest()?.map(|row| row.record);
    let mut former =
        newest.map_or_else(Former::default, |newest| Former { root: Some(newest.root), files: newest.files, bytes: newest.bytes });
    let settle_at = Instant::now() + Duration::from_millis(IMPORT_SETTLE_MS);
    for &id in commits {
        if host.cancel_flag().load(Ordering::Relaxed) {
            return Err(OpsError::Cancelled);
        }
        let commit = converter.repository().commit(id)?;
        let published = import_one(publishing, converter, id, commit, &mut former, outcome, host)?;
        outcome.versions += 1;
        outcome.new_bytes += published.raw_bytes;
        outcome.stored_bytes += published.stored_bytes;
        host.progress(Phase::Importing, outcome.versions, Some(total));
        if Instant::now() >= settle_at {
            break;
        }
    }
    Ok(())
}

/// The version before: its tree, files and bytes.
#[derive(Default)]
struct Former {
    root: Option<ObjectId>,
    files: u64,
    bytes: u64,
}

impl Former {
    /// Goes on to the next tree; gives how it differs.
    fn advance(&mut self, store: &Store, converted: &Converted) -> OpsResult<ChangeCounts> {
        let mut counter = ChangeCounter::default();
        let trees = SnapshotTrees::new(&converted.trees, store);
        diff(&trees, self.root.as_ref(), Some(&converted.root), &mut |change| {
            counter.add(&change);
            if let Some((files, bytes)) = counted(&change.from) {
                self.files = self.files.saturating_sub(files);
                self.bytes = self.bytes.saturating_sub(bytes);
            }
            if let Some((files, bytes)) = counted(&change.to) {
                self.files = self.files.saturating_add(files);
                self.bytes = self.bytes.saturating_add(bytes);
            }
        })?;
        self.root = Some(converted.root);
        Ok(counter.counts())
    }
}

/// Files and bytes that a path adds to a version.
fn counted(node: &Option<OwnedNode>) -> Option<(u64, u64)> {
    match node {
        Some(OwnedNode::File { bytes, .. }) => Some((1, *bytes)),
        Some(OwnedNode::Symlink { .. }) => Some((1, 0)),
        Some(OwnedNode::Directory { .. }) | None => None,
    }
}

fn import_one(
    publishing: &mut Publishing<'_>,
    converter: &mut Converter<'_>,
    id: GitId,
    commit: Commit,
    former: &mut Former,
    outcome: &mut ImportGitOutcome,
    host: &dyn Host,
) -> OpsResult<Published> {
    let store = &publishing.workspace().store;
    let batch = store.batch()?;
    let converted = converter.convert(store, &batch, commit.tree, former.root, host)?;
    let changes = former.advance(store, &converted)?;
    let (message, is_cut) = fitting(commit.message.trim_end());
    let (by, _) = fitting(&commit.author);
    outcome.cut_messages += u64::from(is_cut);
    let record = VersionRecord {
        number: publishing.next_number(),
        root: converted.root,
        by,
        triggered_by: format!("{TRIGGER}{}", id.short()),
        message,
        changes,
        files: former.files,
        bytes: former.bytes,
        left_out: converted.unheld,
    };
    publishing.commit_later(batch, RecordBody::Version(record), commit.authored_ms)
}

/// A text as a record holds it, and whether it had to be cut.
fn fitting(text: &str) -> (String, bool) {
    let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    (text[..end].to_owned(), end < text.len())
}
