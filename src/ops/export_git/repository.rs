//! Fills a git repository with the history, by running git.

use std::io::{self, BufWriter, ErrorKind, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::Ordering;

use super::{ExportGitOptions, ExportGitOutcome, export_git, reference_of};
use crate::disk::DiskError;
use crate::ops::{Host, OpsError, OpsResult, Workspace};

/// Variables by which git would work on another repository than the one that is meant.
const MISLEADING: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
];

/// Exports into the repository in a folder. One that does not exist or is empty becomes a new repository with the files of the last
/// version in it; in one that is a repository already only the branch is made, which must not exist.
///
/// # Errors
/// [`OpsError::NoGit`], [`OpsError::GitFailed`], [`OpsError::BranchExists`], [`OpsError::NotEmpty`]. Then there is no new repository,
/// and an old one has no new branch.
pub fn export_git_to(workspace: &Workspace, options: &ExportGitOptions, folder: &Path, host: &dyn Host) -> OpsResult<ExportGitOutcome> {
    let branch = reference_of(&options.branch)?;
    run(Command::new("git").arg("--version"), "git --version")?;
    let was_there = folder.symlink_metadata().is_ok();
    if !make_folder(folder)? {
        refuse_other_folder(folder)?;
        refuse_branch(folder, &branch, options)?;
        return fill(workspace, options, folder, host);
    }
    let exported = export_into_new(workspace, options, folder, &branch, host);
    if exported.is_err() {
        // What cannot be removed is a repository without commits.
        let _ = std::fs::remove_dir_all(folder.join(".git"));
        let _ = if was_there { Ok(()) } else { std::fs::remove_dir(folder) };
    }
    exported
}

fn export_into_new(
    workspace: &Workspace,
    options: &ExportGitOptions,
    folder: &Path,
    branch: &str,
    host: &dyn Host,
) -> OpsResult<ExportGitOutcome> {
    run(git(folder).args(["init", "--quiet", "--template="]), "git init")?;
    run(git(folder).args(["symbolic-ref", "HEAD", branch]), "git symbolic-ref")?;
    let outcome = fill(workspace, options, folder, host)?;
    run(git(folder).args(["reset", "--quiet", "--hard"]), "git reset")?;
    Ok(outcome)
}

/// Makes the folder if there is none; says whether nothing is in it.
fn make_folder(folder: &Path) -> OpsResult<bool> {
    std::fs::create_dir_all(folder).map_err(|error| DiskError::new("make the folder", folder, error))?;
    let mut names = std::fs::read_dir(folder).map_err(|error| DiskError::new("look into", folder, error))?;
    Ok(names.next().is_none())
}

/// Refuses a folder that is no repository of its own, though it may lie in one.
fn refuse_other_folder(folder: &Path) -> OpsResult<()> {
    let is_repository = folder.join(".git").symlink_metadata().is_ok() || folder.join("objects").is_dir() && folder.join("HEAD").is_file();
    if is_repository { Ok(()) } else { Err(OpsError::NotEmpty { path: folder.to_path_buf() }) }
}

fn refuse_branch(folder: &Path, branch: &str, options: &ExportGitOptions) -> OpsResult<()> {
    let shown = output(git(folder).args(["show-ref", "--verify", "--quiet", branch]))?;
    if shown.status.success() { Err(OpsError::BranchExists { branch: options.branch.clone() }) } else { Ok(()) }
}

/// Runs `git fast-import` and writes the stream to it.
fn fill(workspace: &Workspace, options: &ExportGitOptions, folder: &Path, host: &dyn Host) -> OpsResult<ExportGitOutcome> {
    let mut command = git(folder);
    command.args(["fast-import", "--quiet", "--done"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(not_started)?;
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        // What git says is read as far as it can be.
        let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut text));
        text
    });
    let exported = match stdin {
        Some(stdin) => export_git(workspace, options, &mut BufWriter::new(stdin), host),
        None => Err(OpsError::Output(ErrorKind::BrokenPipe.into())),
    };
    let status = child.wait().map_err(OpsError::Output)?;
    let stderr = errors.join().unwrap_or_default();
    match exported {
        // Ctrl-C reaches git as well, and then the stream breaks.
        Err(OpsError::Output(_)) if host.cancel_flag().load(Ordering::Relaxed) => Err(OpsError::Cancelled),
        // git knows better why it went away.
        Err(OpsError::Output(error)) if error.kind() != ErrorKind::BrokenPipe => Err(OpsError::Output(error)),
        Ok(_) | Err(OpsError::Output(_)) if !status.success() => Err(failed("git fast-import", &stderr)),
        other => other,
    }
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder);
    for name in MISLEADING {
        command.env_remove(name);
    }
    command
}

fn run(command: &mut Command, what: &'static str) -> OpsResult<()> {
    let output = output(command)?;
    if output.status.success() { Ok(()) } else { Err(failed(what, &output.stderr)) }
}

fn output(command: &mut Command) -> OpsResult<Output> {
    command.stdin(Stdio::null()).output().map_err(not_started)
}

fn not_started(error: io::Error) -> OpsError {
    if error.kind() == ErrorKind::NotFound { OpsError::NoGit } else { OpsError::GitFailed { what: "git", said: error.to_string() } }
}

fn failed(what: &'static str, stderr: &[u8]) -> OpsError {
    OpsError::GitFailed { what, said: String::from_utf8_lossy(stderr).trim().to_owned() }
}
