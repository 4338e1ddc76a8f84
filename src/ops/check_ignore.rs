//! Why a path is recorded or not.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{OpsError, OpsResult, Workspace};
use crate::disk::{Dir, RootOf};
use crate::limits::IGNORE_FILE_BYTES_MAX;
use crate::workspace::rules::{IgnoreFiles, RuleSettings, Verdict, explain};

/// What becomes of a path, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The path, relative to the workspace.
    pub path: Vec<u8>,
    /// Whether a push records it.
    pub recorded: bool,
    /// The rule that decided: where it stands and what it says. `None` when no rule says anything about the path.
    pub rule: Option<String>,
    /// What the rule is about: the path itself, or a folder above it.
    pub decided: Vec<u8>,
}

/// Explains paths given relative to the workspace, or absolute and in it. A path need not exist; one that ends in a slash is
/// taken for a folder.
pub fn check_ignore(workspace: &Workspace, paths: &[PathBuf]) -> OpsResult<Vec<Explanation>> {
    paths.iter().map(|path| explain_path(workspace, path)).collect()
}

fn explain_path(workspace: &Workspace, path: &Path) -> OpsResult<Explanation> {
    let is_folder_by_name = path.as_os_str().as_bytes().ends_with(b"/");
    let relative = relative_to(workspace, path)?;
    let is_folder = is_folder_by_name || workspace.root().join(path).symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let settings = RuleSettings { include_git: workspace.settings().include_git };
    let found = explain(settings, &relative, is_folder, |folder| read_ignore_files(workspace.root(), folder))?;
    Ok(Explanation {
        path: relative,
        recorded: found.verdict == Verdict::Record,
        rule: found.rule.map(|rule| rule.to_string()),
        decided: found.decided,
    })
}

fn relative_to(workspace: &Workspace, path: &Path) -> OpsResult<Vec<u8>> {
    let error = |why: &str| OpsError::BadPath { path: path.display().to_string(), why: why.to_owned() };
    let relative =
        if path.is_absolute() { path.strip_prefix(workspace.root()).map_err(|_| error("it lies outside the workspace"))? } else { path };
    let mut components = Vec::new();
    for component in relative.components() {
        match component {
            std::path::Component::Normal(name) => components.push(name.as_bytes()),
            std::path::Component::CurDir => {}
            _ => return Err(error("it lies outside the workspace")),
        }
    }
    Ok(components.join(&b'/'))
}

fn read_ignore_files(root: &Path, folder: &[u8]) -> OpsResult<IgnoreFiles> {
    let path = root.join(std::ffi::OsStr::from_bytes(folder));
    let Ok(dir) = Dir::open(&path, RootOf::Workspace) else { return Ok(IgnoreFiles::default()) };
    let read = |name: &str| dir.read(name, IGNORE_FILE_BYTES_MAX).ok();
    Ok(IgnoreFiles { gitignore: read(".gitignore"), luaignore: read(".luaignore") })
}
