//! The history as git has histories: one commit for each version, in the format that `git fast-import` reads.
//!
//! Only what differs from the version before is written. git holds neither empty folders nor permission bits beyond one for
//! execution, nor anything named `.git`; what is lost that way is counted.

mod message;
mod repository;

use std::io::Write;
use std::sync::atomic::Ordering;

pub use repository::export_git_to;

use super::file_content::write_content;
use super::purged::RemainingTrees;
use super::{Host, OpsError, OpsResult, Phase, Purged, Workspace};
use crate::format::record::VersionNumber;
use crate::format::tree::Tree;
use crate::git::{CommitHead, FastImport, Person, is_reference};
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::store::Reader;
use crate::tree::{Change, OwnedNode, diff, lookup};
use crate::version_log::VersionRow;

/// What to export.
#[derive(Clone, Debug)]
pub struct ExportGitOptions {
    /// The first version; else the first there is.
    pub from: Option<VersionNumber>,
    /// The last version; else the newest.
    pub to: Option<VersionNumber>,
    /// The branch that gets the commits, without `refs/heads/`.
    pub branch: String,
}

/// What was exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportGitOutcome {
    /// Versions, each a commit now.
    pub versions: u64,
    /// Versions that were deleted, and are no commits.
    pub deleted: u64,
    /// Files and links that were written, in all commits together.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Labels that are tags now.
    pub tags: u64,
    /// Labels that git does not take as names.
    pub refused_labels: Vec<String>,
    /// How often a folder was empty in a version that changed it; git holds none.
    pub empty_directories: u64,
    /// How often a file or folder had permission bits other than git's; they became the nearest of those.
    pub other_modes: u64,
    /// How often something named `.git`, or below it, was left out.
    pub git_paths: u64,
    /// How often a file was left out because its content was purged.
    pub purged: u64,
}

impl ExportGitOutcome {
    /// Whether git holds all that the versions hold.
    pub fn is_complete(&self) -> bool {
        self.deleted == 0
            && self.refused_labels.is_empty()
            && self.empty_directories == 0
            && self.other_modes == 0
            && self.git_paths == 0
            && self.purged == 0
    }
}

/// Writes the history as a stream for `git fast-import`.
///
/// # Errors
/// [`OpsError::BadBranch`], [`OpsError::NothingInRange`]; [`OpsError::Output`] when the stream cannot be written. A stream that breaks off makes no branch.
pub fn export_git(workspace: &Workspace, options: &ExportGitOptions, out: &mut dyn Write, host: &dyn Host) -> OpsResult<ExportGitOutcome> {
    let branch = reference_of(&options.branch)?;
    let rows = rows(workspace, options)?;
    let stream = FastImport::begin(out, branch).map_err(OpsError::Output)?;
    let purged = Purged::of(workspace)?;
    let trees = RemainingTrees { store: &workspace.store, purged: &purged };
    let mut export = Export { trees, reader: workspace.store.reader(), stream, outcome: ExportGitOutcome::default() };
    let mut former = None;
    let total = rows.len() as u64;
    for row in &rows {
        if host.cancel_flag().load(Ordering::Relaxed) {
            return Err(OpsError::Cancelled);
        }
        if row.deleted {
            export.outcome.deleted += 1;
            continue;
        }
        export.version(row, former.as_ref())?;
        former = Some(row.record.root);
        host.progress(Phase::Exporting, export.outcome.versions, Some(total));
    }
    for (label, version) in labels(workspace)? {
        let is_exported = rows.iter().any(|row| row.record.number == version && !row.deleted);
        export.label(label, version, is_exported)?;
    }
    export.stream.finish().map_err(OpsError::Output)?;
    Ok(export.outcome)
}

/// The labels of versions, by name.
fn labels(workspace: &Workspace) -> OpsResult<Vec<(String, VersionNumber)>> {
    let marks = workspace.log.marks()?;
    Ok(marks.labels.into_iter().map(|(name, label)| (name, label.version)).collect())
}

/// The branch's whole name.
fn reference_of(branch: &str) -> OpsResult<String> {
    let reference = format!("refs/heads/{branch}");
    if is_reference(&reference) { Ok(reference) } else { Err(OpsError::BadBranch { branch: branch.to_owned() }) }
}

/// The versions that are meant, oldest first.
fn rows(workspace: &Workspace, options: &ExportGitOptions) -> OpsResult<Vec<VersionRow>> {
    let head = workspace.log.head()?;
    let newest = head.newest.ok_or(OpsError::NoVersion)?;
    for number in options.from.iter().chain(&options.to) {
        if *number > newest || number.0 == 0 {
            return Err(OpsError::UnknownVersion { number: *number, newest: head.newest });
        }
    }
    let (from, to) = (options.from.unwrap_or(VersionNumber(1)), options.to.unwrap_or(newest));
    let mut rows = workspace.log.versions_newest_first(None)?;
    rows.retain(|row| (from..=to).contains(&row.record.number));
    rows.reverse();
    if rows.iter().all(|row| row.deleted) {
        return Err(OpsError::NothingInRange);
    }
    Ok(rows)
}

struct Export<'a, W> {
    trees: RemainingTrees<'a>,
    reader: Reader<'a>,
    stream: FastImport<W>,
    outcome: ExportGitOutcome,
}

impl<W: Write> Export<'_, W> {
    fn version(&mut self, row: &VersionRow, former: Option<&ObjectId>) -> OpsResult<()> {
        let mut changes = Vec::new();
        diff(&self.trees, former, Some(&row.record.root), &mut |change| changes.push(change))?;
        let mut purged = 0;
        diff(self.trees.store, former, Some(&row.record.root), &mut |change| {
            purged += u64::from(change.to.is_some_and(|node| self.trees.purged.has_node(&node)));
        })?;
        self.outcome.purged += purged;
        self.count_emptied(&changes, &row.record.root)?;
        let message = message::of(row);
        let author = Person::new(&row.record.by);
        let head = CommitHead { mark: row.record.number.0, author, created_ms: row.created_ms, message: &message };
        self.stream.commit(&head).map_err(OpsError::Output)?;
        let before = changes.len();
        changes.retain(|change| !is_in_git_folder(&change.path));
        self.outcome.git_paths += (before - changes.len()) as u64;
        // First what goes: a folder may take a file's place, and a file a folder's.
        for change in changes.iter().filter(|change| is_leaf(&change.from) && !is_leaf(&change.to)) {
            self.stream.remove(change.path.as_bytes()).map_err(OpsError::Output)?;
        }
        for change in &changes {
            self.put(change)?;
        }
        self.outcome.versions += 1;
        Ok(())
    }

    fn put(&mut self, change: &Change) -> OpsResult<()> {
        match &change.to {
            None => Ok(()),
            Some(OwnedNode::Directory { mode, id }) => {
                self.outcome.other_modes += u64::from(*mode != 0o755);
                self.outcome.empty_directories += u64::from(*id == Tree::empty().id());
                Ok(())
            }
            Some(OwnedNode::Symlink { target }) => {
                self.outcome.files += 1;
                self.stream.link(change.path.as_bytes(), target).map_err(OpsError::Output)
            }
            Some(OwnedNode::File { mode, bytes, id }) => {
                self.outcome.other_modes += u64::from(*mode != 0o644 && *mode != 0o755);
                self.file(&change.path, mode & 0o100 != 0, *bytes, id)
            }
        }
    }

    fn file(&mut self, path: &RelPath, executable: bool, bytes: u64, id: &ObjectId) -> OpsResult<()> {
        self.stream.begin_file(path.as_bytes(), executable, bytes).map_err(OpsError::Output)?;
        let stream = &mut self.stream;
        write_content(&mut self.reader, id, bytes, &mut |piece| stream.piece(piece))?;
        self.outcome.files += 1;
        self.outcome.bytes += bytes;
        self.stream.end_file().map_err(OpsError::Output)
    }

    /// Counts the folders from which the last path went but which are still there.
    fn count_emptied(&mut self, changes: &[Change], root: &ObjectId) -> OpsResult<()> {
        let mut folders: Vec<RelPath> =
            changes.iter().filter(|change| change.to.is_none()).filter_map(|change| Some(change.path.split_last()?.0)).collect();
        folders.sort_unstable();
        folders.dedup();
        for folder in folders.iter().filter(|folder| !folder.is_root()) {
            // One that changed itself is counted where it is put in.
            if changes.iter().any(|change| change.path == *folder) {
                continue;
            }
            if let Some(OwnedNode::Directory { id, .. }) = lookup(&self.trees, root, folder)? {
                self.outcome.empty_directories += u64::from(id == Tree::empty().id());
            }
        }
        Ok(())
    }

    fn label(&mut self, label: String, version: VersionNumber, is_exported: bool) -> OpsResult<()> {
        let reference = format!("refs/tags/{label}");
        if !is_exported {
            return Ok(());
        }
        if !is_reference(&reference) {
            self.outcome.refused_labels.push(label);
            return Ok(());
        }
        self.outcome.tags += 1;
        self.stream.tag(&reference, version.0).map_err(OpsError::Output)
    }
}

fn is_leaf(node: &Option<OwnedNode>) -> bool {
    node.as_ref().is_some_and(|node| !node.is_directory())
}

fn is_in_git_folder(path: &RelPath) -> bool {
    path.components().any(|name| name == b".git")
}
