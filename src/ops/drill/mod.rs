//! The restore drill: brings versions back into a scratch folder, reads them from the disk again, compares, and clears up. What a
//! backup is worth shows only when it is brought back.

mod scratch;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use self::scratch::Scratch;
use super::checkout::StoreContents;
use super::purged::RemainingTrees;
use super::{Host, OpsError, OpsResult, Phase, Purged, Workspace};
use crate::disk::{Dir, RootOf};
use crate::format::record::VersionNumber;
use crate::path::RelPath;
use crate::version_log::VersionRow;
use crate::workspace::checkout::{MaterializeOptions, Watch, WriteError, forget_cached, materialize, read_whole_back};

/// What to drill.
#[derive(Clone, Debug)]
pub struct DrillOptions {
    /// Which versions.
    pub versions: DrillVersions,
    /// The folder in which the scratch folder is made; else one of the store.
    pub scratch: Option<PathBuf>,
}

/// Which versions to bring back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillVersions {
    /// The newest.
    Newest,
    /// This one.
    One(VersionNumber),
    /// So many, picked at random.
    Random(u64),
}

/// How it went with one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrilledVersion {
    /// The version.
    pub version: VersionNumber,
    /// Files and links that were written and read back.
    pub files: u64,
    /// Folders, likewise.
    pub directories: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Paths that were purged from it, and so did not come back.
    pub purged: Vec<RelPath>,
    /// What differs from what the version holds, or why it could not be brought back.
    pub differences: Vec<String>,
}

/// Brings versions back and compares them. Neither the workspace nor the history changes.
///
/// # Errors
/// What is wrong with a version is no error but a difference. [`OpsError::NoVersion`]; those of the disk.
pub fn drill(workspace: &Workspace, options: &DrillOptions, host: &dyn Host) -> OpsResult<Vec<DrilledVersion>> {
    let rows = picked(workspace, options.versions)?;
    let parent = match &options.scratch {
        Some(path) => Dir::open(path, RootOf::UserPath)?,
        None => workspace.store.tmp().clone(),
    };
    Scratch::sweep(&parent)?;
    let purged = Purged::of(workspace)?;
    rows.iter().map(|row| drill_one(workspace, row, &purged, &parent, host)).collect()
}

fn picked(workspace: &Workspace, versions: DrillVersions) -> OpsResult<Vec<VersionRow>> {
    match versions {
        DrillVersions::One(number) => Ok(vec![workspace.usable_version(number)?]),
        DrillVersions::Newest => {
            let newest = workspace.newest()?.ok_or(OpsError::NoVersion)?;
            Ok(vec![workspace.usable_version(newest.record.number)?])
        }
        DrillVersions::Random(count) => {
            let mut rows = workspace.log.versions_newest_first(None)?;
            rows.retain(|row| !row.deleted);
            if rows.is_empty() {
                return Err(OpsError::NoVersion);
            }
            let count = usize::try_from(count).unwrap_or(usize::MAX).min(rows.len());
            for place in 0..count {
                let other = place + random_below(rows.len() - place);
                rows.swap(place, other);
            }
            rows.truncate(count);
            rows.sort_by_key(|row| row.record.number);
            Ok(rows)
        }
    }
}

/// A number below another, which is not 0. Chance need not be even here.
fn random_below(end: usize) -> usize {
    let mut bytes = [0; 8];
    // Without randomness the first versions are drilled, which does no harm.
    let _ = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::NONBLOCK);
    (u64::from_le_bytes(bytes) % end as u64) as usize
}

fn drill_one(workspace: &Workspace, row: &VersionRow, purged: &Purged, parent: &Dir, host: &dyn Host) -> OpsResult<DrilledVersion> {
    if host.cancel_flag().load(Ordering::Relaxed) {
        return Err(OpsError::Cancelled);
    }
    let began = Instant::now();
    let scratch = Scratch::make(parent, row.record.number)?;
    let drilled = bring_back(workspace, row, purged, &scratch, host);
    // The scratch goes whatever came of it; the first error counts.
    let cleared = scratch.remove();
    let drilled = drilled?;
    cleared?;
    Ok(DrilledVersion { elapsed: began.elapsed(), ..drilled })
}

fn bring_back(workspace: &Workspace, row: &VersionRow, purged: &Purged, scratch: &Scratch, host: &dyn Host) -> OpsResult<DrilledVersion> {
    let (store, root) = (&workspace.store, &row.record.root);
    let trees = &RemainingTrees { store, purged };
    let nothing = DrilledVersion {
        version: row.record.number,
        files: 0,
        directories: 0,
        bytes: 0,
        elapsed: Duration::ZERO,
        purged: Vec::new(),
        differences: Vec::new(),
    };
    let progress = |_files: u64, bytes: u64| host.progress(Phase::Writing, bytes, Some(row.record.bytes));
    let watch = Watch { progress: &progress, cancel: host.cancel_flag() };
    let options = MaterializeOptions { expected_bytes: Some(row.record.bytes), sync: true, ..MaterializeOptions::default() };
    let written = match materialize(scratch.folder(), trees, root, &StoreContents(store), options, watch, &|_, _| ()) {
        Ok(written) => written,
        Err(error) if is_damage(&error) => return Ok(DrilledVersion { differences: vec![error.to_string()], ..nothing }),
        Err(error) => return Err(error.into()),
    };
    // What is read back is to come from the disk.
    forget_cached(scratch.folder(), trees, root)?;
    host.progress(Phase::Proving, written.files, Some(written.files));
    let mismatches = read_whole_back(scratch.folder(), trees, root)?;
    Ok(DrilledVersion {
        files: written.files,
        directories: written.directories,
        bytes: written.bytes,
        purged: purged.paths_below(store, root, &())?,
        differences: mismatches.iter().map(ToString::to_string).collect(),
        ..nothing
    })
}

/// Whether the version cannot be brought back because of what the store holds.
fn is_damage(error: &WriteError<crate::store::StoreError>) -> bool {
    use crate::store::StoreError;
    use crate::workspace::checkout::CheckoutError;
    match error {
        WriteError::Content { source, .. } => !matches!(source, StoreError::Disk(_) | StoreError::Sink(_)),
        WriteError::Length { .. } | WriteError::Other(CheckoutError::Tree { .. }) => true,
        WriteError::Other(_) | WriteError::NoSpace { .. } | WriteError::NotEmpty | WriteError::Cancelled => false,
    }
}
