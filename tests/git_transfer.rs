//! Histories go in from git and out to git, and stay what they were: trees are compared commit by commit by git itself.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use common::contract::{self, exit};
use common::files::chmod;
use common::sandbox::Sandbox;
use lua_store::git::Order;
use lua_store::ops::{self, Host, ImportGitOptions, Notice, OpsError, Phase, QuietHost, Workspace};
use serde_json::Value;

/// A git repository beside the workspace of a sandbox.
struct Git<'a> {
    sandbox: &'a Sandbox,
    folder: PathBuf,
    clock: u64,
}

/// Whether git can be had; its absence is said.
fn has_git(test: &str) -> bool {
    let is_there = Command::new("git").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there {
        common::skip(test, "git is not installed");
    }
    is_there
}

impl<'a> Git<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let folder = sandbox.outside("repository");
        fs::create_dir(&folder).unwrap();
        let git = Self { sandbox, folder, clock: 1_700_000_000 };
        git.run(&["init", "--quiet", "--template="]);
        git.run(&["symbolic-ref", "HEAD", "refs/heads/main"]);
        git
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> String {
        self.run_in(&self.folder, arguments)
    }

    fn run_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.try_run(folder, arguments);
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn try_run(&self, folder: &Path, arguments: &[&str]) -> Output {
        let mut command = self.sandbox.command_of(Path::new("git"), arguments);
        let time = format!("{} +0200", self.clock);
        command.current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_AUTHOR_DATE", &time).env("GIT_COMMITTER_DATE", &time);
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Ada Lovelace").env(format!("GIT_{role}_EMAIL"), "ada@example.org");
        }
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn commit(&mut self, message: &str) -> String {
        self.clock += 60;
        self.run(&["add", "--all", "--force"]);
        self.run(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.head()
    }

    fn head(&self) -> String {
        self.run(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// A history with edits, removals, links, bits, kinds that change, odd names, and a merge. Gives the number of commits on the
    /// main line, and of all.
    fn grow(&mut self) -> (usize, usize) {
        self.write("src/main.rs", b"fn main() {}\n");
        self.write("run.sh", b"#!/bin/sh\n");
        chmod(&self.path("run.sh"), 0o755);
        symlink("src/main.rs", self.path("link")).unwrap();
        self.commit("first\n\nwith a body");
        let text: String = (0..2000).map(|n| format!("line {n}\n")).collect();
        self.write("docs/a b\"c\n\u{e9}", text.as_bytes());
        self.write("kind", b"a file");
        self.write(".gitattributes", b"* text=auto\n");
        self.commit("second");
        self.run(&["checkout", "--quiet", "-b", "side"]);
        self.write("side/one", b"1");
        self.commit("on the side");
        self.write("side/two", b"2");
        self.commit("on the side again");
        self.run(&["checkout", "--quiet", "main"]);
        fs::remove_file(self.path("kind")).unwrap();
        self.write("kind/is/a/folder", b"now");
        chmod(&self.path("run.sh"), 0o644);
        self.commit("kinds and bits");
        self.clock += 60;
        self.run(&["merge", "--quiet", "--no-ff", "-m", "merge of side", "side"]);
        fs::remove_dir_all(self.path("kind")).unwrap();
        symlink("nowhere", self.path("kind")).unwrap();
        fs::remove_dir_all(self.path("docs")).unwrap();
        self.commit("removals");
        self.commit("nothing at all");
        self.write("big", &(0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<u8>>());
        self.commit("a large file");
        (7, 9)
    }

    fn trees(&self, folder: &Path, arguments: &[&str]) -> Vec<String> {
        let format = ["log", "--format=%T %an <%ae> %at"];
        self.run_in(folder, &[&format[..], arguments].concat()).lines().map(str::to_owned).collect()
    }
}

fn import(sandbox: &Sandbox, git: &Git<'_>, more: &[&str]) -> Value {
    let folder = git.folder.to_str().unwrap();
    sandbox.json(&[&["import", "git", folder][..], more].concat())
}

fn rows(sandbox: &Sandbox) -> Vec<contract::Row> {
    contract::list(&sandbox.lua_json(&["source", "list", "--all"]).stdout).unwrap()
}

#[test]
fn a_history_goes_in_and_out_with_every_tree_as_it_was() {
    if !has_git("a_history_goes_in_and_out_with_every_tree_as_it_was") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut git = Git::new(&sandbox);
    let (line, _) = git.grow();
    git.run(&["gc", "--quiet"]);
    let answer = import(&sandbox, &git, &[]);
    assert_eq!((answer["versions"].as_u64(), answer["left_out_total"].as_u64()), (Some(line as u64), Some(0)), "{answer}");
    let copy = sandbox.outside("copy");
    let exported = sandbox.json(&["export", "git", "--to", copy.to_str().unwrap()]);
    assert_eq!((exported["versions"].as_u64(), exported["other_modes"].as_u64()), (Some(line as u64), Some(0)), "{exported}");
    assert_eq!(git.trees(&copy, &[]), git.trees(&git.folder, &["--first-parent"]));
    assert_eq!(git.run_in(&copy, &["status", "--porcelain"]), "", "its files are checked out");
    git.run_in(&copy, &["fsck", "--strict"]);
    let message = git.run_in(&copy, &["log", "--reverse", "--format=%B%x00"]);
    assert!(message.starts_with("first\n\nwith a body\n\nLua-Version: 1\nLua-Triggered-By: import git "), "{message}");
    sandbox.lua(&["verify"]).expect(exit::OK);
}

#[test]
fn versions_say_what_commits_say_and_hold_what_they_hold() {
    if !has_git("versions_say_what_commits_say_and_hold_what_they_hold") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("mine", "untouched");
    let mut git = Git::new(&sandbox);
    git.grow();
    let before = sandbox.tree();
    import(&sandbox, &git, &[]);
    before.assert_same(&sandbox.tree(), "an import touches no file");
    let rows = rows(&sandbox);
    let first = rows.last().unwrap();
    assert_eq!((first.by.as_str(), first.message.as_str()), ("Ada Lovelace <ada@example.org>", "first\n\nwith a body"));
    assert_eq!(first.created_ms, 1_700_000_060_000);
    let hash = git.run(&["rev-list", "--max-parents=0", "HEAD"]);
    assert_eq!(first.triggered_by, format!("import git {}", &hash[..12]));
    assert_eq!((first.added, first.changed, first.removed), (3, 0, 0));
    let nothing = &rows[1];
    assert_eq!((nothing.message.as_str(), nothing.added, nothing.changed, nothing.removed), ("nothing at all", 0, 0, 0));
    for row in &rows {
        let shown = sandbox.json(&["version", "show", &row.version.to_string()]);
        let commit = row.triggered_by.rsplit(' ').next().unwrap();
        let listed = git.run(&["ls-tree", "-r", "-l", "-z", commit]);
        let sizes = listed.split_terminator('\0').map(|line| line.split_whitespace().nth(3).unwrap().parse::<u64>().unwrap());
        let links = listed.split_terminator('\0').filter(|line| line.starts_with("120000"));
        let link_bytes: u64 = links.map(|line| line.split_whitespace().nth(3).unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(shown["files"].as_u64().unwrap() as usize, listed.split_terminator('\0').count(), "v{}", row.version);
        assert_eq!(shown["bytes"].as_u64().unwrap(), sizes.sum::<u64>() - link_bytes, "v{}", row.version);
    }
}

#[test]
fn merged_branches_come_when_they_are_asked_for() {
    if !has_git("merged_branches_come_when_they_are_asked_for") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut git = Git::new(&sandbox);
    let (_, all) = git.grow();
    let answer = import(&sandbox, &git, &["--all-commits"]);
    assert_eq!(answer["versions"].as_u64(), Some(all as u64));
    let copy = sandbox.outside("copy");
    sandbox.json(&["export", "git", "--to", copy.to_str().unwrap()]);
    let (mut exported, mut original) = (git.trees(&copy, &[]), git.trees(&git.folder, &[]));
    exported.sort_unstable();
    original.sort_unstable();
    assert_eq!(exported, original);
}

#[test]
fn an_import_goes_on_behind_the_last_one() {
    if !has_git("an_import_goes_on_behind_the_last_one") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut git = Git::new(&sandbox);
    git.write("a", b"1");
    git.commit("one");
    git.write("a", b"2");
    let second = git.commit("two");
    let planned = import(&sandbox, &git, &["--dry-run"]);
    assert_eq!((planned["commits"].as_u64(), planned["newest"].as_str()), (Some(2), Some(second.as_str())));
    assert!(!sandbox.store().exists(), "a dry run makes nothing");
    import(&sandbox, &git, &[]);
    let refused = sandbox.lua_json(&["import", "git", git.folder.to_str().unwrap()]).expect(exit::USAGE);
    assert_eq!(refused.value()["error"]["code"], "history_not_empty");
    git.write("a", b"3");
    git.write("b", b"new");
    git.commit("three");
    let answer = import(&sandbox, &git, &["--append"]);
    assert_eq!((answer["already"].as_u64(), answer["versions"].as_u64(), answer["newest"].as_u64()), (Some(2), Some(1), Some(3)));
    assert_eq!((rows(&sandbox)[0].added, rows(&sandbox)[0].changed), (1, 1));
    assert_eq!(import(&sandbox, &git, &["--append"])["versions"].as_u64(), Some(0));
    let only = sandbox.outside("only");
    sandbox.json(&["import", "git", git.folder.to_str().unwrap(), "--since", "HEAD~1", "--to", only.to_str().unwrap()]);
    let listed = contract::list(&sandbox.lua(&["-C", only.to_str().unwrap(), "source", "list", "--all", "--json"]).stdout).unwrap();
    assert_eq!(listed.iter().map(|row| (row.message.as_str(), row.added)).collect::<Vec<_>>(), [("three", 2)]);
}

#[test]
fn what_no_version_can_hold_is_named() {
    if !has_git("what_no_version_can_hold_is_named") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut git = Git::new(&sandbox);
    git.write("kept", b"x");
    git.write(".lua/config.toml", b"evil = true");
    git.write("big.bin", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n");
    let head = git.commit("one");
    git.run(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},vendor/lib")]);
    git.clock += 60;
    git.run(&["commit", "--quiet", "-m", "a submodule"]);
    let run = sandbox.lua_json(&["import", "git", git.folder.to_str().unwrap()]).expect(exit::LEFT_OUT);
    let answer = run.value();
    let left_out: Vec<(&str, &str)> = answer["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left_out| (left_out["path"].as_str().unwrap(), left_out["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(left_out, [(".lua", "no version can hold such a name"), ("vendor/lib", "a submodule")]);
    assert_eq!(answer["lfs_pointers"].as_u64(), Some(1));
    assert_eq!(sandbox.json(&["version", "show", "2"])["left_out"].as_u64(), Some(2));
    sandbox.lua(&["rollback", "2", "--force"]).expect(exit::OK);
    assert!(sandbox.path("kept").is_file() && !sandbox.path(".lua/config.toml").metadata().unwrap().len().eq(&11));
    let nowhere = sandbox.lua_json(&["import", "git", "/nonexistent", "--append"]).expect(exit::USAGE);
    assert_eq!(nowhere.value()["error"]["code"], "not_a_git_repository");
    let unknown = sandbox.lua_json(&["import", "git", git.folder.to_str().unwrap(), "--append", "--rev", "no-such"]).expect(exit::USAGE);
    assert_eq!(unknown.value()["error"]["code"], "unknown_revision");
}

#[test]
fn a_damaged_commit_leaves_the_versions_before_it() {
    if !has_git("a_damaged_commit_leaves_the_versions_before_it") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut git = Git::new(&sandbox);
    git.write("a", b"1");
    git.commit("one");
    git.write("a", b"2");
    git.commit("two");
    let blob = git.run(&["rev-parse", "HEAD:a"]);
    fs::remove_file(git.path(&format!(".git/objects/{}/{}", &blob[..2], blob[2..].trim()))).unwrap();
    let run = sandbox.lua_json(&["import", "git", git.folder.to_str().unwrap()]).expect(exit::ERROR);
    assert_eq!(run.value()["error"]["code"], "git_object_missing", "{run}");
    assert_eq!(rows(&sandbox).len(), 1);
    sandbox.lua(&["verify"]).expect(exit::OK);
    git.write("a", b"2");
    git.run(&["hash-object", "-w", "a"]);
    assert_eq!(import(&sandbox, &git, &["--append"])["versions"].as_u64(), Some(1));
}

#[test]
fn what_git_does_not_hold_is_counted() {
    if !has_git("what_git_does_not_hold_is_counted") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("secret", "x");
    chmod(&sandbox.path("secret"), 0o600);
    sandbox.write(b"bad\xffname", "y");
    sandbox.write("folder/only", "z");
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.lua(&["push"]).expect(exit::OK);
    fs::remove_file(sandbox.path("folder/only")).unwrap();
    sandbox.lua(&["push", "-m", "emptied"]).expect(exit::OK);
    sandbox.write("secret", "two");
    sandbox.lua(&["push", "-m", "third"]).expect(exit::OK);
    sandbox.lua(&["version", "delete", "2", "--force"]).expect(exit::OK);
    let copy = sandbox.outside("copy");
    let run = sandbox.lua_json(&["export", "git", "--to", copy.to_str().unwrap()]).expect(exit::LEFT_OUT);
    let answer = run.value();
    let counts = ["versions", "deleted", "empty_directories", "other_modes"].map(|name| answer[name].as_u64().unwrap());
    // `empty` in v1, `folder` in v3; `secret` in both.
    assert_eq!(counts, [2, 1, 2, 2], "{answer}");
    let git = Git::new(&sandbox);
    assert_eq!(git.run_in(&copy, &["log", "--format=%s %an <%ae>"]), "third ada <>\nv1: manual lua push ada <>\n");
    assert_eq!(git.run_in(&copy, &["ls-tree", "-r", "--name-only", "HEAD"]), "\"bad\\377name\"\nsecret\n");
    let again = sandbox.lua_json(&["export", "git", "--to", copy.to_str().unwrap()]).expect(exit::ERROR);
    assert_eq!(again.value()["error"]["code"], "branch_exists");
    sandbox.lua(&["export", "git", "--to", copy.to_str().unwrap(), "--branch", "other", "--versions", "3"]).expect(exit::LEFT_OUT);
    assert_eq!(git.run_in(&copy, &["rev-list", "--count", "other"]), "1\n");
    let bad = sandbox.lua_json(&["export", "git", "--to", copy.to_str().unwrap(), "--branch", "a b"]).expect(exit::USAGE);
    assert_eq!(bad.value()["error"]["code"], "bad_branch");
    sandbox.lua(&["export", "git", "--versions", "3..1"]).expect(exit::NO_SUCH_VERSION);
    let occupied = sandbox.lua_json(&["export", "git", "--to", sandbox.outside("home").parent().unwrap().to_str().unwrap()]);
    assert_eq!(occupied.expect(exit::ERROR).value()["error"]["code"], "not_empty");
    let stream = sandbox.lua(&["export", "git"]).expect(exit::LEFT_OUT);
    assert!(
        stream.stdout.starts_with("feature done\ncommit refs/heads/main\nmark :1\n") && stream.stdout.ends_with("\ndone\n"),
        "{stream}"
    );
    sandbox.lua_json(&["export", "git"]).expect(exit::USAGE);
}

#[test]
fn an_import_that_is_killed_leaves_whole_versions_and_goes_on() {
    if !has_git("an_import_that_is_killed_leaves_whole_versions_and_goes_on") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut git = Git::new(&sandbox);
    for n in 0..40 {
        git.write("a", n.to_string().repeat(1000).as_bytes());
        git.write(&format!("d{}/f", n % 3), n.to_string().as_bytes());
        git.commit(&n.to_string());
    }
    let expected = git.trees(&git.folder, &[]);
    let folder = git.folder.to_str().unwrap().to_owned();
    let mut killed = 0;
    for wait_ms in [5, 10, 15, 20, 30, 40, 60, 80] {
        let mut command = sandbox.command(&["import", "git", &folder, "--append"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        if sandbox.store().join("config.toml").exists() {
            sandbox.lua(&["verify"]).expect(exit::OK);
        }
    }
    assert!(killed > 0, "no import was killed in time");
    import(&sandbox, &git, &["--append"]);
    assert_eq!(rows(&sandbox).len(), 40);
    let copy = sandbox.outside("copy");
    sandbox.json(&["export", "git", "--to", copy.to_str().unwrap()]);
    assert_eq!(git.trees(&copy, &[]), expected);
}

#[test]
fn an_export_that_fails_leaves_no_folder_that_was_not_there() {
    if !has_git("an_export_that_fails_leaves_no_folder_that_was_not_there") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.lua(&["init"]);
    let (new, empty) = (sandbox.outside("new"), sandbox.outside("empty"));
    fs::create_dir(&empty).unwrap();
    for folder in [&new, &empty] {
        let run = sandbox.lua_json(&["export", "git", "--to", folder.to_str().unwrap()]);
        assert!(run.code != exit::OK && run.stdout.contains("no_version"), "{run}");
    }
    assert!(!new.exists());
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
}

/// Stops an import when it has brought so many commits.
struct StopsAt {
    commits: u64,
    quiet: QuietHost,
}

impl Host for StopsAt {
    fn now_ms(&self) -> i64 {
        self.quiet.now_ms()
    }

    fn cancel_flag(&self) -> &AtomicBool {
        self.quiet.cancel_flag()
    }

    fn progress(&self, phase: Phase, done: u64, _: Option<u64>) {
        self.cancel_flag().fetch_or(phase == Phase::Importing && done >= self.commits, Ordering::Relaxed);
    }

    fn notice(&self, _: Notice) {}
}

#[test]
fn an_import_that_is_stopped_says_how_far_it_came_and_goes_on_there() {
    if !has_git("an_import_that_is_stopped_says_how_far_it_came_and_goes_on_there") {
        return;
    }
    let sandbox = Sandbox::new();
    let mut git = Git::new(&sandbox);
    let (line, _) = git.grow();
    sandbox.lua(&["init"]).expect(exit::OK);
    let host = StopsAt { commits: 2, quiet: QuietHost::default() };
    let mut workspace = Workspace::open(&sandbox.workspace(), &host).unwrap();
    let options =
        ImportGitOptions { repository: git.folder.clone(), tip: "HEAD".to_owned(), since: None, order: Order::FirstParent, append: false };
    let plan = ops::plan_git_import(Some(&workspace), &options).unwrap();
    match ops::import_git(&mut workspace, &plan, &host) {
        Err(OpsError::ImportStopped { versions, source }) => assert!(versions == 2 && matches!(*source, OpsError::Cancelled), "{source}"),
        other => panic!("{other:?}"),
    }
    drop(workspace);
    assert_eq!(rows(&sandbox).len(), 2);
    let answer = import(&sandbox, &git, &["--append"]);
    assert_eq!((answer["versions"].as_u64(), rows(&sandbox).len()), (Some(line as u64 - 2), line));
}
