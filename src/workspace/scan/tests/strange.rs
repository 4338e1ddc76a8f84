//! Trees of strange shape, strange names, and things that are no files.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{CWD, Mode, OFlags};

use super::*;

#[test]
fn an_empty_workspace_has_a_tree() {
    let sandbox = Sandbox::new();
    let push = sandbox.push(&mut MemoryTrees::default());
    assert_eq!(push.built, BuiltTree { root: crate::format::tree::Tree::empty().id(), files: 0, bytes: 0 });
}

#[test]
fn any_name_is_recorded() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(255);
    for name in [&b"bad\xff\xfe"[..], b"new\nline", b" ", b"-rf", b"\x1b[31m", b"*?[", long.as_bytes(), "\u{202e}ä".as_bytes()] {
        let name = std::ffi::OsStr::from_bytes(name);
        fs::write(sandbox.workspace.path().join(name), "x").unwrap();
        fs::create_dir(sandbox.workspace.path().join("dir").join(name)).or_else(|_| fs::create_dir_all(sandbox.path("dir"))).unwrap();
        fs::create_dir_all(sandbox.path("dir").join(name)).unwrap();
    }
    let mut trees = MemoryTrees::default();
    assert_eq!(sandbox.push(&mut trees).content.len(), 17);
    assert_eq!(sandbox.push(&mut trees).content.len(), 17);
}

#[test]
fn names_that_lie_are_refused_each_time() {
    let sandbox = Sandbox::new();
    sandbox.write("LUA~1", "x").write(".l\u{200c}ua/x", "x").write(".LUA", "x").write("ok", "x");
    let mut trees = MemoryTrees::default();
    for _ in 0..3 {
        let push = sandbox.push(&mut trees);
        let paths: Vec<&[u8]> = push.skipped.iter().map(|skipped| &skipped.path[..]).collect();
        assert_eq!(paths, [&b".LUA"[..], ".l\u{200c}ua".as_bytes(), b"LUA~1"]);
        assert!(push.skipped.iter().all(|skipped| skipped.kind == SkipKind::Name));
        assert_eq!(push.built.files, 1);
    }
}

#[test]
fn what_is_no_file_is_skipped_and_never_opened() {
    let sandbox = Sandbox::new();
    sandbox.write("d/x", "x");
    // Whoever opens it to read would wait here for ever: nobody writes.
    rustix::fs::mkfifoat(CWD, sandbox.path("d/pipe"), Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("d/socket")).unwrap();
    let mut trees = MemoryTrees::default();
    for _ in 0..3 {
        let push = sandbox.push(&mut trees);
        let skipped: Vec<(&[u8], &str)> = push.skipped.iter().map(|skipped| (&skipped.path[..], &skipped.why[..])).collect();
        assert_eq!(skipped, [(&b"d/pipe"[..], "a named pipe"), (b"d/socket", "a socket")]);
        assert!(push.skipped.iter().all(|skipped| skipped.kind == SkipKind::Special));
    }
    sandbox.tick();
    sandbox.remove("d/pipe").write("d/pipe", "a file now");
    let push = sandbox.push(&mut trees);
    assert_eq!((push.skipped.len(), push.read), (1, vec!["d/pipe".to_owned()]));
}

/// Makes a chain of directories, each in the one before, with a file at its end.
fn make_chain(root: &Path, depth: usize, name: &str) {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let mut at = rustix::fs::open(root, flags, Mode::empty()).unwrap();
    for _ in 0..depth {
        rustix::fs::mkdirat(&at, name, Mode::RWXU).unwrap();
        rustix::fs::mkdirat(&at, "beside", Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, name, flags, Mode::empty()).unwrap();
    }
    let file = rustix::fs::openat(&at, "end", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).unwrap();
    rustix::io::write(&file, b"the end").unwrap();
}

/// Removes a chain; `remove_dir_all` would need a handle for each level.
fn remove_chain(root: &Path, name: &str) {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let aside = root.join("aside");
    while root.join(name).exists() {
        rustix::fs::rename(root.join(name), &aside).unwrap();
        let at = rustix::fs::open(&aside, flags, Mode::empty()).unwrap();
        let _ = rustix::fs::unlinkat(&at, "beside", rustix::fs::AtFlags::REMOVEDIR);
        let _ = rustix::fs::unlinkat(&at, "end", rustix::fs::AtFlags::empty());
        let _ = rustix::fs::renameat(&at, name, CWD, root.join(name));
        fs::remove_dir(&aside).unwrap();
    }
}

#[test]
fn a_chain_of_five_thousand_directories_is_recorded() {
    let sandbox = Sandbox::new();
    let name = "eight_by";
    make_chain(sandbox.workspace.path(), 5000, name);
    let mut trees = MemoryTrees::default();
    let options = ScanOptions { threads: 1, ..sandbox.options };
    let first = sandbox.push_into(&mut trees, None, &options);
    assert_eq!((first.read.len(), first.built.files, first.built.bytes, first.trees.len()), (1, 1, 7, 10_001));
    assert_eq!(first.read[0].len(), 5000 * 9 + 3);
    let again = sandbox.push_into(&mut trees, sandbox.cache(), &sandbox.options);
    assert_eq!((again.built, again.trees.len()), (first.built, 0));
    remove_chain(sandbox.workspace.path(), name);
}

#[test]
fn few_handles_are_enough() {
    const MARK: &str = "FEW_HANDLES_TEST";
    if std::env::var_os(MARK).is_none() {
        // The limit holds for a whole process, so this test runs itself in one of its own.
        let test = "workspace::scan::tests::strange::few_handles_are_enough";
        let mut run = Command::new("sh");
        run.args(["-c", "ulimit -n 28 && exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        let run = run_in(run.args([test, "--exact", "--test-threads=1"]).env(MARK, "1"));
        assert!(run.contains("1 passed"), "{run}");
        return;
    }
    let sandbox = Sandbox::new();
    make_chain(sandbox.workspace.path(), 300, "d");
    for threads in [1, 2, 4] {
        let scan = sandbox.scan_with(None, &ScanOptions { threads, ..sandbox.options }).unwrap();
        assert_eq!(scan.files_to_read(), 1);
    }
    remove_chain(sandbox.workspace.path(), "d");
}

/// Runs a program and gives what it printed; a program that fails fails the test.
fn run_in(program: &mut Command) -> String {
    let run = program.output().unwrap();
    let printed = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{printed}");
    printed
}

#[test]
fn a_large_directory_is_recorded() {
    let sandbox = Sandbox::new();
    for at in 0..5000 {
        sandbox.write(&format!("{at}"), "");
    }
    let mut trees = MemoryTrees::default();
    assert_eq!(sandbox.push(&mut trees).read.len(), 5000);
    sandbox.tick();
    sandbox.write("17", "x").remove("4711");
    assert_eq!(sandbox.push(&mut trees).trees, ["."]);
}

#[test]
fn times_at_the_ends_of_what_can_be_told_are_recorded() {
    use rustix::fs::{AtFlags, Timespec, Timestamps};
    let sandbox = Sandbox::new();
    let seconds = [0, -1, i64::from(i32::MIN), i64::from(i32::MAX) + 1, 4_294_967_296, 253_402_300_799];
    for (at, tv_sec) in seconds.into_iter().enumerate() {
        sandbox.write(&format!("{at}"), "x");
        let time = Timespec { tv_sec, tv_nsec: 999_999_999 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(CWD, sandbox.path(&format!("{at}")), &times, AtFlags::empty()).unwrap();
    }
    let mut trees = MemoryTrees::default();
    assert_eq!(sandbox.push(&mut trees).built.files, 6);
    assert_eq!(sandbox.push(&mut trees).built.files, 6);
}

#[test]
fn a_workspace_that_is_gone_is_an_error() {
    let sandbox = Sandbox::new();
    let root = sandbox.root();
    fs::remove_dir(sandbox.workspace.path()).unwrap();
    let rules = Rules::new(RuleSettings { include_git: false });
    let scan = scan(&root, rules, None, &sandbox.options, &ScanProgress::default(), &AtomicBool::new(false));
    // The handle still works, and what it leads to is empty; or the system says that it is gone.
    assert!(matches!(scan, Err(ScanError::Root(_))) || scan.is_ok_and(|scan| scan.files_to_read() == 0));
}

#[test]
fn a_scan_can_be_cancelled() {
    let sandbox = Sandbox::new();
    sandbox.write("d/x", "x");
    let rules = Rules::new(RuleSettings { include_git: false });
    let scan = scan(&sandbox.root(), rules, None, &sandbox.options, &ScanProgress::default(), &AtomicBool::new(true));
    assert!(matches!(scan, Err(ScanError::Cancelled)));
}

#[test]
fn what_cannot_be_read_is_skipped_and_tried_again() {
    // As root everything can be read, so this test runs itself as somebody else.
    if rustix::process::geteuid().is_root() {
        let temp = tempfile::tempdir_in("/tmp").unwrap();
        let program = temp.path().join("test");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        for path in [temp.path(), &program] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let test = "workspace::scan::tests::strange::what_cannot_be_read_is_skipped_and_tried_again";
        let mut run = Command::new(&program);
        let run = run_in(run.args([test, "--exact", "--test-threads=1"]).env("TMPDIR", "/tmp").uid(65534).gid(65534));
        assert!(run.contains("1 passed"), "{run}");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("d/secret", "x").write("locked/x", "x").write("listed/x", "x").write("ok", "x");
    sandbox.chmod("d/secret", 0).chmod("locked", 0).chmod("listed", 0o400);
    let mut trees = MemoryTrees::default();
    for _ in 0..2 {
        let push = sandbox.push_into(&mut trees, sandbox.cache(), &sandbox.options);
        let paths: Vec<&[u8]> = push.skipped.iter().map(|skipped| &skipped.path[..]).collect();
        assert_eq!(paths, [&b"d/secret"[..], b"listed/x", b"locked"]);
        assert!(push.skipped.iter().all(|skipped| skipped.kind == SkipKind::Unreadable));
        assert_eq!(push.content.len(), 3, "{:?}", push.content);
    }
    sandbox.chmod("d/secret", 0o600).chmod("locked", 0o700).chmod("listed", 0o700);
    assert_eq!(sandbox.push(&mut trees).content.len(), 7);
}
