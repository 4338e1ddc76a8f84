//! The answers of `import` and `export`.

use std::path::Path;
use std::time::Duration;

use lua_store::ops::{ExportGitOutcome, ExportTarOutcome, ImportGitOutcome, ImportGitPlan, UnheldPath};
use serde::Serialize;

use super::path::{JsonPath, os_text};
use super::{Answer, milliseconds};
use crate::cli::render::transfer::why_unheld;

/// What was imported.
#[derive(Debug, Serialize)]
pub struct Imported {
    workspace: String,
    versions: u64,
    newest: Option<u64>,
    already: u64,
    new_bytes: u64,
    stored_bytes: u64,
    lfs_pointers: u64,
    cut_messages: u64,
    left_out: Vec<LeftOut>,
    left_out_total: u64,
    elapsed_ms: u64,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    #[serde(flatten)]
    path: JsonPath,
    reason: &'static str,
}

fn left_out(unheld: &[UnheldPath]) -> Vec<LeftOut> {
    unheld.iter().map(|unheld| LeftOut { path: unheld.path.as_slice().into(), reason: why_unheld(unheld.why) }).collect()
}

/// The answer of `import git`.
pub fn imported(outcome: &ImportGitOutcome, root: &Path, elapsed: Duration) -> Answer<Imported> {
    Answer::new(Imported {
        workspace: os_text(root),
        versions: outcome.versions,
        newest: outcome.newest.map(|newest| newest.0),
        already: outcome.already,
        new_bytes: outcome.new_bytes,
        stored_bytes: outcome.stored_bytes,
        lfs_pointers: outcome.lfs_pointers,
        cut_messages: outcome.cut_messages,
        left_out: left_out(&outcome.unheld),
        left_out_total: outcome.unheld_total,
        elapsed_ms: milliseconds(elapsed),
    })
}

/// What would be imported.
#[derive(Debug, Serialize)]
pub struct ImportPlan {
    dry_run: bool,
    commits: u64,
    oldest: Option<String>,
    newest: Option<String>,
    already: u64,
    first_version: u64,
}

/// The answer of `import git --dry-run`.
pub fn import_plan(plan: &ImportGitPlan) -> Answer<ImportPlan> {
    Answer::new(ImportPlan {
        dry_run: true,
        commits: plan.len(),
        oldest: plan.ends().map(|(oldest, _)| oldest.to_string()),
        newest: plan.ends().map(|(_, newest)| newest.to_string()),
        already: plan.already,
        first_version: plan.first_version.0,
    })
}

/// What was exported to git.
#[derive(Debug, Serialize)]
pub struct ExportedGit<'a> {
    folder: String,
    versions: u64,
    deleted: u64,
    files: u64,
    bytes: u64,
    tags: u64,
    refused_labels: &'a [String],
    empty_directories: u64,
    other_modes: u64,
    git_paths: u64,
    purged: u64,
    elapsed_ms: u64,
}

/// The answer of `export git`.
pub fn exported_git<'a>(outcome: &'a ExportGitOutcome, folder: &Path, elapsed: Duration) -> Answer<ExportedGit<'a>> {
    Answer::new(ExportedGit {
        folder: os_text(folder),
        versions: outcome.versions,
        deleted: outcome.deleted,
        files: outcome.files,
        bytes: outcome.bytes,
        tags: outcome.tags,
        refused_labels: &outcome.refused_labels,
        empty_directories: outcome.empty_directories,
        other_modes: outcome.other_modes,
        git_paths: outcome.git_paths,
        purged: outcome.purged,
        elapsed_ms: milliseconds(elapsed),
    })
}

/// What was exported as an archive.
#[derive(Debug, Serialize)]
pub struct ExportedTar {
    file: String,
    version: u64,
    files: u64,
    directories: u64,
    bytes: u64,
    archive_bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    purged: Vec<JsonPath>,
    elapsed_ms: u64,
}

/// The answer of `export tar`.
pub fn exported_tar(outcome: &ExportTarOutcome, file: &Path, elapsed: Duration) -> Answer<ExportedTar> {
    Answer::new(ExportedTar {
        file: os_text(file),
        version: outcome.version.0,
        files: outcome.files,
        directories: outcome.directories,
        bytes: outcome.bytes,
        archive_bytes: outcome.archive_bytes,
        purged: super::path::all(&outcome.purged),
        elapsed_ms: milliseconds(elapsed),
    })
}
