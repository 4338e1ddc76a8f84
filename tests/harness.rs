//! The tests' own tools do what the tests believe they do.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use common::files::{chmod, copy_tree, set_mtime};
use common::sandbox::{Sandbox, crashed};
use common::scrub::scrub;
use common::tree_state::{Node, Times, TreeState};

/// A workspace with one of everything that a picture tells apart.
fn varied() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("file", "content");
    sandbox.write("folder/below", "x");
    sandbox.write(b"bad\xff\nname", "");
    sandbox.write(".lua/store", "is no part of the picture");
    sandbox.write("folder/.lua", "is part of it");
    fs::create_dir(sandbox.path("empty")).unwrap();
    symlink("nowhere", sandbox.path("link")).unwrap();
    chmod(&sandbox.path("folder/below"), 0o4711);
    sandbox
}

#[test]
fn a_picture_holds_all_and_equals_itself() {
    let sandbox = varied();
    let tree = sandbox.tree();
    let paths: Vec<&[u8]> = tree.paths().collect();
    assert_eq!(paths, [&b"bad\xff\nname"[..], b"empty", b"file", b"folder", b"folder/.lua", b"folder/below", b"link"]);
    assert!(tree.get("folder/below") == Some(&Node::file(b"x", 0o4711)));
    assert!(tree.get("link") == Some(&Node::Symlink { target: b"nowhere".to_vec() }));
    assert!(tree == sandbox.tree());
    assert_eq!(tree.contents().len(), 4);
}

/// How a line of the comparison begins, and the change that it tells of.
type Change = (&'static str, &'static dyn Fn(&Sandbox));

#[test]
fn every_difference_is_seen_and_named() {
    let changes: [Change; 8] = [
        ("~ file: file 0644, 7 bytes, ", &|sandbox| sandbox.write("file", "Content")),
        ("~ folder/below: file 4711, 1 bytes, ", &|sandbox| chmod(&sandbox.path("folder/below"), 0o711)),
        ("~ folder: directory 0755 → directory 0700", &|sandbox| chmod(&sandbox.path("folder"), 0o700)),
        ("- empty: directory 0755", &|sandbox| fs::remove_dir(sandbox.path("empty")).unwrap()),
        ("+ new: directory 0755", &|sandbox| fs::create_dir(sandbox.path("new")).unwrap()),
        ("- bad\\xff\\nname: file", &|sandbox| fs::remove_file(sandbox.path(b"bad\xff\nname")).unwrap()),
        ("~ link: link to nowhere → link to file", &|sandbox| {
            fs::remove_file(sandbox.path("link")).unwrap();
            symlink("file", sandbox.path("link")).unwrap();
        }),
        ("~ file: time ", &|sandbox| set_mtime(&sandbox.path("file"), SystemTime::UNIX_EPOCH + Duration::from_nanos(1))),
    ];
    for (line, change) in changes {
        let sandbox = varied();
        let capture = || TreeState::capture_with(&sandbox.workspace(), Times::With);
        let before = capture();
        change(&sandbox);
        let differences = before.differences(&capture());
        assert!(differences.iter().any(|difference| difference.starts_with(line)), "{line:?} in {differences:?}");
    }
}

#[test]
fn a_copied_tree_equals_the_original() {
    let sandbox = varied();
    let copy = sandbox.outside("copy");
    copy_tree(&sandbox.workspace(), &copy);
    let picture = |folder: &Path| TreeState::capture_with(folder, Times::With);
    picture(&sandbox.workspace()).assert_same(&picture(&copy), "after copying");
    assert_eq!(fs::read(copy.join(".lua/store")).unwrap(), b"is no part of the picture");
}

#[test]
fn scrubbing_takes_what_varies_and_nothing_else() {
    let id = "0123456789abcdef".repeat(4);
    let text = format!("v12 {id} {} in 1.25 s, 17ms, 3 µs; 12 files, 4096 bytes, 3 sheep, dead, /tmp/x/file\n", &id[..12]);
    let scrubbed = "v12 [ID] [ID] in [TIME], [TIME], [TIME]; 12 files, 4096 bytes, 3 sheep, dead, [ROOT]/file\n";
    assert_eq!(scrub(&text, Path::new("/tmp/x")), scrubbed);
}

#[test]
fn the_sandbox_is_sealed_and_ends_what_hangs() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(sandbox.command_of(Path::new("/usr/bin/env"), &[] as &[&str]));
    let mut names: Vec<&str> = run.stdout.lines().filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    let expected = [
        "COLUMNS",
        "HOME",
        "LANG",
        "LUA_AUTHOR",
        "LUA_AUTO_GC",
        "LUA_TEST_NOW_MS",
        "PATH",
        "RUST_BACKTRACE",
        "TMPDIR",
        "TZ",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
    ];
    assert_eq!(names, expected);
    let sleep = sandbox.command_of(Path::new("sleep"), &["60"]);
    let hangs = sandbox.try_run(sleep, Duration::from_millis(50)).unwrap_err();
    assert!(hangs.starts_with("hangs"), "{hangs}");
    let killed = sandbox.run(sandbox.command_of(Path::new("sh"), &["-c", "kill -9 $$"]));
    assert!(crashed(killed.code) && killed.crashed(), "{killed}");
}
