//! Real git, and the files it works on.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::case::{Case, Files, Item};

/// Whether git can be had. Its absence is said, and on a build server it is a failure.
pub fn has_git() -> bool {
    let is_there = Command::new("git").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there {
        println!("SKIPPED patch_git_apply: git is not installed");
        assert!(std::env::var_os("CI").is_none(), "git is needed on a build server");
    }
    is_there
}

/// A repository of its own, out of reach of the settings of this machine.
pub fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "--quiet", "--template="], b"");
    folder
}

/// Runs git, which must succeed.
pub fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = try_git(folder, arguments, input);
    let context = || keep_for_inspection(input);
    assert!(output.status.success(), "git {arguments:?}: {}\ninput: {:?}", String::from_utf8_lossy(&output.stderr), context());
    output.stdout
}

pub fn keep_for_inspection(input: &[u8]) -> PathBuf {
    let (mut file, path) = tempfile::NamedTempFile::new().unwrap().keep().unwrap();
    file.write_all(input).unwrap();
    path
}

pub fn try_git(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.autocrlf=false"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

pub fn write_files(folder: &Path, files: &Files) {
    for (path, item) in files {
        let place = folder.join(OsStr::from_bytes(path));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        match item {
            Item::Link(target) => symlink(OsStr::from_bytes(target), place).unwrap(),
            Item::File(mode, content) => {
                fs::write(&place, content).unwrap();
                fs::set_permissions(&place, fs::Permissions::from_mode(u32::from(*mode))).unwrap();
            }
        }
    }
}

pub fn read_files(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in walkdir::WalkDir::new(folder).min_depth(1).into_iter().filter_entry(|entry| entry.file_name() != ".git") {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(folder).unwrap().as_os_str().as_bytes().to_vec();
        if entry.file_type().is_symlink() {
            files.insert(path, Item::Link(fs::read_link(entry.path()).unwrap().into_os_string().into_vec()));
        } else if entry.file_type().is_file() {
            let mode = entry.metadata().unwrap().permissions().mode() as u16 & 0o7777;
            files.insert(path, Item::File(mode, fs::read(entry.path()).unwrap()));
        }
    }
    files
}

/// As git knows files: executable or not.
pub fn with_git_modes(files: &Files) -> Files {
    let with_git_mode = |item: &Item| match item {
        Item::File(mode, content) => Item::File(if mode & 0o100 != 0 { 0o755 } else { 0o644 }, content.clone()),
        link => link.clone(),
    };
    files.iter().map(|(path, item)| (path.clone(), with_git_mode(item))).collect()
}

/// Applies the case's patch to its old files and compares what is there then with `expected`.
pub fn assert_applies(case: &Case, context_lines: u32, expected: &Files) {
    let folder = repository();
    write_files(folder.path(), &case.old);
    assert_applies_in(folder.path(), case, context_lines, expected);
}

/// Applies the case's patch in a folder that holds its old files.
pub fn assert_applies_in(folder: &Path, case: &Case, context_lines: u32, expected: &Files) {
    let patch = case.patch(context_lines);
    let zero = if context_lines == 0 { &["--unidiff-zero"][..] } else { &[] };
    git(folder, &[&["apply", "--whitespace=nowarn"][..], zero, &["-"]].concat(), &patch);
    let (found, expected) = (with_git_modes(&read_files(folder)), with_git_modes(expected));
    for path in found.keys().chain(expected.keys()) {
        let shown = String::from_utf8_lossy(path);
        assert_eq!(found.get(path), expected.get(path), "{shown:?}; patch: {:?}", keep_for_inspection(&patch));
    }
}
