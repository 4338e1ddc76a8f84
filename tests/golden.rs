//! Stores that were written once must be read for ever: a store of each format version lies under `fixtures/`, with a list of
//! what every version of it holds. `LUA_WRITE_GOLDEN=1` writes those of the present version anew; look at the difference before
//! you keep it.

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use common::sandbox::Sandbox;
use common::tree_state::TreeState;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/store-v1")
}

/// Files that stand for every way of storing: small ones in a group, a delta, a large one in chunks, one that does not shrink.
fn make(sandbox: &Sandbox) {
    sandbox.write("README.md", "# a workspace\n".repeat(20));
    sandbox.write("src/main.rs", "fn main() {}\n");
    sandbox.write("src/empty", "");
    sandbox.write("large.txt", "chunk ".repeat(300_000));
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(2000)
    .collect();
    sandbox.write("noise.bin", &noise);
    std::fs::create_dir(sandbox.path("folder")).expect("the sandbox is fresh");
    std::os::unix::fs::symlink("README.md", sandbox.path("link")).expect("the sandbox is fresh");
    sandbox.push();
    sandbox.write("README.md", format!("{}one more line\n", "# a workspace\n".repeat(20)));
    std::fs::remove_file(sandbox.path("src/empty")).expect("it was just written");
    sandbox.push();
    sandbox.lua(&["promote", "1"]).expect(0);
    sandbox.rollback(1).expect(0);
}

fn list_of(sandbox: &Sandbox) -> String {
    let mut list = String::new();
    for row in sandbox.versions().iter().rev() {
        writeln!(list, "{row}").expect("a string takes everything");
        describe(&sandbox.tree_of(row.version), &mut list);
    }
    list
}

fn describe(tree: &TreeState, list: &mut String) {
    for (path, node) in tree.iter() {
        writeln!(list, "    {} {node}", String::from_utf8_lossy(path)).expect("a string takes everything");
    }
}

fn write_golden() {
    let sandbox = Sandbox::new();
    make(&sandbox);
    let objects = fixture().join("objects");
    std::fs::create_dir_all(&objects).expect("the fixtures can be written");
    for name in ["objects/000001.seg", "config.toml"] {
        std::fs::copy(sandbox.store().join(name), fixture().join(name)).expect("the fixtures can be written");
    }
    std::fs::write(fixture().join("versions.txt"), list_of(&sandbox)).expect("the fixtures can be written");
}

#[test]
fn a_store_of_format_1_is_read() {
    if std::env::var_os("LUA_WRITE_GOLDEN").is_some() {
        write_golden();
    }
    let sandbox = Sandbox::new();
    let store = sandbox.workspace().join(".lua");
    std::fs::create_dir_all(store.join("objects")).expect("the sandbox is fresh");
    for name in ["objects/000001.seg", "config.toml"] {
        std::fs::copy(fixture().join(name), store.join(name)).expect("the fixture is there");
    }
    let expected = std::fs::read_to_string(fixture().join("versions.txt")).expect("the fixture is there");
    assert_eq!(list_of(&sandbox), expected);
    sandbox.check_verify().expect("nothing of it is damaged");
    sandbox.write("new", "goes on from there");
    assert_eq!(sandbox.push().version, 4);
}

#[test]
fn every_golden_store_has_its_test() {
    let names: Vec<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"))
        .expect("the fixtures are there")
        .map(|entry| entry.expect("the fixtures can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["store-v1"]);
}
