//! Purging: a content that leaked into the history goes from every version, is proved to be gone, and nothing else is lost.

mod common;

use std::path::Path;

use common::contract::exit;
use common::inject::{self, Fault, Plan};
use common::random::Random;
use common::sandbox::Sandbox;

/// Looks like nothing else in the history.
const SECRET: &str = "token = 9f8e7d6c5b4a39281706f5e4d3c2b1a0-qwertzuiop\n";

/// Four versions: a key in the first three of them, edited once, with a copy under another name; gone in the fourth.
fn leaked() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut random = Random::new(7);
    sandbox.write("src/main.rs", random.text(300));
    sandbox.write("src/big", random.text(3000));
    sandbox.write("config/keys", SECRET);
    sandbox.push();
    sandbox.write("config/keys", format!("{SECRET}second = line\n"));
    sandbox.write("copy/of-keys", SECRET);
    sandbox.push();
    sandbox.write("src/main.rs", random.text(310));
    sandbox.push();
    std::fs::remove_file(sandbox.path("config/keys")).unwrap();
    std::fs::remove_file(sandbox.path("copy/of-keys")).unwrap();
    // A file that was made from the one that goes, and may be kept as a delta against it.
    sandbox.write("config/public", "second = line\nand more of it\n");
    sandbox.push();
    sandbox
}

/// Whether a text stands in any file of a folder.
fn stands_below(folder: &Path, text: &str) -> bool {
    walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file()).any(|entry| {
        let bytes = std::fs::read(entry.path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_leaked_key_goes_from_every_version() {
    let sandbox = leaked();
    let before = sandbox.versions();
    let plan = sandbox.json(&["purge", "config/keys", "--dry-run"]);
    assert_eq!(plan["contents"].as_array().unwrap().len(), 2, "{plan}");
    assert!(plan.to_string().contains("copy/of-keys"), "{plan}");
    sandbox.lua(&["cat", "1:config/keys"]).expect(exit::OK);

    let purged = sandbox.json(&["purge", "config/keys", "--force"]);
    assert_eq!(purged["proof"]["absent"], true, "{purged}");
    assert!(purged["proof"]["objects"].as_u64().unwrap() > 5);
    assert!(!stands_below(&sandbox.store(), &SECRET[..20]));
    assert_eq!(sandbox.versions(), before);
    sandbox.check_verify().unwrap();

    // What looks at versions names the path and goes on.
    let gone = sandbox.lua(&["cat", "1:config/keys"]).expect(exit::LEFT_OUT);
    assert!(gone.stderr.contains("was purged from v1"), "{gone}");
    let shown = sandbox.json(&["version", "show", "2"]);
    assert_eq!(shown["purged"].as_array().unwrap().len(), 2, "{shown}");
    assert!(sandbox.lua(&["ls", "-l", "2:config"]).expect(exit::OK).stdout.contains("keys (purged)"));
    let diff = sandbox.lua(&["diff", "1", "2"]).expect(exit::LEFT_OUT);
    assert!(diff.stdout.contains("purged") && diff.stdout.contains("config/keys"), "{diff}");
    sandbox.lua(&["diff", "1", "2", "--stat"]).expect(exit::LEFT_OUT);
    sandbox.lua(&["show", "2"]).expect(exit::LEFT_OUT);
    sandbox.lua(&["log"]).expect(exit::OK);
    sandbox.lua(&["log", "-p"]).expect(exit::LEFT_OUT);
    sandbox.lua(&["log", "config/keys"]).expect(exit::OK);
    sandbox.lua(&["blame", "1:config/keys"]).expect(exit::LEFT_OUT);
    sandbox.lua(&["blame", "4:config/public"]).expect(exit::OK);
    sandbox.lua(&["grep", "--all-versions", "line"]).expect(exit::LEFT_OUT);
    sandbox.lua(&["grep", "line"]).expect(exit::OK);
    sandbox.lua(&["when", "line"]).expect(exit::LEFT_OUT);
    sandbox.lua(&["drill", "2"]).expect(exit::LEFT_OUT);
    sandbox.lua(&["drill", "4"]).expect(exit::OK);
    sandbox.lua(&["verify", "--quick"]).expect(exit::OK);
    assert!(sandbox.lua(&["verify"]).expect(exit::OK).stdout.contains("purged: config/keys in v1–v3"));
    let to = sandbox.outside("v1");
    sandbox.lua(&["restore", "--version", "1", "--to", to.to_str().unwrap()]).expect(exit::LEFT_OUT);
    assert!(to.join("src/main.rs").exists() && !to.join("config/keys").exists());
    let archive = sandbox.outside("v2.tar.zst");
    sandbox.lua(&["export", "tar", "--version", "2", "--to", archive.to_str().unwrap()]).expect(exit::LEFT_OUT);
    let repository = sandbox.lua(&["export", "git"]);
    assert_eq!(repository.code, exit::LEFT_OUT, "{}", repository.stderr);
    sandbox.lua(&["at", "1", "--", "test", "!", "-e", "config/keys"]).expect(exit::OK);
    sandbox.lua(&["repair"]).expect(exit::OK);
    sandbox.check_verify().unwrap();
}

#[test]
fn a_rollback_brings_back_the_rest_and_says_so() {
    let sandbox = leaked();
    sandbox.json(&["purge", "config/keys", "--force"]);
    let plan = sandbox.json(&["rollback", "1", "--dry-run"]);
    assert_eq!(plan["purged"].as_array().unwrap().len(), 1, "{plan}");
    let run = sandbox.lua_json(&["rollback", "1", "--force"]).expect(exit::LEFT_OUT);
    assert_eq!(run.value()["purged"][0]["path"], "config/keys");
    assert!(!sandbox.path("config/keys").exists() && sandbox.path("src/main.rs").exists());
    assert_eq!(sandbox.json(&["status"])["clean"], true);
    assert!(sandbox.json(&["version", "show", "5"]).get("purged").is_none());
    sandbox.check_verify().unwrap();
    sandbox.lua(&["undo", "--force"]).expect(exit::OK);
    assert!(sandbox.path("config/public").exists());
}

#[test]
fn what_is_still_there_is_not_purged() {
    let sandbox = leaked();
    sandbox.write("again", SECRET);
    let refused = sandbox.lua(&["purge", "config/keys", "--force"]).expect(exit::ERROR);
    assert!(refused.stderr.contains("\"again\" in the workspace"), "{refused}");
    sandbox.push();
    std::fs::remove_file(sandbox.path("again")).unwrap();
    let refused = sandbox.lua(&["purge", "config/keys", "--dry-run"]).expect(exit::ERROR);
    assert!(refused.stderr.contains("\"again\" in the newest version"), "{refused}");
    sandbox.lua(&["cat", "1:config/keys"]).expect(exit::OK);
    sandbox.lua(&["purge", "never/there", "--force"]).expect(exit::ERROR);
    sandbox.lua(&["purge", "config/keys"]).expect(exit::USAGE);
}

#[test]
fn what_is_pushed_again_lives_again() {
    let sandbox = leaked();
    sandbox.lua(&["purge", "config", "--force"]).expect(exit::ERROR);
    sandbox.json(&["purge", "config/k*", "copy", "--force"]);
    sandbox.write("config/keys", SECRET);
    let version = sandbox.push().version;
    sandbox.json(&["gc", "--all"]);
    assert_eq!(sandbox.lua(&["cat", &format!("{version}:config/keys")]).expect(exit::OK).stdout, SECRET);
    sandbox.check_verify().unwrap();
    // And goes again.
    std::fs::remove_file(sandbox.path("config/keys")).unwrap();
    sandbox.push();
    assert_eq!(sandbox.json(&["purge", "config/keys", "--force"])["proof"]["absent"], true);
    assert!(!stands_below(&sandbox.store(), &SECRET[..20]));
    sandbox.check_verify().unwrap();
}

#[test]
fn chunks_of_a_large_file_go_but_for_shared_ones() {
    let sandbox = Sandbox::new();
    let mut random = Random::new(3);
    let shared: Vec<u8> = random.bytes(3 << 20);
    let (own, other) = (random.bytes(1 << 20), random.bytes(1 << 20));
    sandbox.write("leaked.bin", [&shared[..], &own[..]].concat());
    sandbox.write("kept.bin", [&shared[..], &other[..]].concat());
    sandbox.push();
    std::fs::remove_file(sandbox.path("leaked.bin")).unwrap();
    sandbox.push();
    let bytes = |sandbox: &Sandbox| -> u64 {
        std::fs::read_dir(sandbox.path(".lua/objects")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    };
    let before = bytes(&sandbox);
    let run = sandbox.lua_json(&["purge", "leaked.bin", "--force"]);
    assert_eq!(run.code, exit::OK, "{run}");
    assert!(run.value()["proof"]["in_others"].as_u64().unwrap() > 0, "the other file keeps what it shares: {run}");
    assert!(before - bytes(&sandbox) > 700_000);
    sandbox.check_verify().unwrap();
    sandbox.lua(&["drill", "2"]).expect(exit::OK);
}

/// What must hold however a purge was interrupted: nothing but what it names is lost, and the same command ends it.
fn check_interrupted(before: &Sandbox, plan: Plan) -> Result<(), String> {
    let sandbox = Sandbox::copy_of(before);
    inject::run(sandbox.command(&["purge", "config/keys", "--force", "--json"]), plan).map_err(|error| error.to_string())?;
    sandbox.check_verify()?;
    if sandbox.try_versions()? != before.try_versions()? {
        return Err("the versions are others".to_owned());
    }
    sandbox.try_tree_of(4)?.same(&before.tree())?;
    let again = sandbox.lua_json(&["purge", "config/keys", "--force"]);
    let is_done = again.code == exit::OK || again.stdout.contains("nothing_to_purge");
    if !is_done || stands_below(&sandbox.store(), &SECRET[..20]) {
        return Err(format!("the same command does not end it: {again}"));
    }
    sandbox.check_verify()?;
    sandbox.check_push_works()
}

#[test]
fn an_interrupted_purge_loses_nothing_else_and_can_be_ended() {
    if let Some(reason) = inject::unavailable() {
        return common::skip("interrupted purge", &reason);
    }
    let before = leaked();
    let counted = inject::run(Sandbox::copy_of(&before).command(&["purge", "config/keys", "--dry-run", "--json"]), Plan::Count).unwrap();
    let sandbox = Sandbox::copy_of(&before);
    let calls = inject::run(sandbox.command(&["purge", "config/keys", "--force", "--json"]), Plan::Count).unwrap().calls.len();
    assert!(calls > counted.calls.len() + 10, "{calls}");
    let faults = [Fault::Kill, Fault::KillAfter, Fault::Errno(libc::EIO), Fault::Errno(libc::ENOSPC)];
    let step = common::number_from_env("LUA_SWEEP_STEP", 7).max(1);
    let points: Vec<Plan> =
        (0..).zip(faults).flat_map(|(place, fault)| (1 + place % step..=calls).step_by(step).map(move |at| Plan::At(at, fault))).collect();
    let findings = common::check_all(&points, |plan| format!("{plan:?}"), |plan| check_interrupted(&before, *plan));
    findings.assert_none("purge");
}

#[test]
fn what_else_holds_the_bytes_is_found() {
    let sandbox = leaked();
    std::fs::write(sandbox.store().join("tmp/left-behind"), format!("xx{SECRET}")).unwrap();
    let run = sandbox.lua_json(&["purge", "config/keys", "--force"]).expect(exit::DAMAGED);
    let found = run.value()["proof"]["found"].to_string();
    assert!(found.contains("tmp/left-behind at 2"), "{found}");
}
