//! Keeping a remote in order: many small packs become few, what was purged goes, a check finds what is missing, and nobody who knows
//! only what was before loses anything.

mod common;

use common::contract::exit;
use common::far::Far;
use common::random::Random;
use common::sandbox::Sandbox;
use serde_json::Value;

const PUSHES: u64 = 5;

/// A machine that has synced after each of many small pushes, and another one that has seen the first of them.
fn many_small_pushes() -> (Far, Sandbox, Sandbox) {
    let far = Far::new();
    let one = far.machine();
    let mut late = None;
    for number in 0..PUSHES {
        one.write(format!("folder {}/file {number}", number % 3), format!("content {number}\n").repeat(20));
        one.write("log", (0..=number).map(|line| format!("line {line} of the log\n")).collect::<String>());
        one.json(&["push", "-m", &format!("push {number}"), "--sync"]);
        if number == 1 {
            late = Some(far.clone());
        }
    }
    (far, one, late.expect("a machine that comes late"))
}

fn requests_of_a_clone(far: &Far) -> (u64, Sandbox) {
    let sandbox = Sandbox::new();
    let answer = sandbox.json(&["init", "--restore-sources", "--remote", &far.url()]);
    (answer["sync"]["requests"].as_u64().expect("a number"), sandbox)
}

fn gc(sandbox: &Sandbox, more: &[&str]) -> Value {
    sandbox.json(&[&["gc", "--remote"], more].concat())
}

#[track_caller]
fn assert_sound(sandbox: &Sandbox) {
    let checked = sandbox.json(&["verify", "--remote", "--read-data"]);
    assert_eq!((&checked["ok"], checked["problems"].as_array().map(Vec::len)), (&Value::Bool(true), Some(0)), "{checked}");
}

/// Whether two machines have the same versions with the same contents, the oldest and the newest of which are looked at.
#[track_caller]
fn assert_same(one: &Sandbox, other: &Sandbox) {
    assert_same_from(1, one, other);
}

#[track_caller]
fn assert_same_from(first: u64, one: &Sandbox, other: &Sandbox) {
    other.json(&["fetch", "--all"]);
    assert_eq!(one.versions(), other.versions());
    for version in [first, one.versions().len() as u64] {
        one.tree_of(version).assert_same(&other.tree_of(version), "the same version");
    }
    other.check_verify().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn many_small_packs_become_few_and_nobody_loses_anything() {
    let (far, one, late) = many_small_pushes();
    assert_sound(&one);
    let (before, _) = requests_of_a_clone(&far);
    let planned = gc(&one, &["--dry-run"]);
    assert_eq!((&planned["packs_before"], &planned["removed"]), (&PUSHES.into(), &0.into()), "{planned}");
    let merged = gc(&one, &[]);
    assert_eq!((&merged["packs_after"], &merged["removed"]), (&2.into(), &0.into()), "{merged}");
    assert_sound(&one);
    let (after, other) = requests_of_a_clone(&far);
    assert!(after < before && after <= 14, "{before} requests became {after}");
    assert_same(&one, &other);
    // Only what has not been replaced lately goes.
    assert_eq!(gc(&one, &[])["removed"], 0);
    assert!(gc(&one, &["--grace", "0"])["removed"].as_u64().unwrap() >= PUSHES);
    assert_sound(&one);
    assert_same(&one, &late);
    other.write("later", "more");
    other.json(&["push", "--sync"]);
    let (_, third) = requests_of_a_clone(&far);
    assert_same(&other, &third);
    one.json(&["fetch"]);
    assert_same(&one, &third);
    gc(&one, &["--grace", "0"]);
    assert_eq!(gc(&one, &["--grace", "0"])["summarized"], false);
}

const SECRET: &str = "the secret that should have stayed at home, number 4711";

/// Bytes that hardly compress, so that what is in them can be found.
fn hidden(seed: u64) -> Vec<u8> {
    let mut bytes = Random::new(seed).bytes(3000);
    bytes.extend_from_slice(SECRET.as_bytes());
    bytes
}

/// A machine with a secret in its first two versions, and more that is a delta against it.
fn with_secret(far: &Far, syncs: bool) -> Sandbox {
    let one = far.machine();
    let push = |message: &str| {
        one.json(&["push", "-m", message]);
        if syncs {
            one.json(&["sync"]);
        }
    };
    one.write("secret", hidden(1));
    one.write("other", "something else");
    push("with the secret");
    one.write("secret", [hidden(1), b"and more".to_vec()].concat());
    push("with more of it");
    one.write("secret", &hidden(1)[..3000]);
    push("without it");
    one
}

/// Purges the secret from the versions that have it.
fn purge(one: &Sandbox) {
    let now = std::fs::read(one.path("secret")).unwrap();
    std::fs::remove_file(one.path("secret")).unwrap();
    one.json(&["push", "-m", "removed"]);
    let run = one.lua(&["purge", "secret", "--force"]).expect(exit::OK);
    if one.json(&["remote", "list"])["remotes"][0]["entry"] != 0 {
        assert!(run.stderr.contains("gc --remote"), "{run}");
    }
    one.write("harmless", now);
    one.json(&["push", "-m", "goes on"]);
}

fn holds_secret(far: &Far) -> bool {
    let holds = |path: &std::path::PathBuf| std::fs::read(path).unwrap().windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    far.objects().iter().any(holds)
}

#[test]
fn what_was_purged_leaves_the_remote() {
    let far = Far::new();
    let one = with_secret(&far, true);
    let knows = far.clone();
    assert!(holds_secret(&far));
    purge(&one);
    one.json(&["sync"]);
    gc(&one, &[]);
    assert!(!holds_secret(&far), "what was purged goes at once");
    assert_sound(&one);
    let other = far.clone();
    assert_same_from(4, &one, &other);
    knows.json(&["sync"]);
    assert_same_from(4, &one, &knows);
    let run = other.lua(&["pull", "--version", "2", "--force"]).expect(exit::LEFT_OUT);
    assert!(run.stderr.contains("purged, and left out: secret"), "{run}");
    assert!(other.path("other").exists() && !other.path("secret").exists());
}

#[test]
fn what_was_purged_before_it_was_sent_is_not_sent() {
    let far = Far::new();
    let one = with_secret(&far, false);
    purge(&one);
    one.json(&["sync"]);
    assert!(!holds_secret(&far));
    assert_sound(&one);
    assert_same_from(4, &one, &far.clone());
}

#[test]
fn a_missing_pack_is_found() {
    let far = Far::new();
    let one = far.machine();
    one.write("file", "1");
    one.json(&["push", "--sync"]);
    assert_sound(&one);
    let pack = far.objects().into_iter().find(|path| path.parent().is_some_and(|folder| folder.ends_with("packs"))).unwrap();
    let bytes = std::fs::read(&pack).unwrap();
    let mut changed = bytes.clone();
    changed[30] ^= 1;
    std::fs::write(&pack, &changed).unwrap();
    one.lua(&["verify", "--remote"]).expect(exit::OK);
    one.lua(&["verify", "--remote", "--read-data"]).expect(exit::DAMAGED);
    std::fs::write(&pack, &bytes[1..]).unwrap();
    one.lua(&["verify", "--remote"]).expect(exit::DAMAGED);
    std::fs::remove_file(&pack).unwrap();
    let run = one.lua(&["verify", "--remote"]).expect(exit::DAMAGED);
    assert!(run.stdout.contains("is not there"), "{run}");
    std::fs::write(&pack, &bytes).unwrap();
    assert_sound(&one);
}

#[test]
fn a_push_is_followed_by_a_sync_that_it_does_not_wait_for() {
    let far = Far::new();
    let one = far.machine();
    one.lua(&["remote", "auto", "on"]).expect(exit::OK);
    one.write("file", "1");
    one.json(&["push"]);
    one.write("file", "2");
    one.json(&["push"]);
    let last = || one.json(&["status"])["background_syncs"][0].clone();
    let began = std::time::Instant::now();
    while !one.json(&["sync", "--dry-run"])["in_sync"].as_bool().unwrap() || last().is_null() {
        assert!(began.elapsed().as_secs() < 30, "{}", last());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(last()["sent"].as_u64().is_some_and(|sent| sent > 0), "{}", last());
    assert!(one.lua(&["status"]).expect(exit::OK).stdout.contains("the last sync with origin"));
    std::fs::rename(far.path(), far.path().with_extension("away")).unwrap();
    one.write("file", "3");
    one.json(&["push"]);
    while last()["error"].is_null() {
        assert!(began.elapsed().as_secs() < 30, "{}", last());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    one.lua(&["remote", "auto", "off"]).expect(exit::OK);
    assert!(last().is_null());
}
