//! Damage that need not be a loss: what the workspace or the log still has goes back into the history.

mod common;

use std::fs;
use std::path::PathBuf;

use common::contract::exit;
use common::random::Random;
use common::sandbox::Sandbox;

/// Bytes that do not shrink.
fn noise(seed: u64) -> Vec<u8> {
    Random::new(seed + 1).bytes(3000)
}

/// Versions 1 to `versions`: four files that do not shrink, and a log that grows.
fn history(versions: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    for file in 0..4 {
        sandbox.write(format!("folder/{file}"), noise(file));
    }
    for version in 1..=versions {
        sandbox.write("log", "a line\n".repeat(version));
        sandbox.json(&["push", "-m", &format!("version {version}")]);
    }
    sandbox
}

fn segment(sandbox: &Sandbox) -> PathBuf {
    sandbox.store().join("objects/000001.seg")
}

/// Turns over a bit of the last place in the segment where these bytes stand.
fn damage(sandbox: &Sandbox, bytes: &[u8]) {
    let mut content = fs::read(segment(sandbox)).unwrap();
    let at = content.windows(bytes.len()).rposition(|window| window == bytes).expect("the bytes are stored as they are");
    content[at] ^= 1;
    fs::write(segment(sandbox), content).unwrap();
}

#[test]
fn a_push_that_reads_everything_puts_again_what_was_damaged() {
    let sandbox = history(3);
    damage(&sandbox, &noise(2)[..100]);
    sandbox.lua(&["verify"]).expect(exit::DAMAGED);
    let push = sandbox.json(&["push", "--rehash"]);
    assert_eq!((&push["changed"], &push["stored_again"]), (&false.into(), &4.into()), "all that stood in one frame: {push}");
    sandbox.lua(&["verify"]).expect(exit::OK);
    let back = sandbox.outside("back");
    sandbox.lua(&["restore", "--version", "1", "--to", back.to_str().unwrap()]).expect(exit::OK);
    assert_eq!(fs::read(back.join("folder/2")).unwrap(), noise(2));
    assert_eq!(sandbox.json(&["push", "--rehash"])["stored_again"], 0);
}

#[test]
fn a_push_goes_on_after_all_segments_were_lost() {
    for edits in [false, true] {
        let sandbox = history(3);
        fs::remove_file(segment(&sandbox)).unwrap();
        sandbox.lua(&["status"]).expect(exit::DAMAGED);
        if edits {
            sandbox.write("new", "new");
        }
        let push = sandbox.lua(&["push"]).expect(exit::OK);
        assert!(push.stderr.contains("damaged"), "{push}");
        let newest = if edits { "4" } else { "3" };
        let back = sandbox.outside("back");
        sandbox.lua(&["restore", "--version", newest, "--to", back.to_str().unwrap()]).expect(exit::OK);
        assert_eq!(fs::read(back.join("folder/3")).unwrap(), noise(3));
        sandbox.lua(&["verify"]).expect(exit::DAMAGED);
        for lost in if edits { 1..=3 } else { 1..=2 } {
            sandbox.lua(&["version", "delete", &lost.to_string(), "--force", "--no-gc"]).expect(exit::OK);
        }
        sandbox.lua(&["repair"]).expect(exit::OK);
        sandbox.lua(&["verify"]).expect(exit::OK);
    }
}

#[test]
fn a_repair_writes_down_again_what_only_the_log_knows() {
    let sandbox = history(5);
    damage(&sandbox, b"version 2");
    let found = sandbox.lua(&["verify"]).expect(exit::DAMAGED);
    assert!(found.stdout.contains("the version log"), "{found}");
    sandbox.lua(&["repair"]).expect(exit::OK);
    let verified = sandbox.lua(&["verify"]).expect(exit::OK);
    assert!(verified.stdout.contains("all versions are whole"), "{verified}");
    sandbox.write("log", "one more\n");
    sandbox.json(&["push", "-m", "version 6"]);
    // Nothing but the segments is left.
    for file in ["index.db", "index.db-wal", "index.db-shm", "index.db.damaged"] {
        let _ = fs::remove_file(sandbox.store().join(file));
    }
    let versions = sandbox.json(&["list", "--all"]);
    let messages: Vec<&str> = versions["versions"].as_array().unwrap().iter().map(|row| row["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["version 6", "version 5", "version 4", "version 3", "version 2", "version 1"]);
    sandbox.lua(&["verify"]).expect(exit::OK);
    sandbox.lua(&["rollback", "2", "--force"]).expect(exit::OK);
    assert_eq!(fs::read(sandbox.path("log")).unwrap(), b"a line\na line\n");
}

#[test]
fn a_repair_loses_nothing_that_could_be_read() {
    let sandbox = history(2);
    damage(&sandbox, &noise(2)[..100]);
    for _ in 0..2 {
        let back = sandbox.outside("back");
        let restored = sandbox.lua(&["restore", "--version", "1", "--to", back.to_str().unwrap(), "folder/0", "folder/1", "folder/3"]);
        restored.expect(exit::OK);
        assert_eq!(fs::read(back.join("folder/3")).unwrap(), noise(3));
        fs::remove_dir_all(back).unwrap();
        let verified = sandbox.lua_json(&["verify"]).expect(exit::DAMAGED).value();
        assert_eq!(verified["damaged"].as_array().unwrap().len(), 1, "{verified}");
        assert_eq!(verified["damaged"][0]["path"], "folder/2");
        sandbox.lua(&["repair"]).expect(exit::DAMAGED);
    }
}
