//! The budget: a push over it thins the history, says what went, and leaves what is wanted.

mod common;

use common::contract::exit;
use common::random::Random;
use common::sandbox::{NOW_MS, Sandbox};

const MINUTE_MS: i64 = 60_000;

/// Versions of one file of 60 kB that share nothing; one a minute.
fn history(versions: u64) -> Sandbox {
    let mut sandbox = Sandbox::new();
    for version in 1..=versions {
        edit(&mut sandbox, version);
        sandbox.push();
    }
    sandbox
}

fn edit(sandbox: &mut Sandbox, version: u64) {
    sandbox.set_now_ms(NOW_MS + version as i64 * MINUTE_MS);
    sandbox.write("data", Random::new(version).bytes(60_000));
}

fn segment_bytes(sandbox: &Sandbox) -> u64 {
    let files =
        walkdir::WalkDir::new(sandbox.store().join("objects")).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.metadata().unwrap().len()).sum()
}

fn pruned(sandbox: &Sandbox) -> Vec<u64> {
    let mut pruned: Vec<u64> = sandbox.versions().iter().filter(|row| row.marks.pruned.is_some()).map(|row| row.version).collect();
    pruned.sort_unstable();
    pruned
}

#[test]
fn a_push_over_budget_thins_the_history_and_says_so() {
    let mut sandbox = history(12);
    sandbox.lua(&["label", "2", "first-good"]).expect(exit::OK);
    sandbox.lua(&["pin", "3"]).expect(exit::OK);
    let before = segment_bytes(&sandbox);
    let budget = before - 200_000;
    sandbox.lua(&["budget", &budget.to_string()]).expect(exit::OK);
    assert!(pruned(&sandbox).is_empty(), "nothing goes before a push");
    edit(&mut sandbox, 13);
    let push = sandbox.json(&["push"]);
    let dropped: Vec<u64> = push["budget"]["dropped"].as_array().unwrap().iter().map(|version| version.as_u64().unwrap()).collect();
    assert_eq!(dropped, pruned(&sandbox));
    assert!((4..=8).contains(&dropped.len()), "{push}");
    assert!(dropped.contains(&1) && ![2, 3, 13].iter().any(|kept| dropped.contains(kept)), "{dropped:?}");
    assert!(segment_bytes(&sandbox) <= budget, "{} of {budget}", segment_bytes(&sandbox));
    assert_eq!(push["budget"]["kept"], true);
    assert!(sandbox.versions().iter().any(|row| row.marks.pruned.as_deref() == Some("budget")));
    sandbox.check_verify().unwrap();
    // In words as well.
    sandbox.lua(&["budget", &segment_bytes(&sandbox).to_string()]).expect(exit::OK);
    edit(&mut sandbox, 14);
    let run = sandbox.lua(&["push"]).expect(exit::OK);
    assert!(run.stdout.contains("over the budget of") && run.stdout.contains("dropped, v"), "{run}");
    // A push that changes nothing drops nothing.
    let pruned_before = pruned(&sandbox);
    sandbox.lua(&["budget", "10kB"]).expect(exit::OK);
    sandbox.lua(&["push"]).expect(exit::OK);
    assert_eq!(pruned(&sandbox), pruned_before);
}

#[test]
fn what_cannot_be_kept_is_said() {
    let mut sandbox = history(4);
    for version in 1..=3 {
        sandbox.lua(&["pin", &version.to_string()]).expect(exit::OK);
    }
    sandbox.lua(&["budget", "100KiB"]).expect(exit::OK);
    edit(&mut sandbox, 5);
    let push = sandbox.lua_json(&["push"]).expect(exit::LEFT_OUT).value();
    assert_eq!((&push["version"], &push["budget"]["kept"]), (&5.into(), &false.into()), "{push}");
    assert_eq!(pruned(&sandbox), [4]);
    sandbox.check_verify().unwrap();
    edit(&mut sandbox, 6);
    let run = sandbox.lua(&["push"]).expect(exit::LEFT_OUT);
    assert!(run.stdout.contains("still over the budget"), "{run}");
}

#[test]
fn green_versions_go_last() {
    let mut sandbox = history(6);
    edit(&mut sandbox, 7);
    sandbox.lua(&["push", "--check", "true"]).expect(exit::OK);
    edit(&mut sandbox, 8);
    sandbox.lua(&["push", "--check", "true"]).expect(exit::OK);
    sandbox.lua(&["budget", "350kB"]).expect(exit::OK);
    edit(&mut sandbox, 9);
    sandbox.push();
    let dropped = pruned(&sandbox);
    assert!(dropped.len() >= 4 && !dropped.contains(&7) && !dropped.contains(&8), "{dropped:?}");
    sandbox.lua(&["budget", "1kB"]).expect(exit::OK);
    edit(&mut sandbox, 10);
    sandbox.lua(&["push"]).expect(exit::LEFT_OUT);
    assert_eq!(pruned(&sandbox), [1, 2, 3, 4, 5, 6, 7, 9], "the newest green version stays");
}

#[test]
fn a_budget_is_shown_and_taken_away() {
    let sandbox = history(1);
    assert!(sandbox.json(&["budget"])["budget_bytes"].is_null());
    assert_eq!(sandbox.json(&["budget", "2GiB"])["budget_bytes"], 2u64 << 30);
    assert_eq!(sandbox.json(&["budget"])["budget_bytes"], 2u64 << 30);
    assert!(sandbox.json(&["budget", "none"])["budget_bytes"].is_null());
    sandbox.lua(&["budget", "a lot"]).expect(exit::USAGE);
}
