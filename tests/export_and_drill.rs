//! Archives are reproducible and hold a version exactly; a drill finds out whether a version comes back.

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::contract::exit;
use common::files::{chmod, set_mtime};
use common::sandbox::{NOW_MS, Sandbox};
use common::tree_state::TreeState;

/// A workspace with one of everything, pushed.
fn varied() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("run", "#!/bin/sh\n");
    chmod(&sandbox.path("run"), 0o750);
    sandbox.write(b"bad\xff\nname", "bytes");
    sandbox.write(format!("{0}/{0}/{0}", "deep".repeat(50)), "long");
    sandbox.write("large", (0..900_000u32).flat_map(|n| (n / 3).to_le_bytes()).collect::<Vec<u8>>());
    sandbox.write("nothing", "");
    fs::create_dir(sandbox.path("empty")).unwrap();
    chmod(&sandbox.path("empty"), 0o700);
    symlink("t".repeat(200), sandbox.path("link")).unwrap();
    sandbox.lua(&["push"]).expect(exit::OK);
    sandbox
}

fn export(sandbox: &Sandbox, name: &str, more: &[&str]) -> PathBuf {
    let file = sandbox.outside(name);
    let arguments = ["export", "tar", "--to", file.to_str().unwrap()];
    sandbox.json(&[&arguments[..], more].concat());
    file
}

/// Decompresses an archive.
fn plain(archive: &Path) -> Vec<u8> {
    let compressed = fs::read(archive).unwrap();
    let mut plain = Vec::with_capacity(64 << 20);
    zstd_safe::decompress(&mut plain, &compressed).unwrap();
    plain
}

#[test]
fn an_archive_holds_the_version_exactly() {
    let sandbox = varied();
    let archive = plain(&export(&sandbox, "v1.tar.zst", &["--version", "1"]));
    let unpacked = sandbox.outside("unpacked");
    let mut reader = tar::Archive::new(archive.as_slice());
    reader.set_preserve_permissions(true);
    reader.unpack(&unpacked).unwrap();
    sandbox.tree().assert_same(&TreeState::capture(&unpacked), "unpacked");
    for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        assert_eq!(header.mtime().unwrap(), NOW_MS.unsigned_abs() / 1000);
        entry.read_to_end(&mut Vec::new()).unwrap();
    }
}

#[test]
fn the_same_version_gives_the_same_bytes() {
    let sandbox = varied();
    let one = fs::read(export(&sandbox, "one", &[])).unwrap();
    let copy = Sandbox::copy_of(&sandbox);
    set_mtime(&copy.path("run"), std::time::SystemTime::UNIX_EPOCH);
    copy.write("new", "unsaved");
    assert!(one == fs::read(export(&copy, "other", &["--version", "v1"])).unwrap());
    assert!(one.len() > fs::read(export(&copy, "small", &["--level", "19"])).unwrap().len());
    let exists = copy.lua_json(&["export", "tar", "--to", copy.outside("small").to_str().unwrap()]).expect(exit::ERROR);
    assert_eq!(exists.value()["error"]["code"], "disk");
    copy.lua_json(&["export", "tar"]).expect(exit::USAGE);
    copy.lua(&["export", "tar", "--version", "7", "--to", "no"]).expect(exit::NO_SUCH_VERSION);
    assert!(!copy.path("no").exists(), "nothing is made for a version that is not there");
}

#[test]
fn a_drill_brings_a_version_back_and_leaves_nothing() {
    let sandbox = varied();
    sandbox.write("run", "changed");
    sandbox.lua(&["push"]).expect(exit::OK);
    let before = TreeState::capture(&sandbox.workspace());
    let answer = sandbox.json(&["drill"]);
    assert_eq!((answer["ok"].as_bool(), answer["drilled"][0]["version"].as_u64()), (Some(true), Some(2)), "{answer}");
    assert_eq!((answer["drilled"][0]["files"].as_u64(), answer["drilled"][0]["directories"].as_u64()), (Some(6), Some(3)));
    assert_eq!(sandbox.json(&["drill", "1"])["drilled"][0]["version"].as_u64(), Some(1));
    let elsewhere = sandbox.outside("home");
    let all = sandbox.json(&["drill", "--random", "9", "--to", elsewhere.to_str().unwrap()]);
    let versions: Vec<u64> = all["drilled"].as_array().unwrap().iter().map(|row| row["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [1, 2]);
    before.assert_same(&TreeState::capture(&sandbox.workspace()), "the workspace");
    for folder in [sandbox.store().join("tmp"), elsewhere] {
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("drill-")), "{left:?}");
    }
    sandbox.lua(&["drill", "3"]).expect(exit::NO_SUCH_VERSION);
}

#[test]
fn a_drill_finds_damage_and_what_a_killed_one_left_goes() {
    let sandbox = varied();
    let left = sandbox.store().join("tmp/drill-1-00");
    fs::create_dir_all(left.join("a/b")).unwrap();
    chmod(&left.join("a"), 0o500);
    let segment = sandbox.store().join("objects/000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&segment, bytes).unwrap();
    let run = sandbox.lua_json(&["drill"]).expect(exit::DAMAGED);
    assert_eq!(run.value()["ok"].as_bool(), Some(false));
    assert!(!run.value()["drilled"][0]["differences"].as_array().unwrap().is_empty(), "{run}");
    assert!(!left.exists());
}
