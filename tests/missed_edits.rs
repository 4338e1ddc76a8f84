//! Edits that deceive those who look at sizes and times only: each of them is in the next version.
//!
//! The stat cache trusts a row only when the file's ctime was a minute old when it was read. So the edits are made twice: to files
//! that were just written, whose rows are not trusted, and (after a minute's wait) to files whose rows are.

#![allow(unsafe_code)] // A shared memory map of a file is unsafe to make, and writing through one is what is tested.

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use common::Findings;
use common::files::{mtime, set_mtime};
use common::sandbox::Sandbox;
use common::tree_state::Node;
use memmap2::MmapMut;

/// How old a file's ctime must be for its row to be trusted, and some more.
const TRUSTED_AFTER_MS: u64 = 61_500;
const BEFORE: &[u8] = b"content before";
const AFTER: &[u8] = b"content later!";

/// An edit of one file: leaves `AFTER` in a file that held `BEFORE`.
struct Edit {
    name: &'static str,
    /// Done before the first push.
    prepare: fn(&Sandbox, &Path) -> Prepared,
    make: fn(&Sandbox, &Path, Prepared),
}

/// What an edit needs from before the push.
#[derive(Default)]
struct Prepared {
    map: Option<MmapMut>,
    file: Option<File>,
}

fn nothing(_: &Sandbox, _: &Path) -> Prepared {
    Prepared::default()
}

fn rewrite(path: &Path) {
    OpenOptions::new().write(true).open(path).and_then(|file| file.write_all_at(AFTER, 0)).expect("a file of the workspace");
}

/// Maps the file and writes through the map, so that the page is dirty.
fn map(_: &Sandbox, path: &Path) -> Prepared {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("a file of the workspace");
    // SAFETY: the file is in a folder of this test's own; nobody else writes to it or shortens it.
    let mut map = unsafe { MmapMut::map_mut(&file) }.expect("a file that can be mapped");
    map.copy_from_slice(BEFORE);
    Prepared { map: Some(map), file: None }
}

const EDITS: &[Edit] = &[
    Edit { name: "same size", prepare: nothing, make: |_, path, _| rewrite(path) },
    Edit {
        name: "same size and time set back",
        prepare: nothing,
        make: |_, path, _| {
            let time = mtime(path);
            rewrite(path);
            set_mtime(path, time);
        },
    },
    Edit {
        name: "time in the future, then edited with the same time",
        prepare: |_, path| {
            set_mtime(path, SystemTime::now() + Duration::from_secs(1 << 30));
            Prepared::default()
        },
        make: |_, path, _| {
            let time = mtime(path);
            rewrite(path);
            set_mtime(path, time);
        },
    },
    Edit {
        name: "copied over with cp -p from a file with the same time",
        prepare: nothing,
        make: |sandbox, path, _| {
            let source = sandbox.outside("source");
            fs::write(&source, AFTER).expect("a file beside the workspace");
            set_mtime(&source, mtime(path));
            let status = Command::new("cp").arg("-p").arg(&source).arg(path).status().expect("cp");
            assert!(status.success());
        },
    },
    Edit {
        name: "renamed over with the same size and time",
        prepare: nothing,
        make: |sandbox, path, _| {
            let source = sandbox.outside("renamed");
            fs::write(&source, AFTER).expect("a file beside the workspace");
            set_mtime(&source, mtime(path));
            fs::rename(&source, path).expect("a rename");
        },
    },
    Edit {
        name: "removed and made again, with the same inode if the file system gives it",
        prepare: nothing,
        make: |_, path, _| {
            let (time, inode) = (mtime(path), fs::metadata(path).expect("a file").ino());
            fs::remove_file(path).expect("a file");
            fs::write(path, AFTER).expect("a file");
            set_mtime(path, time);
            println!("inode {}", if fs::metadata(path).expect("a file").ino() == inode { "reused" } else { "not reused" });
        },
    },
    Edit {
        name: "through a second name outside the workspace",
        prepare: |sandbox, path| {
            fs::hard_link(path, sandbox.outside("second")).expect("a second name");
            Prepared::default()
        },
        make: |sandbox, path, _| {
            let time = mtime(path);
            rewrite(&sandbox.outside("second"));
            set_mtime(&sandbox.outside("second"), time);
        },
    },
    Edit {
        name: "through a file that was open all the time",
        prepare: |_, path| Prepared { map: None, file: Some(OpenOptions::new().write(true).open(path).expect("a file")) },
        make: |_, path, prepared| {
            let time = mtime(path);
            prepared.file.expect("was opened").write_all(AFTER).expect("an open file");
            set_mtime(path, time);
        },
    },
    Edit {
        name: "through a shared memory map",
        prepare: map,
        make: |_, _, prepared| prepared.map.expect("was mapped").copy_from_slice(AFTER),
    },
];

fn path_of(place: usize) -> String {
    format!("folder{place}/file")
}

/// Makes all edits between two pushes, and reads the second version back.
fn check_all_edits(when: &str, wait_ms: u64) {
    let sandbox = Sandbox::new();
    for place in 0..EDITS.len() {
        sandbox.write(path_of(place), BEFORE);
    }
    let prepare = |(place, edit): (usize, &Edit)| (edit.prepare)(&sandbox, &sandbox.path(path_of(place)));
    let prepared: Vec<Prepared> = EDITS.iter().enumerate().map(prepare).collect();
    std::thread::sleep(Duration::from_millis(wait_ms));
    // The second push finds rows for all files, and may come to trust them.
    sandbox.push();
    assert!(!sandbox.push().changed, "nothing was edited");
    for ((place, edit), prepared) in EDITS.iter().enumerate().zip(prepared) {
        (edit.make)(&sandbox, &sandbox.path(path_of(place)), prepared);
        let path = sandbox.path(path_of(place));
        assert_eq!(fs::read(&path).expect("an edited file"), AFTER, "{}: the edit does not do what it says", edit.name);
    }
    let pushed = sandbox.push();
    let recorded = sandbox.tree_of(pushed.version);
    let mut findings = Findings::default();
    for (place, edit) in EDITS.iter().enumerate() {
        let found = match recorded.get(path_of(place)) {
            Some(Node::File { content, .. }) if *content == blake3::hash(AFTER) => Ok(()),
            Some(node) => Err(format!("the next push missed it: {node}")),
            None => Err("the file is not in the next version".to_owned()),
        };
        findings.check(&format!("{when}, {}", edit.name), found);
    }
    findings.assert_none("edits");
    assert!(pushed.changed);
}

#[test]
fn edits_of_files_just_written() {
    check_all_edits("just written", 0);
}

#[test]
fn edits_of_files_whose_rows_are_trusted() {
    if std::env::var_os("CI").is_none() && std::env::var_os("LUA_SLOW_TESTS").is_none() {
        return common::skip("edits_of_files_whose_rows_are_trusted", "it waits for a minute; LUA_SLOW_TESTS=1 runs it");
    }
    check_all_edits("trusted", TRUSTED_AFTER_MS);
}

#[test]
fn a_change_of_bits_alone_is_recorded() {
    let sandbox = Sandbox::new();
    sandbox.write("run.sh", "#!/bin/sh\n");
    sandbox.push();
    common::files::chmod(&sandbox.path("run.sh"), 0o755);
    let pushed = sandbox.push();
    assert!(pushed.changed);
    sandbox.tree().assert_same(&sandbox.tree_of(pushed.version), "after chmod");
}

#[test]
fn edits_in_quick_succession_are_all_recorded() {
    let sandbox = Sandbox::new();
    for number in 0..40 {
        let content = format!("edit {number:04}");
        sandbox.write("file", &content);
        let pushed = sandbox.push();
        assert_eq!(pushed.version, number + 1, "every edit is a version");
        assert!(sandbox.tree_of(pushed.version).get("file") == Some(&Node::file(content.as_bytes(), 0o644)), "{content}");
    }
}

#[test]
fn a_second_look_can_be_forced() {
    let sandbox = Sandbox::new();
    sandbox.write("file", BEFORE);
    sandbox.push();
    rewrite(&sandbox.path("file"));
    let run = sandbox.lua_json(&["push", "--rehash"]).expect(common::contract::exit::OK);
    assert!(common::contract::push(&run.stdout).is_ok_and(|push| push.changed), "{run}");
}
