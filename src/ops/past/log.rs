//! Which versions changed some paths, and how.

use super::super::diff::in_form;
use super::super::select::PathSelection;
use super::super::{DiffForm, DiffOutcome, Host, OpsError, OpsResult, Workspace};
use super::follow::{Follow, Step};
use super::readable_versions;
use crate::format::record::VersionNumber;
use crate::patch::RenameDetection;
use crate::version_log::VersionRow;

/// What to look for.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Only these paths and what is below them, or that match these patterns; empty means all.
    pub paths: Vec<Vec<u8>>,
    /// At most so many versions; `None` for all.
    pub limit: Option<u64>,
    /// Whether a single file is followed to the names that it had before.
    pub follow: bool,
    /// What is wanted of the differences.
    pub form: DiffForm,
}

/// A version that changed something.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Its entry.
    pub row: VersionRow,
    /// What it was compared with: the version before it that was not deleted; `None` for the first.
    pub before: Option<VersionNumber>,
    /// What differs.
    pub diff: DiffOutcome,
}

/// The versions that changed the paths, newest first. Deleted versions are passed over. Changes nothing.
///
/// Keeps what it gives; without a limit that grows with the history, and with patches with all its edits.
///
/// # Errors
/// [`OpsError::NeverRecorded`] when paths were named and no version has changed any of them.
pub fn log(workspace: &Workspace, options: &LogOptions, host: &dyn Host) -> OpsResult<Vec<LogEntry>> {
    let selection = PathSelection::new(&options.paths)?;
    let missing = (!selection.is_all()).then(|| selection.describe());
    let detection = if options.form == DiffForm::NameOnly { RenameDetection::Exact } else { RenameDetection::Similar };
    let rows = readable_versions(workspace)?;
    let mut found: Vec<LogEntry> = Vec::new();
    let limit = options.limit.unwrap_or(u64::MAX);
    let mut follow = Follow::new(workspace, &rows, selection, options.follow, detection)?;
    while (found.len() as u64) < limit
        && let Some(Step { row, before, changes }) = follow.next(host)?
    {
        let diff = in_form(changes, follow.contents(), options.form)?;
        found.push(LogEntry { row: row.clone(), before: before.map(|row| row.record.number), diff });
    }
    match missing {
        Some(what) if found.is_empty() => Err(OpsError::NeverRecorded { what }),
        _ => Ok(found),
    }
}
