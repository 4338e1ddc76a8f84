//! Paths as users give them: relative to the folder they are in, or absolute. Operations take them relative to the root of the
//! workspace.
//!
//! # Limits
//! The folder that the user is in becomes the beginning of a glob as it is: one with `*`, `?` or `[` in its own name is read as a glob.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use lua_store::ops::OpsError;
use lua_store::path::RelPath;

use super::failure::Failure;

/// A path relative to the root of the workspace; the root itself is empty. The path need not exist.
pub fn in_workspace(root: &Path, folder: &Path, given: &OsStr) -> Result<PathBuf, Failure> {
    let whole = tidied(&folder.join(given));
    let below_root = |path: &Path| path.strip_prefix(root).ok().map(Path::to_path_buf);
    below_root(&whole).or_else(|| below_root(&resolved(&whole)?)).ok_or_else(|| outside(given))
}

/// A path of the workspace or of a version, exactly as it was recorded; any bytes.
pub fn exact(root: &Path, folder: &Path, given: &OsStr) -> Result<RelPath, Failure> {
    let path = in_workspace(root, folder, given)?;
    RelPath::new(path.as_os_str().as_bytes()).map_err(|error| bad_path(given, &error.to_string()))
}

/// Paths and globs relative to the root of the workspace, of any bytes; none when the root itself is among them, which means
/// everything.
pub fn named(root: &Path, folder: &Path, given: &[OsString]) -> Result<Vec<Vec<u8>>, Failure> {
    let paths = given.iter().map(|word| in_workspace(root, folder, word)).collect::<Result<Vec<_>, _>>()?;
    if paths.iter().any(|path| path.as_os_str().is_empty()) {
        return Ok(Vec::new());
    }
    Ok(paths.into_iter().map(|path| path.into_os_string().into_vec()).collect())
}

/// As [`named`], for those who take text only; none when the root itself is among them, which means everything.
pub fn patterns(root: &Path, folder: &Path, given: &[OsString]) -> Result<Vec<String>, Failure> {
    let mut patterns = Vec::with_capacity(given.len());
    for word in given {
        let path = in_workspace(root, folder, word)?;
        if path.as_os_str().is_empty() {
            return Ok(Vec::new());
        }
        patterns.push(pattern(path, word)?);
    }
    Ok(patterns)
}

fn pattern(path: PathBuf, given: &OsStr) -> Result<String, Failure> {
    path.into_os_string().into_string().map_err(|_| bad_path(given, "patterns are UTF-8; use ? or * for other bytes"))
}

/// The path without `.` and, as far as names tell, without `..`.
fn tidied(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}

/// The path with the links on the way to it followed, not one at its end: a link in the workspace is a path of its own.
fn resolved(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?.canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

fn outside(given: &OsStr) -> Failure {
    bad_path(given, "it lies outside")
}

fn bad_path(given: &OsStr, why: &str) -> Failure {
    OpsError::BadPath { path: given.to_string_lossy().into_owned(), why: why.to_owned() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(folder: &str, given: &str) -> Result<PathBuf, Failure> {
        in_workspace(Path::new("/w"), Path::new(folder), given.as_ref())
    }

    #[test]
    fn paths_start_where_the_user_is() {
        let cases = [
            ("/w", "a", "a"),
            ("/w/sub", "a", "sub/a"),
            ("/w/sub", "../a/./b", "a/b"),
            ("/w/sub", "/w/x", "x"),
            ("/w/sub", "..", ""),
            ("/w", ".", ""),
        ];
        for (folder, given, expected) in cases {
            assert_eq!(path_of(folder, given).unwrap(), Path::new(expected), "{folder} {given}");
        }
    }

    #[test]
    fn paths_outside_are_refused() {
        for given in ["..", "../w2/a", "/etc/passwd", "/"] {
            assert!(path_of("/w", given).is_err(), "{given}");
        }
    }

    #[test]
    fn a_workspace_can_be_reached_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("real");
        std::fs::create_dir(&root).unwrap();
        std::os::unix::fs::symlink(&root, folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/etc/hosts", root.join("away")).unwrap();
        let given = folder.path().join("link/away");
        assert_eq!(in_workspace(&root, &root, given.as_os_str()).unwrap(), Path::new("away"));
    }

    #[test]
    fn the_root_among_patterns_means_everything() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let patterns = |given: &[&str]| patterns(Path::new("/w"), Path::new("/w/sub"), &words(given)).unwrap();
        assert_eq!(patterns(&["*.rs", "x/"]), ["sub/*.rs", "sub/x"]);
        assert!(patterns(&["a", ".."]).is_empty());
    }

    #[test]
    fn patterns_are_text() {
        assert!(pattern(PathBuf::from(OsStr::from_bytes(b"\xff")), OsStr::from_bytes(b"\xff")).is_err());
    }
}
