//! Evil shapes and races: trees deeper than a path may be long, crowded folders, stores that are not what they seem, folders that
//! turn into links while they are walked or written, files that change while they are read.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use common::contract::{self, exit};
use common::files::{chmod, remove, remove_deep};
use common::history::did_not_crash;
use common::random::Random;
use common::sandbox::{Run, Sandbox};
use common::tree_state::{Node, Times, TreeState};
use common::while_repeating;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags};

/// A path of this depth, of folders with these names, is longer than the 4,096 bytes that a system call takes.
const DEPTH: usize = 2_000;
const FOLDER_NAME: &str = "down";
const FILES_IN_ONE_FOLDER: usize = 10_000;

/// Opens a folder in another one, and makes it if there is none.
fn go_into(parent: &OwnedFd, name: &str) -> OwnedFd {
    let _ = rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755));
    rustix::fs::openat(parent, name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).expect("a folder just made")
}

fn write_at_the_bottom(root: &Path, content: &[u8]) {
    let mut folder = rustix::fs::open(root, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).expect("the workspace");
    for _ in 0..DEPTH {
        folder = go_into(&folder, FOLDER_NAME);
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let file = rustix::fs::openat(&folder, "file", flags, Mode::from_raw_mode(0o644)).expect("a file at the bottom");
    rustix::io::write(&file, content).expect("a few bytes");
}

#[test]
fn trees_deeper_than_a_path_is_long() {
    let sandbox = Sandbox::new();
    write_at_the_bottom(&sandbox.workspace(), b"one");
    let one = sandbox.tree();
    assert_eq!(one.len(), DEPTH + 1);
    sandbox.push();
    write_at_the_bottom(&sandbox.workspace(), b"two");
    let two = sandbox.tree();
    assert!(sandbox.push().changed);
    sandbox.rollback(1).expect(exit::OK);
    one.assert_same(&sandbox.tree(), "after a rollback");
    // All of it must go, and come again.
    remove_deep(&sandbox.path(FOLDER_NAME));
    sandbox.write("file", "in its place");
    sandbox.rollback(2).expect(exit::OK);
    two.assert_same(&sandbox.tree(), "after a rollback");
    let to = sandbox.outside("restored");
    sandbox.restore(1, &to).expect(exit::OK);
    one.assert_same(&TreeState::capture(&to), "restored");
    sandbox.check_verify().unwrap();
    let diff = sandbox.lua(&["diff", "1", "2", "--stat"]);
    assert!(!diff.crashed(), "{diff}");
    remove_deep(&to);
    remove_deep(&sandbox.path(FOLDER_NAME));
}

#[test]
fn ten_thousand_files_in_one_folder() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("crowd")).unwrap();
    for number in 0..FILES_IN_ONE_FOLDER {
        fs::write(sandbox.path(format!("crowd/{number:05}")), format!("file {number}")).unwrap();
    }
    let one = sandbox.tree();
    assert_eq!(sandbox.push().added, FILES_IN_ONE_FOLDER as u64);
    sandbox.write("crowd/05000", "edited");
    remove(&sandbox.path("crowd/00001"));
    sandbox.write("crowd/new", "new");
    let pushed = sandbox.push();
    assert_eq!((pushed.added, pushed.changed_files, pushed.removed), (1, 1, 1));
    sandbox.rollback(1).expect(exit::OK);
    one.assert_same(&sandbox.tree(), "after a rollback");
}

#[test]
fn permission_bits_are_brought_back_exactly() {
    let sandbox = Sandbox::new();
    for mode in [0o000, 0o400, 0o444, 0o600, 0o644, 0o755, 0o777, 0o4755, 0o2755, 0o1644, 0o7777] {
        // Unreadable files are another test's.
        if mode & 0o400 != 0 || rustix::process::geteuid().is_root() {
            sandbox.write(format!("file{mode:04o}"), "content");
            chmod(&sandbox.path(format!("file{mode:04o}")), mode);
        }
    }
    for mode in [0o700, 0o755, 0o777, 0o1777, 0o2775, 0o555] {
        sandbox.write(format!("folder{mode:04o}/file"), "content");
        chmod(&sandbox.path(format!("folder{mode:04o}")), mode);
    }
    sandbox.assert_round_trip();
}

#[test]
fn sizes_around_the_limits_and_contents_like_our_own() {
    let sandbox = Sandbox::new();
    let mut random = Random::new(5);
    // The limits of whole files, chunks and samples; see `lua_store::limits`.
    for limit in [1, 8 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20, 2 << 20] {
        for bytes in [limit - 1, limit, limit + 1] {
            sandbox.write(format!("noise{bytes}"), random.bytes(bytes));
            sandbox.write(format!("zeros{bytes}"), vec![0; bytes]);
            sandbox.write(format!("text{bytes}"), "all the same ".repeat(bytes / 13 + 1).get(..bytes).unwrap());
        }
    }
    sandbox.push();
    for entry in walkdir::WalkDir::new(sandbox.store()).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file()) {
        let content = fs::read(entry.path()).unwrap();
        // Under other names: our own .gitignore would leave all of it out.
        sandbox.write(format!("like ours/our {}", entry.file_name().to_string_lossy()), content);
    }
    sandbox.assert_round_trip();
}

#[test]
fn a_sparse_file_stays_sparse() {
    const BYTES: u64 = 256 << 20;
    let sandbox = Sandbox::new();
    let path = sandbox.path("sparse");
    let file = fs::File::create(&path).unwrap();
    file.set_len(BYTES).unwrap();
    for offset in [0, 100 << 20, BYTES - 4096] {
        file.write_all_at(&[7; 4096], offset).unwrap();
    }
    let disk_bytes = |path: &PathBuf| fs::metadata(path).unwrap().blocks() * 512;
    if disk_bytes(&path) > BYTES / 2 {
        return common::skip("a_sparse_file_stays_sparse", "the file system has no holes");
    }
    sandbox.assert_round_trip();
    assert!(disk_bytes(&path) <= 16 << 20, "{} bytes on disk", disk_bytes(&path));
}

#[test]
fn hard_links_become_separate_files() {
    let sandbox = Sandbox::new();
    let outside = sandbox.outside("second");
    sandbox.write("one", "together");
    fs::hard_link(sandbox.path("one"), sandbox.path("two")).unwrap();
    sandbox.write("out", "shared with the outside");
    fs::hard_link(sandbox.path("out"), &outside).unwrap();
    sandbox.push();
    sandbox.write("one", "edited through one name");
    sandbox.write("out", "edited through one name");
    sandbox.push();
    sandbox.rollback(1).expect(exit::OK);
    sandbox.tree_of(1).assert_same(&sandbox.tree(), "after a rollback");
    assert_eq!(fs::read(&outside).unwrap(), b"edited through one name", "the name outside is not written through");
    sandbox.write("one", "alone");
    assert_eq!(fs::read(sandbox.path("two")).unwrap(), b"together");
}

#[track_caller]
fn assert_refused(run: &Run) {
    assert!(exit::is_refusal(run.code) && !run.stderr.is_empty(), "{run}");
}

#[test]
fn a_store_that_is_a_link_or_a_file_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "content");
    sandbox.push();
    let elsewhere = sandbox.outside("elsewhere");
    fs::rename(sandbox.store(), &elsewhere).unwrap();
    let before = TreeState::capture_with(&elsewhere, Times::With);
    symlink(&elsewhere, sandbox.store()).unwrap();
    sandbox.write("file", "edited");
    for arguments in [&["push"][..], &["status"], &["source", "rollback", "--version", "1", "--force"], &["init"]] {
        assert_refused(&sandbox.lua(arguments));
    }
    before.assert_same(&TreeState::capture_with(&elsewhere, Times::With), "behind the link");
    fs::remove_file(sandbox.store()).unwrap();
    fs::write(sandbox.store(), "no folder").unwrap();
    for arguments in [&["push"][..], &["status"], &["init"]] {
        assert_refused(&sandbox.lua(arguments));
    }
    assert_eq!(fs::read(sandbox.store()).unwrap(), b"no folder");
}

#[test]
fn links_in_the_store_lead_nowhere() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "content");
    sandbox.push();
    let elsewhere = sandbox.outside("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for folder in ["objects", "index", "tmp", "cache"] {
        let copy = Sandbox::copy_of(&sandbox);
        if !copy.store().join(folder).is_dir() {
            continue;
        }
        remove(&copy.store().join(folder));
        symlink(&elsewhere, copy.store().join(folder)).unwrap();
        copy.write("file", "edited");
        for arguments in [&["push"][..], &["status"], &["verify"], &["repair"]] {
            did_not_crash(&copy.lua(arguments)).unwrap();
        }
        assert!(TreeState::capture(&elsewhere).is_empty(), "written through a link in the place of {folder}");
    }
}

#[test]
fn folders_that_turn_into_links_during_a_rollback_lead_nowhere() {
    let sandbox = Sandbox::new();
    let outside = sandbox.outside("canary");
    for number in 0..30 {
        sandbox.write(format!("folder/sub/file{number}"), "one");
        fs::create_dir_all(outside.join("sub")).unwrap();
        fs::write(outside.join(format!("sub/file{number}")), "alive").unwrap();
    }
    sandbox.push();
    for number in 0..30 {
        sandbox.write(format!("folder/sub/file{number}"), "two");
    }
    sandbox.push();
    let alive = TreeState::capture_with(&outside, Times::With);
    // `folder` and a link to the canary change places as fast as they can.
    let (folder, link) = (sandbox.path("folder"), sandbox.outside("link"));
    symlink(&outside, &link).unwrap();
    let swap = || {
        // Fails while the rollback has one of the names in hand.
        let _ = rustix::fs::renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE);
    };
    if rustix::fs::renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).is_err() {
        return common::skip("folders_that_turn_into_links", "the file system cannot exchange two names");
    }
    while_repeating(&[&swap], || {
        for round in 0..20 {
            // It may give up, since the workspace changes under its hands; it may not leave the workspace.
            did_not_crash(&sandbox.rollback(1 + round % 2)).unwrap();
        }
    });
    alive.assert_same(&TreeState::capture_with(&outside, Times::With), "outside the workspace");
    sandbox.check_verify().unwrap();
}

/// Whether a file that is written from its beginning to its end, each time with the next byte, can have held this at one moment: all
/// of it is alike, or what comes first is one round newer. A writer that is kept waiting in the midst of a write leaves the file
/// like that for as long as it waits, and then that is what the file holds. The other way round it never was.
fn is_of_one_moment(content: &[u8]) -> bool {
    let mut changes = content.windows(2).filter(|pair| pair[0] != pair[1]);
    match (changes.next(), changes.next()) {
        (None, _) => true,
        (Some(pair), None) => pair[0] == pair[1].wrapping_add(1),
        (Some(_), Some(_)) => false,
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_whole_or_named() {
    const BYTES: usize = 3 << 20;
    let sandbox = Sandbox::new();
    sandbox.write("busy", vec![0; BYTES]);
    sandbox.write("quiet", "content");
    let busy = fs::OpenOptions::new().write(true).open(sandbox.path("busy")).unwrap();
    let round = AtomicU8::new(1);
    let rewrite = || {
        let byte = round.fetch_add(1, Ordering::Relaxed);
        busy.write_all_at(&vec![byte; BYTES], 0).unwrap();
    };
    let mut named = BTreeSet::new();
    while_repeating(&[&rewrite], || {
        for _ in 0..10 {
            let run = sandbox.lua_json(&["push"]);
            assert!(matches!(run.code, exit::OK | exit::LEFT_OUT), "{run}");
            let pushed = contract::push(&run.stdout).unwrap();
            assert_eq!(run.code == exit::LEFT_OUT, !pushed.left_out.is_empty(), "{run}");
            if pushed.left_out.iter().any(|left_out| left_out.path == "busy") {
                named.insert(pushed.version);
            }
        }
    });
    let folder = sandbox.outside("restored");
    fs::create_dir(&folder).unwrap();
    for version in sandbox.versions().into_iter().map(|row| row.version) {
        let to = folder.join(version.to_string());
        sandbox.restore(version, &to).expect(exit::OK);
        let content = fs::read(to.join("busy")).unwrap_or_default();
        assert!(is_of_one_moment(&content) || named.contains(&version), "v{version} holds a mix that no push has named");
    }
}

/// What editors, builds and other tools do to a tree while it is pushed.
fn disturb(sandbox: &Sandbox, number: usize) {
    let path = |name: &str| -> PathBuf { sandbox.path(format!("busy/{name}{}", number % 7)) };
    let _ = match number % 6 {
        0 => fs::write(path("grows"), vec![1; number % 100_000]),
        1 => fs::remove_file(path("grows")),
        2 => fs::write(path("temp"), "saved").and_then(|()| fs::rename(path("temp"), path("grows"))),
        3 => fs::create_dir(path("folder")).and_then(|()| fs::write(path("folder").join("below"), "x")),
        4 => fs::remove_dir_all(path("folder")),
        _ => fs::remove_file(path("link")).and_then(|()| symlink("grows1", path("link"))).or_else(|_| symlink("folder1", path("link"))),
    };
}

#[test]
fn a_tree_that_changes_during_pushes_is_recorded_without_harm() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("busy")).unwrap();
    sandbox.write("quiet/file", "content");
    let number = AtomicUsize::new(0);
    while_repeating(&[&|| disturb(&sandbox, number.fetch_add(1, Ordering::Relaxed))], || {
        for _ in 0..20 {
            let run = sandbox.lua_json(&["push"]);
            assert!(matches!(run.code, exit::OK | exit::LEFT_OUT), "{run}");
        }
    });
    sandbox.check_verify().unwrap();
    for (version, tree) in sandbox.holdings().trees {
        assert!(tree.get("quiet/file") == Some(&Node::file(b"content", 0o644)), "v{version}");
    }
    sandbox.check_push_works().unwrap();
}
