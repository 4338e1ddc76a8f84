//! Evil names, links, kinds and shapes in a workspace: stored and brought back exactly, or left out with a line and exit code 3,
//! or refused with a message; and in every case nothing outside the workspace is touched, and no terminal is fooled.

mod common;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use common::contract::{self, exit};
use common::files::{chmod, remove};
use common::sandbox::{LUA, Run, Sandbox};
use common::tree_state::{Node, Times, TreeState};

/// A folder beside the workspace that nothing may touch, with its picture.
fn canary(sandbox: &Sandbox) -> (PathBuf, TreeState) {
    let folder = sandbox.outside("canary");
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("file"), "alive").unwrap();
    chmod(&folder.join("file"), 0o640);
    let state = TreeState::capture_with(&folder, Times::With);
    (folder, state)
}

#[track_caller]
fn assert_alive((folder, state): &(PathBuf, TreeState)) {
    state.assert_same(&TreeState::capture_with(folder, Times::With), "outside the workspace");
}

/// No output may hold what a terminal obeys or what turns text around; line ends, and in patches tabs after names, are all it needs.
#[track_caller]
fn assert_harmless_output(run: &Run) {
    let is_evil =
        |c: &char| (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let evil: BTreeSet<char> = run.stdout.chars().chain(run.stderr.chars()).filter(is_evil).collect();
    assert!(evil.is_empty(), "{evil:?} in the output of {:?}", run.command);
}

fn evil_names() -> Vec<Vec<u8>> {
    let texts = [
        "new\nline",
        "tab\there",
        "esc\x1b[31mred",
        "bell\x07",
        "back\\slash",
        "quote\"'`",
        "*",
        "?[a-z]",
        "$(touch x)",
        "-rf",
        "--force",
        " lead",
        "trail ",
        "   ",
        "x.",
        "...",
        "~",
        "#hash",
        "!bang",
        "a:b",
        "con",
        "nul.txt",
        "com1",
        "C:x",
        "\u{1f600}\u{1f468}\u{200d}\u{1f469}",
        "rtl\u{202e}txt.exe",
        "caf\u{e9}",
        "cafe\u{301}",
        "stra\u{df}e",
        "STRASSE",
        "\u{130}",
        "i",
        "\u{212a}",
        "K",
        "\u{fb01}",
        "fi",
        "Foo",
        "foo",
        "cr\r",
        "\u{7f}",
        "index.db",
        "objects",
        "config.toml",
        "lua",
        ".luaignored",
        "{}",
        "%s%n",
    ];
    let mut names: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    names.extend([
        b"bad\xff\xfe".to_vec(),
        b"\xc3".to_vec(),
        b"\xed\xa0\x80".to_vec(),
        vec![b'n'; 255],
        "\u{20ac}".repeat(85).into_bytes(),
    ]);
    names
}

#[test]
fn evil_names_are_brought_back_exactly() {
    let sandbox = Sandbox::new();
    let mut refused = 0;
    for (place, name) in evil_names().into_iter().enumerate() {
        let in_folder = [b"folders/", &name[..], b"/", &name[..]].concat();
        let made = fs::create_dir_all(sandbox.path([b"folders/", &name[..]].concat())).and_then(|()| {
            fs::create_dir_all(sandbox.path("files"))?;
            fs::write(sandbox.path([b"files/", &name[..]].concat()), format!("file {place}"))?;
            fs::write(sandbox.path(in_folder), format!("below {place}"))
        });
        refused += usize::from(made.is_err());
    }
    if refused > 0 {
        common::skip("evil_names_are_brought_back_exactly", &format!("the file system refuses {refused} of the names"));
    }
    assert_harmless_output(&sandbox.lua(&["push", "--dry-run"]));
    sandbox.assert_round_trip();
    for name in evil_names() {
        let _ = fs::write(sandbox.path([b"files/", &name[..]].concat()), "edited");
    }
    for arguments in
        [&["status"][..], &["diff", "--name-only"], &["diff"], &["diff", "--stat"], &["push"], &["source", "list"], &["verify"]]
    {
        assert_harmless_output(&sandbox.lua(arguments).expect(exit::OK));
    }
    assert_harmless_output(&sandbox.lua(&["source", "rollback", "--version", "1", "--dry-run"]));
}

#[test]
fn evil_messages_and_authors_are_shown_harmless() {
    let sandbox = Sandbox::new();
    for (number, evil) in ["\x1b]0;title\x07", "two\nlines", "\u{202e}desrever", "\r overwritten"].into_iter().enumerate() {
        sandbox.write("file", number.to_string());
        assert_harmless_output(&sandbox.lua(&["push", "-m", evil, "--by", evil, "--triggered-by", evil]).expect(exit::OK));
        assert_eq!(sandbox.versions()[0].message, evil, "recorded as it was given");
    }
    assert_harmless_output(&sandbox.lua(&["source", "list"]).expect(exit::OK));
    assert_harmless_output(&sandbox.lua(&["version", "show", "1"]).expect(exit::OK));
}

#[test]
fn names_that_stand_for_the_store_or_git_are_refused_with_a_line() {
    let aliases =
        [".LUA", ".Lua", ".lua ", ".lua.", "LUA~1", ".l\u{200c}ua", ".Git", ".GIT", ".git ", "GIT~1", ".g\u{200d}it", ".git::$DATA"];
    for alias in aliases {
        let sandbox = Sandbox::new();
        sandbox.write("file", "content");
        sandbox.write(format!("sub/{alias}/hooks"), "evil");
        let run = sandbox.lua(&["push"]);
        assert!(matches!(run.code, exit::ERROR | exit::LEFT_OUT), "{alias:?}: {run}");
        assert!(run.stdout.contains("sub/") || run.stderr.contains("sub/"), "{alias:?} is not named: {run}");
        assert_harmless_output(&run);
        if run.code == exit::LEFT_OUT {
            let recorded = sandbox.tree_of(1);
            assert!(recorded.get("file").is_some(), "{alias:?}");
            assert!(recorded.paths().all(|path| !path.ends_with(b"hooks")), "{alias:?} was recorded");
        }
    }
}

#[test]
fn git_folders_are_neither_recorded_nor_touched() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "one");
    for folder in [".git", "nested/.git"] {
        sandbox.write(format!("{folder}/config"), "[core]\n");
    }
    sandbox.write("nested/file", "one");
    sandbox.push();
    assert!(sandbox.tree_of(1).paths().eq([&b"file"[..], b"nested", b"nested/file"]));
    let git = TreeState::capture_with(&sandbox.path(".git"), Times::With);
    sandbox.write("file", "two");
    remove(&sandbox.path("nested/file"));
    sandbox.write("new", "two");
    sandbox.push();
    sandbox.rollback(1).expect(exit::OK);
    git.assert_same(&TreeState::capture_with(&sandbox.path(".git"), Times::With), "after a rollback");
    assert!(sandbox.tree().get("nested/.git/config").is_some());
}

#[test]
fn links_are_recorded_and_never_followed() {
    let sandbox = Sandbox::new();
    let canary = canary(&sandbox);
    fs::create_dir(sandbox.path("folder")).unwrap();
    let outside = canary.0.to_string_lossy().into_owned();
    let long = "x/".repeat(2047) + "y";
    let targets = [
        "/etc",
        "..",
        ".",
        "self",
        "loop b",
        "nowhere",
        ".lua",
        ".lua/index.db",
        ".lua/objects",
        "folder",
        "/proc/self/root",
        "/dev/zero",
        "target ",
        "a//b",
        &long,
        &outside,
    ];
    for target in targets {
        symlink(target, sandbox.path(format!("to {}", &target.replace('/', "|")[..target.len().min(100)]))).unwrap();
    }
    for (name, target) in [("self", "self"), ("loop a", "loop b"), ("loop b", "loop a")] {
        symlink(target, sandbox.path(name)).unwrap();
    }
    for number in 0..40 {
        symlink(format!("chain{}", number + 1), sandbox.path(format!("chain{number}"))).unwrap();
    }
    symlink(OsStr::from_bytes(b"bad\xff\n\x1b"), sandbox.path("to bytes")).unwrap();
    sandbox.assert_round_trip();
    assert_alive(&canary);
}

#[test]
fn a_link_in_the_place_of_a_folder_leads_nowhere() {
    let sandbox = Sandbox::new();
    let canary = canary(&sandbox);
    // v1: folders with files of the names that the canary has. v2: links to the canary in their places.
    for folder in ["a", "b/sub", "c"] {
        sandbox.write(format!("{folder}/file"), "of the workspace");
        sandbox.write(format!("{folder}/more/file"), "of the workspace");
    }
    sandbox.push();
    for folder in ["a", "b", "c"] {
        remove(&sandbox.path(folder));
        symlink(&canary.0, sandbox.path(folder)).unwrap();
    }
    sandbox.push();
    for version in [1, 2, 1] {
        sandbox.rollback(version).expect(exit::OK);
        sandbox.tree_of(version).assert_same(&sandbox.tree(), "after a rollback");
        assert_alive(&canary);
    }
    // The same as unsaved work, when single paths are restored through what has become a link.
    remove(&sandbox.path("b"));
    symlink(&canary.0, sandbox.path("b")).unwrap();
    let run = sandbox.lua(&["source", "restore", "--version", "1", "b/sub/file"]);
    assert!(!run.crashed(), "{run}");
    assert_alive(&canary);
}

#[test]
fn special_files_are_left_out_with_a_line_and_never_opened() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "content");
    sandbox.write("sub/file", "content");
    assert!(Command::new("mkfifo").arg(sandbox.path("sub/fifo")).status().unwrap().success());
    // The path of a socket is limited to 108 bytes.
    let _socket = UnixListener::bind(sandbox.path("socket")).unwrap();
    let pushed = sandbox.push_in_part();
    let left_out: BTreeSet<&str> = pushed.left_out.iter().map(|left_out| left_out.path.as_str()).collect();
    assert_eq!(left_out, BTreeSet::from(["socket", "sub/fifo"]));
    assert!(pushed.left_out.iter().all(|left_out| !left_out.reason.is_empty()));
    assert!(sandbox.tree_of(pushed.version).paths().eq([&b"file"[..], b"sub", b"sub/file"]));
    let text = sandbox.lua(&["push", "--allow-empty"]).expect(exit::LEFT_OUT);
    assert!(["socket", "fifo"].iter().all(|kind| text.stdout.contains(kind) || text.stderr.contains(kind)), "{text}");
    // A rollback has nothing to save here, and nothing to remove.
    sandbox.write("file", "edited");
    let rollback = sandbox.rollback(1);
    assert!(!rollback.crashed(), "{rollback}");
    let tree = sandbox.tree();
    assert!(tree.get("socket") == Some(&Node::Special) && tree.get("sub/fifo") == Some(&Node::Special));
}

#[test]
fn what_cannot_be_read_is_left_out_with_a_line_and_never_lost() {
    const NOBODY: u32 = 65534;
    let sandbox = Sandbox::new();
    sandbox.write("file", "content");
    sandbox.write("secret", "unreadable");
    sandbox.write("closed/file", "unreadable");
    // As root everything can be read, so the program runs as somebody else, who must be able to reach it.
    let program = sandbox.outside("lua");
    fs::copy(LUA, &program).unwrap();
    let as_nobody = |arguments: &[&str]| {
        let mut command = sandbox.command_of(&program, arguments);
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        sandbox.run(command)
    };
    if rustix::process::geteuid().is_root() {
        let all = walkdir::WalkDir::new(sandbox.root()).into_iter().map(Result::unwrap);
        all.for_each(|entry| chown(entry.path(), Some(NOBODY), Some(NOBODY)).unwrap());
    }
    chmod(&sandbox.path("secret"), 0o000);
    chmod(&sandbox.path("closed"), 0o000);
    let push = as_nobody(&["push", "--json"]).expect(exit::LEFT_OUT);
    let pushed = contract::push(&push.stdout).unwrap();
    let left_out: BTreeSet<&str> = pushed.left_out.iter().map(|left_out| left_out.path.as_str()).collect();
    assert_eq!(left_out, BTreeSet::from(["closed", "secret"]));
    // What no version holds must survive every rollback, or stop it.
    chmod(&sandbox.path("closed"), 0o755);
    fs::write(sandbox.path("file"), "edited").unwrap();
    chmod(&sandbox.path("closed"), 0o000);
    let rollback = as_nobody(&["source", "rollback", "--version", "1", "--force"]);
    assert!(!rollback.crashed(), "{rollback}");
    chmod(&sandbox.path("closed"), 0o755);
    chmod(&sandbox.path("secret"), 0o644);
    assert_eq!(fs::read(sandbox.path("secret")).unwrap(), b"unreadable");
    assert_eq!(fs::read(sandbox.path("closed/file")).unwrap(), b"unreadable");
}
