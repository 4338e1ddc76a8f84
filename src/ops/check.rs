//! Checks: a command of the user's says whether a version is good, and the log remembers.

mod process;

use super::{Host, OpsError, OpsResult, Workspace};
use crate::format::record::{CheckRecord, RecordBody, VersionNumber};
use crate::limits::TEXT_BYTES_MAX;

/// What to check, and how.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// The version that the workspace is as it is.
    pub version: VersionNumber,
    /// A command for `sh -c`.
    pub command: String,
}

impl CheckOptions {
    /// Refuses a command that no record could hold, before it is run.
    ///
    /// # Errors
    /// [`OpsError::TextTooLong`].
    pub fn check_command(command: &str) -> OpsResult<()> {
        match command.len() {
            bytes if bytes > TEXT_BYTES_MAX => Err(OpsError::TextTooLong { what: "check", bytes, bytes_max: TEXT_BYTES_MAX }),
            _ => Ok(()),
        }
    }
}

/// Runs a command in the workspace, as it is now, and records with the version how it ended, how long it took, and the last
/// lines that it wrote. What it writes to standard output and standard error is handed to `output` as it comes. It gets no
/// standard input. No lock is held meanwhile: the command may use the workspace and its history.
///
/// # Errors
/// [`OpsError::CheckStopped`] when the user stopped it: it is ended, and nothing is recorded. [`OpsError::CheckNotRun`].
///
/// # Durability
/// On return the result is durable.
pub fn check(workspace: &mut Workspace, options: &CheckOptions, output: &mut dyn FnMut(&[u8]), host: &dyn Host) -> OpsResult<CheckRecord> {
    let CheckOptions { version, command } = options;
    let version = *version;
    CheckOptions::check_command(command)?;
    let ended = process::run(command, workspace.root(), output, host.cancel_flag());
    let ended = ended.map_err(|source| OpsError::CheckNotRun { version, source })?.ok_or(OpsError::CheckStopped { version })?;
    let record =
        CheckRecord { version, command: command.clone(), end: ended.end, duration_ms: ended.duration_ms, output: ended.last_lines };
    let mut publishing = workspace.begin_publish(host)?;
    // It may have been deleted while the command ran.
    publishing.workspace().usable_version(version)?;
    let batch = publishing.workspace().store.batch()?;
    publishing.commit(batch, RecordBody::Check(record.clone()), host)?;
    Ok(record)
}
