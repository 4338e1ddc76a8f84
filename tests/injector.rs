//! The fault injector counts exactly, strikes exactly, and leaves nobody behind: shown on programs whose calls are known.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::inject::{self, End, Fault, Plan, Traced};
use tempfile::TempDir;

/// A shell that makes a file, a folder and a second name, in three counted calls: open, mkdir, rename.
/// (What a shell prints into a file goes through its standard output, which is not counted.)
const THREE_CALLS: &str = "echo text >a && mkdir b && mv a b/c";

fn shell(folder: &Path, script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(folder);
    command
}

fn trace(command: Command, plan: Plan) -> Traced {
    inject::run(command, plan).expect("the program can be traced")
}

/// A folder for a program to work in; `None`, and a line, where nothing can be traced.
fn folder_for(test: &str) -> Option<TempDir> {
    if let Some(reason) = inject::unavailable() {
        common::skip(test, &reason);
        return None;
    }
    Some(tempfile::tempdir().expect("a temporary folder"))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = walkdir::WalkDir::new(folder)
        .min_depth(1)
        .into_iter()
        .map(|entry| entry.unwrap().path().strip_prefix(folder).unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn calls_are_counted_over_all_processes() {
    let Some(folder) = folder_for("calls_are_counted_over_all_processes") else { return };
    let traced = trace(shell(folder.path(), THREE_CALLS), Plan::Count);
    assert_eq!((traced.end, traced.struck), (End::Exited(0), None));
    let kinds: Vec<&str> = traced.calls.iter().map(|name| kind_of(name)).collect();
    assert_eq!(kinds, ["open", "mkdir", "rename"], "{traced:?}");
    assert_eq!(names(folder.path()), ["b", "b/c"]);
    let harmless = trace(shell(folder.path(), "cat b/c; ls -l; echo done >&2"), Plan::Count);
    assert_eq!(harmless.calls, [""; 0]);
    assert_eq!(harmless.stderr, b"done\n");
    assert!(harmless.stdout.starts_with(b"text\n"));
}

/// Programs of different systems use different calls for the same thing.
fn kind_of(name: &str) -> &str {
    ["open", "mkdir", "rename"].into_iter().find(|kind| name.starts_with(kind)).unwrap_or(name)
}

#[test]
fn a_kill_falls_exactly_before_or_after_its_call() {
    let Some(_) = folder_for("a_kill_falls_exactly_before_or_after_its_call") else { return };
    let after: [&[&str]; 4] = [&[], &["a"], &["a", "b"], &["b", "b/c"]];
    for ordinal in 1..=3 {
        for (fault, expected) in [(Fault::Kill, after[ordinal - 1]), (Fault::KillAfter, after[ordinal])] {
            let folder = tempfile::tempdir().unwrap();
            let traced = trace(shell(folder.path(), THREE_CALLS), Plan::At(ordinal, fault));
            assert_eq!(names(folder.path()), expected, "{fault:?} at {ordinal}: {traced:?}");
            assert_eq!(traced.calls.len(), ordinal);
            assert!(traced.struck.is_some());
            // The last call is that of `mv`, which the shell may have become, or may only wait for.
            assert_eq!(traced.end, End::Killed);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let beyond = trace(shell(folder.path(), THREE_CALLS), Plan::At(4, Fault::Kill));
    assert_eq!((beyond.end, beyond.struck, beyond.calls.len()), (End::Exited(0), None, 3));
}

#[test]
fn an_error_makes_the_call_fail_and_the_program_notice() {
    let Some(folder) = folder_for("an_error_makes_the_call_fail_and_the_program_notice") else { return };
    fs::write(folder.path().join("from"), vec![7; 3000]).unwrap();
    let copy = || shell(folder.path(), "exec cp --reflink=never from to");
    let calls = trace(copy(), Plan::Count).calls;
    assert!(calls.iter().any(|name| matches!(*name, "write" | "copy_file_range")), "{calls:?}");
    // A refused copy_file_range is followed by ordinary writes, so only the whole of them is an error.
    for (errno, message) in [(libc::EIO, "Input/output error"), (libc::ENOSPC, "No space left on device")] {
        fs::remove_file(folder.path().join("to")).unwrap();
        let traced = trace(copy(), Plan::From(1, Fault::Errno(errno)));
        assert_eq!(traced.code(), Some(1), "{traced:?}");
        assert!(String::from_utf8_lossy(&traced.stderr).contains(message), "{traced:?}");
        assert!(!folder.path().join("to").exists());
        fs::write(folder.path().join("to"), "old").unwrap();
        let traced = trace(copy(), Plan::At(1, Fault::Errno(errno)));
        assert!(traced.struck.is_some_and(|name| name.starts_with("open")), "{traced:?}");
    }
}

#[test]
fn a_short_write_is_continued_by_a_sound_program() {
    let Some(folder) = folder_for("a_short_write_is_continued_by_a_sound_program") else { return };
    let content: Vec<u8> = (0..20_000u32).map(|number| number as u8).collect();
    let plain = trace(helper("content_is_written_whole", folder.path()), Plan::Count);
    let at = plain.calls.iter().position(|name| *name == "write").expect("the helper writes") + 1;
    let traced = trace(helper("content_is_written_whole", folder.path()), Plan::At(at, Fault::Short));
    assert_eq!((traced.code(), traced.struck), (Some(0), Some("write")), "{traced:?}");
    assert_eq!(traced.calls.len(), plain.calls.len() + 1, "the rest takes one more call");
    assert!(fs::read(folder.path().join("whole")).unwrap() == content);
}

#[test]
fn threads_are_counted_together_and_die_together() {
    let Some(folder) = folder_for("threads_are_counted_together_and_die_together") else { return };
    let plain = trace(helper("threads_write_files", folder.path()), Plan::Count);
    assert_eq!(plain.code(), Some(0), "{plain:?}");
    assert_eq!(plain.calls.len(), 2 * THREADS * FILES_PER_THREAD, "an open and a write for each file");
    for ordinal in [1, 7, plain.calls.len() / 2, plain.calls.len()] {
        for fault in [Fault::Kill, Fault::KillAfter] {
            let folder = tempfile::tempdir().unwrap();
            let traced = trace(helper("threads_write_files", folder.path()), Plan::At(ordinal, fault));
            assert_eq!(traced.end, End::Killed, "{traced:?}");
            let before = names(folder.path());
            std::thread::sleep(Duration::from_millis(20));
            assert_eq!(names(folder.path()), before, "nobody goes on after the run");
            assert!(before.len() <= ordinal);
        }
        let folder = tempfile::tempdir().unwrap();
        let traced = trace(helper("threads_write_files", folder.path()), Plan::At(ordinal, Fault::Errno(libc::EIO)));
        assert_eq!((traced.end, traced.struck.is_some()), (End::Exited(101), true), "{traced:?}");
    }
}

#[test]
fn processes_in_the_background_belong_to_the_run() {
    let Some(folder) = folder_for("processes_in_the_background_belong_to_the_run") else { return };
    let background = "(sleep 0.05; echo late >late; mkdir later) & exit 3";
    let plain = trace(shell(folder.path(), background), Plan::Count);
    assert_eq!((plain.code(), plain.calls.len()), (Some(3), 2));
    assert_eq!(names(folder.path()), ["late", "later"]);
    fs::remove_dir(folder.path().join("later")).unwrap();
    let killed = trace(shell(folder.path(), background), Plan::At(2, Fault::Kill));
    assert_eq!((killed.code(), killed.struck.is_some()), (Some(3), true));
    assert_eq!(names(folder.path()), ["late"]);
}

#[test]
fn a_program_that_hangs_is_killed() {
    let Some(folder) = folder_for("a_program_that_hangs_is_killed") else { return };
    let started = Instant::now();
    let hangs = shell(folder.path(), "(sleep 60) & sleep 60");
    let traced = inject::run_within(hangs, Plan::Count, Duration::from_millis(100)).unwrap();
    assert_eq!(traced.end, End::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(10), "all of it was killed");
}

#[test]
fn a_program_that_does_not_exist_is_an_error() {
    let Some(_) = folder_for("a_program_that_does_not_exist_is_an_error") else { return };
    assert!(inject::run(Command::new("/no/such/program"), Plan::Count).is_err());
}

#[test]
fn signals_reach_the_program() {
    let Some(folder) = folder_for("signals_reach_the_program") else { return };
    let handled = trace(shell(folder.path(), "trap 'mkdir heard' USR1; kill -USR1 $$"), Plan::Count);
    assert_eq!((handled.code(), handled.calls.len()), (Some(0), 1), "{handled:?}");
    let died = trace(shell(folder.path(), "kill -TERM $$"), Plan::Count);
    assert_eq!(died.end, End::Signalled(libc::SIGTERM));
}

#[test]
fn git_commits_whole_under_the_tracer() {
    let Some(folder) = folder_for("git_commits_whole_under_the_tracer") else { return };
    if Command::new("git").arg("--version").output().is_err() {
        return common::skip("git_commits_whole_under_the_tracer", "there is no git");
    }
    let script = "git init -q . && echo text >file && git add file && git -c user.name=a -c user.email=b commit -qm message";
    let traced = trace(shell(folder.path(), script), Plan::Count);
    assert_eq!(traced.code(), Some(0), "{traced:?}");
    // At the least: a lock, a write and a rename for the index, the three objects and the branch.
    assert!(traced.calls.len() > 20, "{traced:?}");
    let log = shell(folder.path(), "git fsck --strict && git log --format=%s").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&log.stdout).trim(), "message");
}

#[test]
fn tracing_costs_little() {
    let Some(folder) = folder_for("tracing_costs_little") else { return };
    // The fastest of several runs: a slow one tells of other work on the machine.
    let fastest = |run: &dyn Fn()| {
        let time = |_| {
            let started = Instant::now();
            run();
            started.elapsed()
        };
        (0..15).map(time).min().unwrap_or_default()
    };
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do echo text >file; done";
    let plain = fastest(&|| drop(shell(folder.path(), script).output()));
    let traced = fastest(&|| drop(trace(shell(folder.path(), script), Plan::Count)));
    println!("10 counted calls: {plain:?} alone, {traced:?} traced");
    assert!(traced < plain + Duration::from_millis(10), "{plain:?} alone, {traced:?} traced");
}

/// Tells a helper below which folder to work in.
const HELPER_FOLDER: &str = "LUA_INJECTOR_HELPER_FOLDER";
const THREADS: usize = 4;
const FILES_PER_THREAD: usize = 10;

/// This program again, to run one of the tests below in a folder: a helper with threads that needs no compiler.
fn helper(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test program has a path"));
    command.args(["--exact", test, "--nocapture"]).env(HELPER_FOLDER, folder);
    command
}

/// The folder that a helper was given, or one of its own when it runs as an ordinary test.
fn helper_folder() -> (PathBuf, Option<TempDir>) {
    match std::env::var_os(HELPER_FOLDER) {
        Some(folder) => (folder.into(), None),
        None => {
            let folder = tempfile::tempdir().expect("a temporary folder");
            (folder.path().to_path_buf(), Some(folder))
        }
    }
}

/// Threads that begin and end, while others write: what a push does.
#[test]
fn threads_write_files() {
    let (folder, _own) = helper_folder();
    let write = |thread: usize, number: usize| {
        let path = folder.join(format!("{thread}-{number}"));
        std::thread::scope(|scope| scope.spawn(|| fs::write(path, "content")).join()).unwrap().unwrap();
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || (0..FILES_PER_THREAD).for_each(|number| write(thread, number)));
        }
    });
    assert_eq!(names(&folder).len(), THREADS * FILES_PER_THREAD);
}

#[test]
fn content_is_written_whole() {
    let (folder, _own) = helper_folder();
    let content: Vec<u8> = (0..20_000u32).map(|number| number as u8).collect();
    fs::write(folder.join("whole"), &content).unwrap();
    assert_eq!(fs::metadata(folder.join("whole")).unwrap().len(), 20_000);
    assert_eq!(fs::metadata(folder.join("whole")).unwrap().permissions().mode() & 0o400, 0o400);
}
