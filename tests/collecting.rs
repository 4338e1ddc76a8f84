//! Giving room back: `gc`, and `prune` with it, as users meet them, alone and beside pushes.

mod common;

use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use common::contract::exit;
use common::sandbox::Sandbox;
use lua_store::format::record::VersionNumber;
use lua_store::ops::{Host, Notice, Phase, QuietHost, VerifyOptions, Workspace, promote, verify};

/// A workspace with many versions of a few files, each of which has much that no other has.
fn history(versions: u64) -> Sandbox {
    let sandbox = Sandbox::new();
    for version in 0..versions {
        let mut random = common::random::Random::new(version);
        for file in 0..3 {
            sandbox.write(format!("folder{file}/file"), random.text(200));
        }
        sandbox.write("grows", (0..version).map(|line| format!("line {line}\n")).collect::<String>());
        sandbox.push();
    }
    sandbox
}

fn bytes_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn segments_bytes(sandbox: &Sandbox) -> u64 {
    bytes_of(&sandbox.path(".lua/objects"))
}

fn read_at(sandbox: &Sandbox, version: u64, path: &str) -> String {
    sandbox.lua(&["cat", &format!("{version}:{path}")]).expect(exit::OK).stdout
}

#[test]
fn pruned_contents_go_and_all_others_stay() {
    let sandbox = history(20);
    let kept: Vec<String> = [16, 20].iter().map(|&version| read_at(&sandbox, version, "grows")).collect();
    sandbox.json(&["label", "16", "good"]);
    let before = segments_bytes(&sandbox);
    let plan = sandbox.json(&["prune", "--keep-last", "2", "--dry-run"]);
    assert_eq!(plan["pruned"].as_array().unwrap().len(), 17);
    let pruned = sandbox.json(&["prune", "--keep-last", "2", "--force"]);
    let after = segments_bytes(&sandbox);
    assert!(after * 3 < before, "{before} bytes became {after}");
    assert!(pruned["collected"]["bytes_before"].as_u64().unwrap() >= before);
    assert_eq!(pruned["collected"]["bytes_after"].as_u64().unwrap(), after);
    assert_eq!([16, 20].map(|version| read_at(&sandbox, version, "grows")).to_vec(), kept);
    assert!(sandbox.lua(&["cat", "5:grows"]).code != exit::OK);
    sandbox.check_verify().unwrap();
    sandbox.write("after", "a collection");
    assert_eq!(sandbox.push().version, 21);
    sandbox.rollback(19).expect(exit::OK);
    sandbox.lua(&["repair"]).expect(exit::OK);
    sandbox.check_verify().unwrap();
    assert_eq!(sandbox.json(&["list", "--all"])["versions"].as_array().unwrap().len(), 22);
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_would_come_back() {
    let sandbox = history(10);
    assert_eq!(sandbox.json(&["gc", "--dry-run"])["dropped_objects"], 0);
    sandbox.json(&["prune", "--keep-last", "1", "--force", "--no-gc"]);
    let before = segments_bytes(&sandbox);
    let plan = sandbox.json(&["gc", "--dry-run"]);
    assert_eq!(segments_bytes(&sandbox), before);
    let done = sandbox.json(&["gc"]);
    assert_eq!(plan["dropped_objects"], done["dropped_objects"]);
    assert!(plan["bytes_after"].as_u64().unwrap() < before / 2, "{plan}");
    assert!(segments_bytes(&sandbox) < before / 2);
    assert_eq!(sandbox.json(&["gc"])["dropped_objects"], 0);
}

#[test]
fn a_push_has_garbage_collected_behind_it() {
    let sandbox = history(10);
    let is_wanted = || sandbox.path(".lua/gc.wanted").exists();
    assert!(!is_wanted());
    sandbox.json(&["prune", "--keep-last", "1", "--force", "--no-gc"]);
    let before = segments_bytes(&sandbox);
    let push = |content: &str, settings: &str| {
        sandbox.write("step", content);
        let config = sandbox.path(".lua/config.toml");
        std::fs::write(&config, format!("format = 1\n{settings}")).unwrap();
        let mut push = sandbox.command(&["push"]);
        push.env_remove("LUA_AUTO_GC");
        sandbox.run(push).expect(exit::OK);
    };
    push("not wanted", "auto_gc = false\n");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(is_wanted() && segments_bytes(&sandbox) >= before);
    push("wanted", "");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while is_wanted() {
        assert!(std::time::Instant::now() < deadline, "nobody collected");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(segments_bytes(&sandbox) < before / 2);
    sandbox.check_verify().unwrap();
    // A collection that was asked for leaves no note either.
    sandbox.json(&["prune", "--keep-last", "1", "--force"]);
    assert!(!is_wanted());
}

#[test]
fn segments_do_not_pile_up() {
    let sandbox = history(4);
    for round in 0..6 {
        sandbox.write("file", format!("round {round}"));
        sandbox.push();
        sandbox.json(&["prune", "--keep-last", "2", "--force"]);
    }
    let segments = std::fs::read_dir(sandbox.path(".lua/objects")).unwrap().count();
    assert!(segments <= 3, "{segments} segments");
    sandbox.check_verify().unwrap();
}

#[test]
fn pushes_and_reads_go_on_beside_collections() {
    let sandbox = history(6);
    let finished = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pushing = scope.spawn(|| {
            for step in 0..30u64 {
                // Contents that were there before and may just be going.
                let mut random = common::random::Random::new(step % 6);
                sandbox.write("folder0/file", random.text(200));
                sandbox.write("step", step.to_string());
                let run = sandbox.lua(&["push"]).expect(exit::OK);
                assert!(!run.stdout.is_empty());
            }
            finished.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        let reading = scope.spawn(|| {
            while !finished.load(std::sync::atomic::Ordering::SeqCst) {
                sandbox.lua(&["cat", "newest:folder1/file"]).expect(exit::OK);
            }
        });
        while !finished.load(std::sync::atomic::Ordering::SeqCst) && !pushing.is_finished() {
            sandbox.lua(&["prune", "--keep-last", "1", "--force", "--no-gc"]).expect(exit::OK);
            sandbox.lua(&["gc", "--all"]).expect(exit::OK);
        }
        pushing.join().unwrap();
        reading.join().unwrap();
    });
    sandbox.check_verify().unwrap();
    let newest = sandbox.json(&["list", "--limit", "1"])["versions"][0]["version"].as_u64().unwrap();
    assert!(newest >= 36, "{newest}");
    sandbox.rollback(newest).expect(exit::OK);
}

/// Has versions pruned while a command goes through the store.
struct PruneMeanwhile<'a> {
    sandbox: &'a Sandbox,
    quiet: QuietHost,
    once: Once,
}

impl Host for PruneMeanwhile<'_> {
    fn now_ms(&self) -> i64 {
        self.quiet.now_ms()
    }

    fn cancel_flag(&self) -> &AtomicBool {
        self.quiet.cancel_flag()
    }

    fn progress(&self, _: Phase, _: u64, _: Option<u64>) {
        self.once.call_once(|| {
            self.sandbox.lua(&["prune", "--keep-last", "2", "--force"]).expect(exit::OK);
        });
    }

    fn notice(&self, _: Notice) {}
}

#[test]
fn what_is_pruned_during_a_verify_is_no_damage() {
    let sandbox = history(8);
    let host = PruneMeanwhile { sandbox: &sandbox, quiet: QuietHost::default(), once: Once::new() };
    let mut workspace = Workspace::open(&sandbox.workspace(), &host).unwrap();
    let outcome = verify(&mut workspace, &VerifyOptions { quick: false }, &host).unwrap();
    assert!(host.once.is_completed(), "it said nothing, so nothing was pruned");
    assert_eq!((outcome.damaged, outcome.store_damage, outcome.log_damage), (Vec::new(), Vec::new(), None));
}

#[test]
fn a_collection_beside_a_verify_is_no_damage_of_the_log() {
    let sandbox = history(3);
    let host = QuietHost::default();
    let open = || Workspace::open(&sandbox.workspace(), &host).unwrap();
    // Enough entries for a segment to be exchanged while they are gone through.
    for entry in 0..400 {
        promote(&mut open(), VersionNumber(entry % 2 + 1), &host).unwrap();
    }
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..12 {
                sandbox.write("grows", format!("round {round}"));
                sandbox.push();
                sandbox.lua(&["gc", "--recompress"]).expect(exit::OK);
            }
            is_done.store(true, Ordering::SeqCst);
        });
        while !is_done.load(Ordering::SeqCst) {
            let outcome = verify(&mut open(), &VerifyOptions { quick: true }, &host).unwrap();
            assert_eq!((outcome.damaged, outcome.log_damage), (Vec::new(), None));
        }
    });
}
