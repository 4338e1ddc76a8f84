//! One version as a compressed archive. The same version and level give the same bytes everywhere, whoever exports: entries are in the
//! order of their names, every time is the version's, owner and group are 0 without names.

mod archive;
mod compress;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use self::archive::{Archive, Attributes};
use self::compress::Compressed;
use super::file_content::write_content;
use super::purged::RemainingTrees;
use super::{Host, OpsError, OpsResult, Phase, Purged, Workspace};
use crate::disk::DiskError;
use crate::format::record::VersionNumber;
use crate::path::RelPath;
use crate::store::Reader;
use crate::tree::{OwnedNode, walk};

/// What to export.
#[derive(Clone, Copy, Debug)]
pub struct ExportTarOptions {
    /// Which version.
    pub version: VersionNumber,
    /// How hard to compress: level of zstd, 1 to 19.
    pub level: i32,
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportTarOutcome {
    /// The version.
    pub version: VersionNumber,
    /// Files and links.
    pub files: u64,
    /// Folders.
    pub directories: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// Paths that were purged from the version, and are left out.
    pub purged: Vec<RelPath>,
}

/// Writes a version as an archive (tar, compressed with zstd). Memory does not grow with the files.
///
/// # Errors
/// [`OpsError::Output`] when it cannot be written; what was written until then is no whole archive.
pub fn export_tar(workspace: &Workspace, options: ExportTarOptions, out: &mut dyn Write, host: &dyn Host) -> OpsResult<ExportTarOutcome> {
    let row = workspace.usable_version(options.version)?;
    let seconds = u64::try_from(row.created_ms.div_euclid(1000)).unwrap_or(0);
    let nothing = ExportTarOutcome { version: options.version, files: 0, directories: 0, bytes: 0, archive_bytes: 0, purged: Vec::new() };
    let archive = Archive::new(Compressed::new(out, options.level).map_err(OpsError::Output)?);
    let mut export = Export { reader: workspace.store.reader(), archive, seconds, outcome: nothing };
    let mut result = Ok(());
    let purged = Purged::of(workspace)?;
    let trees = RemainingTrees { store: &workspace.store, purged: &purged };
    walk(&trees, &row.record.root, &(), &mut |path, node| {
        if result.is_ok() {
            result = if host.cancel_flag().load(Ordering::Relaxed) { Err(OpsError::Cancelled) } else { export.put(path, &node) };
            host.progress(Phase::Writing, export.outcome.bytes, Some(row.record.bytes));
        }
    })?;
    result?;
    let compressed = export.archive.finish().map_err(OpsError::Output)?;
    let archive_bytes = compressed.finish().map_err(OpsError::Output)?;
    let purged = purged.paths_below(&workspace.store, &row.record.root, &())?;
    Ok(ExportTarOutcome { archive_bytes, purged, ..export.outcome })
}

/// Writes a version as an archive into a new file.
///
/// # Errors
/// Those of [`export_tar`]; a file that exists is not replaced. After an error there is no file.
///
/// # Durability
/// On return the archive is durable.
pub fn export_tar_to(workspace: &Workspace, options: ExportTarOptions, path: &Path, host: &dyn Host) -> OpsResult<ExportTarOutcome> {
    let failed = |action, error| OpsError::from(DiskError::new(action, path, error));
    // Before a file is made for it.
    workspace.usable_version(options.version)?;
    let file = File::options().write(true).create_new(true).open(path).map_err(|error| failed("make", error))?;
    let mut out = BufWriter::new(&file);
    let exported = export_tar(workspace, options, &mut out, host).and_then(|outcome| {
        out.flush().and_then(|()| file.sync_all()).map_err(OpsError::Output)?;
        Ok(outcome)
    });
    if exported.is_err() {
        // A half archive that cannot be removed is found out by whoever reads it.
        let _ = std::fs::remove_file(path);
    }
    exported
}

struct Export<'a, W> {
    reader: Reader<'a>,
    archive: Archive<W>,
    seconds: u64,
    outcome: ExportTarOutcome,
}

impl<W: Write> Export<'_, W> {
    fn put(&mut self, path: &RelPath, node: &OwnedNode) -> OpsResult<()> {
        let attributes = |mode| Attributes { mode, seconds: self.seconds };
        match node {
            OwnedNode::Directory { mode, .. } => {
                self.outcome.directories += 1;
                self.archive.directory(path.as_bytes(), attributes(*mode)).map_err(OpsError::Output)
            }
            OwnedNode::Symlink { target } => {
                self.outcome.files += 1;
                self.archive.link(path.as_bytes(), target, attributes(0o777)).map_err(OpsError::Output)
            }
            OwnedNode::File { mode, bytes, id } => {
                self.archive.begin_file(path.as_bytes(), *bytes, attributes(*mode)).map_err(OpsError::Output)?;
                let archive = &mut self.archive;
                write_content(&mut self.reader, id, *bytes, &mut |piece| archive.piece(piece))?;
                self.outcome.files += 1;
                self.outcome.bytes += bytes;
                self.archive.end_file(*bytes).map_err(OpsError::Output)
            }
        }
    }
}
