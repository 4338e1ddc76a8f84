//! Throw-away checkouts: versions written into a folder outside of the workspace, and commands run there.
//!
//! What is left when the process is killed is a folder `lua-…` among the temporary files, and nothing else.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::super::checkout::StoreContents;
use super::super::purged::RemainingTrees;
use super::super::{Host, OpsError, OpsResult, Purged, Workspace};
use super::stop_if_cancelled;
use crate::disk::{Dir, DiskError, RootOf};
use crate::format::record::VersionNumber;
use crate::limits::{COMMAND_GRACE_MS, COMMAND_POLL_MS_MAX, LAST_LINE_BYTES_MAX};
use crate::store::Store;
use crate::version_log::VersionRow;
use crate::workspace::checkout::{MaterializeOptions, Watch, materialize};

/// Name of the variable that tells a command which version it runs in.
const VERSION_VARIABLE: &str = "LUA_VERSION";

/// A command as it is run: its program, looked for in `PATH`, and its arguments.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        status.code().map_or_else(|| Self::Signal(status.signal().unwrap_or_default()), Self::Code)
    }
}

/// A command that was run in a version.
#[derive(Clone, Debug)]
pub struct VersionRun {
    /// The version.
    pub version: VersionNumber,
    /// How it ended.
    pub ended: Ended,
    /// How long it took, without the checkout.
    pub duration: Duration,
    /// The last line that it wrote to standard output or standard error; empty when that was not kept.
    pub last_line: Vec<u8>,
}

/// Where a command's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Where that of this process goes; the command can also read its standard input.
    Inherited,
    /// Into a file that is thrown away, but for its last line.
    Kept,
}

/// A place for throw-away checkouts.
pub struct Lab<'a> {
    store: &'a Store,
    purged: Purged,
    /// The folder in which they are made.
    folder: PathBuf,
    host: &'a dyn Host,
}

impl<'a> Lab<'a> {
    /// A place below `folder`, which must lie outside of the workspace.
    pub fn new(workspace: &'a Workspace, folder: &Path, host: &'a dyn Host) -> OpsResult<Self> {
        let resolved = |path: &Path| path.canonicalize().map_err(|error| DiskError::new("look into", path, error));
        let folder = resolved(folder)?;
        if folder.starts_with(resolved(workspace.root())?) {
            return Err(OpsError::ScratchInWorkspace { path: folder });
        }
        Ok(Self { store: &workspace.store, purged: Purged::of(workspace)?, folder, host })
    }

    /// Checks a version out, without what was purged from it, runs the command in it, and removes the checkout.
    pub fn run(&self, row: &VersionRow, command: &CommandLine, output: Output) -> OpsResult<VersionRun> {
        let scratch = Scratch::make(&self.folder)?;
        let checkout = scratch.0.join(row.record.number.to_string());
        self.check_out(row, &checkout)?;
        stop_if_cancelled(self.host)?;
        let began = Instant::now();
        let kept = scratch.0.join("output");
        let ended = self.carry_out(row.record.number, command, &checkout, (output == Output::Kept).then_some(&kept))?;
        let duration = began.elapsed();
        let last_line = if output == Output::Kept { last_line(&kept).unwrap_or_default() } else { Vec::new() };
        Ok(VersionRun { version: row.record.number, ended, duration, last_line })
    }

    fn check_out(&self, row: &VersionRow, folder: &Path) -> OpsResult<()> {
        make_private(folder)?;
        let target = Dir::open(folder, RootOf::UserPath)?;
        let options = MaterializeOptions { expected_bytes: Some(row.record.bytes), ..MaterializeOptions::default() };
        let watch = Watch { progress: &|_, _| (), cancel: self.host.cancel_flag() };
        let trees = RemainingTrees { store: self.store, purged: &self.purged };
        materialize(&target, &trees, &row.record.root, &StoreContents(self.store), options, watch, &|_, _| ())?;
        Ok(())
    }

    fn carry_out(&self, version: VersionNumber, line: &CommandLine, folder: &Path, kept: Option<&PathBuf>) -> OpsResult<Ended> {
        let failed = |source: io::Error| OpsError::CannotRun { program: line.program.to_string_lossy().into_owned(), source };
        let mut command = Command::new(&line.program);
        command.args(&line.arguments).current_dir(folder).env("PWD", folder).env(VERSION_VARIABLE, version.0.to_string());
        if let Some(kept) = kept {
            let file = File::create(kept).map_err(failed)?;
            command.stdin(Stdio::null()).stderr(file.try_clone().map_err(failed)?).stdout(file);
            // A group of its own, so that what it started ends with it.
            command.process_group(0);
        }
        let child = command.spawn().map_err(failed)?;
        let mut running = Running { child, has_group: kept.is_some() };
        let ended = running.wait(self.host).map_err(failed)?;
        ended.ok_or(OpsError::Cancelled)
    }
}

struct Running {
    child: Child,
    /// Whether it has a group of its own.
    has_group: bool,
}

impl Running {
    /// Waits for its end; `None` when the user wanted it to stop, which it then has.
    fn wait(&mut self, host: &dyn Host) -> io::Result<Option<Ended>> {
        if let Some(status) = self.wait_until(&|| host.cancel_flag().load(Ordering::Relaxed))? {
            if self.has_group {
                self.send(Signal::KILL);
            }
            return Ok(Some(status.into()));
        }
        self.send(Signal::TERM);
        let deadline = Instant::now() + Duration::from_millis(COMMAND_GRACE_MS);
        if self.wait_until(&|| Instant::now() >= deadline)?.is_none() {
            self.send(Signal::KILL);
            self.child.wait()?;
        }
        Ok(None)
    }

    /// Waits for its end, or until there is another reason to stop waiting.
    fn wait_until(&mut self, is_over: &dyn Fn() -> bool) -> io::Result<Option<ExitStatus>> {
        let mut pause_ms = 1;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if is_over() {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(pause_ms));
            pause_ms = (2 * pause_ms).min(COMMAND_POLL_MS_MAX);
        }
    }

    /// Sends a signal. That nothing is left to send it to is no error.
    fn send(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(id)
        {
            let _ = if self.has_group { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
        }
    }
}

/// The last line of a file that is not blank, as far as it is among its last bytes.
fn last_line(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    file.seek(SeekFrom::Start(bytes.saturating_sub(LAST_LINE_BYTES_MAX)))?;
    let mut end = Vec::new();
    file.take(LAST_LINE_BYTES_MAX).read_to_end(&mut end)?;
    Ok(end.trim_ascii_end().rsplit(|&byte| byte == b'\n').next().unwrap_or_default().to_vec())
}

/// A folder that goes when this goes.
struct Scratch(PathBuf);

impl Scratch {
    fn make(parent: &Path) -> OpsResult<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("lua-{}-{number}", std::process::id()));
            match make_private(&path) {
                // Left by another process that had the same number.
                Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {}
                other => return Ok(other.map(|()| Self(path))?),
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if fs::remove_dir_all(&self.0).is_err() {
            // A folder that may not be written to keeps what is in it. What cannot be removed even so is left to the system.
            open_up(&self.0);
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn make_private(path: &Path) -> Result<(), DiskError> {
    DirBuilder::new().mode(0o700).create(path).map_err(|error| DiskError::new("make the folder", path, error))
}

/// Gives the owner all rights on a folder and all folders in it.
fn open_up(folder: &Path) {
    let mut pending = vec![folder.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let _ = fs::set_permissions(&folder, Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        pending.extend(entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()));
    }
}
