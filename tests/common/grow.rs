//! Workspaces with a history, as the sweeps need them: small, and with every kind of change between the versions.

use std::fs;
use std::os::unix::fs::symlink;

use super::files::{chmod, remove};
use super::random::Random;
use super::sandbox::Sandbox;

/// A file that is cut into chunks, yet takes few bytes in the store.
const LARGE_FILE_BYTES: usize = 1_300_000;

/// A workspace without a history: files and folders of all kinds.
pub fn workspace() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut random = Random::new(1);
    for number in 0..6 {
        sandbox.write(format!("src/module{number}.rs"), random.text(30));
        sandbox.write(format!("src/deep/er/part{number}.txt"), random.text(10));
    }
    sandbox.write("README.md", random.text(20));
    sandbox.write("empty.txt", "");
    sandbox.write("image.bin", random.bytes(3_000));
    sandbox.write("run.sh", "#!/bin/sh\necho run\n");
    chmod(&sandbox.path("run.sh"), 0o755);
    fs::create_dir(sandbox.path("empty")).expect("a new folder");
    symlink("README.md", sandbox.path("link")).expect("a new link");
    symlink("nowhere/at all", sandbox.path("dangling")).expect("a new link");
    sandbox
}

/// The same with a large file.
pub fn workspace_with_large_file() -> Sandbox {
    let sandbox = workspace();
    let line = "0123456789 the same line again and again\n";
    sandbox.write("large.csv", line.repeat(LARGE_FILE_BYTES / line.len()));
    sandbox
}

/// Edits of one afternoon: some content, a new file, one gone.
pub fn edit_a_little(sandbox: &Sandbox, seed: u64) {
    let mut random = Random::new(seed);
    sandbox.write("src/module1.rs", random.text(31));
    sandbox.write(format!("src/new{seed}.rs"), random.text(5));
    sandbox.write("README.md", random.text(21));
}

/// Every way in which a path can differ between two versions.
pub fn edit_everything(sandbox: &Sandbox) {
    let mut random = Random::new(99);
    edit_a_little(sandbox, 99);
    // A file becomes a folder, and a folder a file.
    remove(&sandbox.path("src/module2.rs"));
    sandbox.write("src/module2.rs/inner/file", "was a file, is a folder");
    remove(&sandbox.path("src/deep"));
    sandbox.write("src/deep", "was a folder, is a file");
    // A file becomes a link, and a link a file; a link points elsewhere.
    remove(&sandbox.path("src/module3.rs"));
    symlink("module1.rs", sandbox.path("src/module3.rs")).expect("a new link");
    remove(&sandbox.path("link"));
    sandbox.write("link", "was a link, is a file");
    remove(&sandbox.path("dangling"));
    symlink("elsewhere", sandbox.path("dangling")).expect("a new link");
    // Permission bits alone, of a file and of a folder.
    chmod(&sandbox.path("run.sh"), 0o644);
    chmod(&sandbox.path("src"), 0o700);
    // An empty folder goes, another comes; a folder becomes a link.
    remove(&sandbox.path("empty"));
    symlink("src", sandbox.path("empty")).expect("a new link");
    fs::create_dir_all(sandbox.path("other/empty")).expect("new folders");
    // Contents swap their places, so that neither may be overwritten before the other is safe.
    fs::rename(sandbox.path("src/module4.rs"), sandbox.path("x")).expect("a rename");
    fs::rename(sandbox.path("src/module5.rs"), sandbox.path("src/module4.rs")).expect("a rename");
    fs::rename(sandbox.path("x"), sandbox.path("src/module5.rs")).expect("a rename");
    sandbox.write("image.bin", random.bytes(2_900));
    sandbox.write("new/many/levels/down", "new");
}

/// A workspace with three versions, each of which differs much from the one before, and nothing unsaved.
pub fn history() -> Sandbox {
    grow(workspace())
}

/// The same with a large file.
pub fn history_with_large_file() -> Sandbox {
    grow(workspace_with_large_file())
}

fn grow(sandbox: Sandbox) -> Sandbox {
    sandbox.push();
    edit_everything(&sandbox);
    sandbox.push();
    edit_a_little(&sandbox, 3);
    sandbox.push();
    sandbox
}
