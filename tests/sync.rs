//! One history on several machines, over a remote in a directory: what comes is what went, exactly one of many gets a number, nothing is
//! lost, and no remote, however made, changes what a machine has.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::contract::{Row, exit};
use common::far::{Far, picture};
use common::grow;
use common::history::{Checked, succeeded};
use common::random::Random;
use common::sandbox::{Run, Sandbox};
use common::sweep::{Scenario, sweep};
use common::tree_state::TreeState;
use serde_json::Value;

fn push(sandbox: &Sandbox, message: &str) -> u64 {
    sandbox.json(&["push", "-m", message])["version"].as_u64().expect("a version")
}

fn sync(sandbox: &Sandbox) -> Value {
    sandbox.json(&["sync"])
}

/// All versions, without their hashes: these differ where a machine has records of its own.
fn rows(sandbox: &Sandbox) -> Vec<Row> {
    sandbox.versions()
}

fn messages(sandbox: &Sandbox) -> Vec<String> {
    rows(sandbox).into_iter().rev().map(|row| row.message).collect()
}

/// Whether two machines have the same history, whole.
#[track_caller]
fn assert_same_history(one: &Sandbox, other: &Sandbox) {
    assert_eq!(rows(one), rows(other));
    for sandbox in [one, other] {
        sandbox.check_verify().unwrap_or_else(|error| panic!("{error}"));
        assert!(sandbox.json(&["sync", "--check"])["in_sync"].as_bool().unwrap());
    }
    for row in rows(one).into_iter().filter(|row| !row.marks.deleted) {
        one.tree_of(row.version).assert_same(&other.tree_of(row.version), "the same version on two machines");
    }
}

#[test]
fn a_history_comes_over_as_it_is() {
    let far = Far::new();
    let one = grow::history_with_large_file();
    one.lua(&["remote", "add", &far.url()]).expect(exit::OK);
    one.lua(&["label", "2", "release"]).expect(exit::OK);
    one.lua(&["pin", "1"]).expect(exit::OK);
    let first = sync(&one);
    assert_eq!(first["sent"].as_u64(), Some(rows(&one).len() as u64));
    let other = far.clone();
    assert_same_history(&one, &other);
    let newest = rows(&one)[0].version;
    other.tree().assert_same(&other.tree_of(newest), "a new machine has the active version's files");
    one.write("one more", "line\n");
    push(&one, "one edit");
    let edit = sync(&one);
    assert!(edit["requests"].as_u64().unwrap() <= 4 && edit["sent_bytes"].as_u64().unwrap() < 4096, "{edit}");
    assert_eq!(sync(&one)["requests"], 2);
    other.lua(&["sync", "--pull", "--force"]).expect(exit::OK);
    assert_same_history(&one, &other);
    assert!(other.path("one more").exists());
    other.lua(&["repair"]).expect(exit::OK);
    assert_same_history(&one, &other);
}

#[test]
fn whoever_is_second_gets_other_numbers_and_loses_nothing() {
    let far = Far::new();
    let (one, other) = (far.machine(), far.machine());
    one.write("base", "0");
    push(&one, "base");
    sync(&one);
    sync(&other);
    other.lua(&["sync", "--pull", "--force"]).expect(exit::OK);
    for (sandbox, name) in [(&one, "one"), (&other, "other")] {
        for number in 0..3 {
            sandbox.write(name, format!("{number}"));
            push(sandbox, &format!("{name} {number}"));
        }
    }
    other.lua(&["label", "3", "mine"]).expect(exit::OK);
    other.lua(&["pin", "4"]).expect(exit::OK);
    other.lua(&["rollback", "2", "--force"]).expect(exit::OK);
    other.lua(&["version", "promote", "3"]).expect(exit::OK);
    one.lua(&["label", "1", "theirs"]).expect(exit::OK);
    sync(&one);
    let answer = sync(&other);
    let renumbered: Vec<(u64, u64)> = answer["renumbered"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair["before"].as_u64().unwrap(), pair["now"].as_u64().unwrap()))
        .collect();
    assert_eq!(renumbered, [(2, 5), (3, 6), (4, 7), (5, 8)]);
    sync(&one);
    assert_same_history(&one, &other);
    assert_eq!(messages(&one), ["base", "one 0", "one 1", "one 2", "other 0", "other 1", "other 2", ""]);
    let by_number: BTreeMap<u64, Row> = rows(&one).into_iter().map(|row| (row.version, row)).collect();
    assert_eq!(by_number[&6].marks.labels, ["mine"]);
    assert!(by_number[&7].marks.pinned && by_number[&6].active);
    assert_eq!(by_number[&8].triggered_by, "rollback to v5 (was v5)");
    assert!(by_number[&5].triggered_by.ends_with("(was v2)"));
    other.lua(&["repair"]).expect(exit::OK);
    assert_same_history(&one, &other);
    // Rolling back and pushing go on as ever.
    other.lua(&["rollback", "5", "--force"]).expect(exit::OK);
    other.assert_round_trip();
}

#[test]
fn marks_that_contradict_are_named_and_left_out() {
    let far = Far::new();
    let (one, other) = (far.machine(), far.machine());
    for number in 0..4 {
        one.write("file", format!("{number}"));
        push(&one, &format!("{number}"));
    }
    sync(&one);
    sync(&other);
    one.lua(&["label", "1", "x"]).expect(exit::OK);
    one.lua(&["version", "delete", "3", "--force"]).expect(exit::OK);
    sync(&one);
    for words in [&["label", "2", "x"][..], &["pin", "3"], &["version", "delete", "1", "--force"], &["label", "2", "y"]] {
        other.lua(words).expect(exit::OK);
    }
    let run = other.lua_json(&["sync"]).expect(exit::LEFT_OUT);
    assert_eq!(run.value()["left_out_marks"].as_array().unwrap().len(), 3, "{run}");
    sync(&one);
    assert_same_history(&one, &other);
    assert_eq!(one.json(&["list", "--all"])["versions"][2]["labels"][0], "y");
}

#[test]
fn of_many_who_sync_at_once_none_loses_a_version() {
    const MACHINES: usize = 5;
    let rounds = common::number_from_env("LUA_SYNC_ROUNDS", 4);
    let far = Far::new();
    let first = far.machine();
    first.write("base", "0");
    push(&first, "base");
    sync(&first);
    let machines: Vec<Sandbox> = std::iter::once(first).chain((1..MACHINES).map(|_| far.clone())).collect();
    let patient = |sandbox: &Sandbox, words: &[&str]| -> Run {
        sandbox.try_run(sandbox.command(words), Duration::from_secs(240)).unwrap_or_else(|error| panic!("{error}"))
    };
    std::thread::scope(|scope| {
        for (number, machine) in machines.iter().enumerate() {
            scope.spawn(move || {
                for round in 0..rounds {
                    machine.write(format!("file{number}"), format!("{round} of {number}"));
                    patient(machine, &["push", "-m", &format!("{number}.{round}")]).expect(exit::OK);
                    patient(machine, &["sync"]).expect(exit::OK);
                }
            });
        }
    });
    machines.iter().for_each(|machine| drop(sync(machine)));
    let found = messages(&machines[0]);
    assert_eq!(found.len(), 1 + MACHINES * rounds, "{found:?}");
    for number in 0..MACHINES {
        let own: Vec<String> = found.iter().filter(|message| message.starts_with(&format!("{number}."))).cloned().collect();
        let expected: Vec<String> = (0..rounds).map(|round| format!("{number}.{round}")).collect();
        assert_eq!(own, expected, "every version once, and each machine's in their order");
    }
    for machine in &machines[1..] {
        assert_eq!(rows(&machines[0]), rows(machine));
    }
    assert_same_history(&machines[0], &machines[MACHINES - 1]);
}

#[test]
fn a_sync_that_is_killed_goes_on() {
    let far = Far::new();
    let one = far.machine();
    one.write("base", "0");
    push(&one, "base");
    sync(&one);
    let other = far.clone();
    let mut random = Random::new(7);
    for round in 0..12 {
        for (sandbox, name) in [(&one, "one"), (&other, "other")] {
            sandbox.write(format!("{name}{round}"), random.text(200));
            push(sandbox, &format!("{name} {round}"));
            let mut child =
                sandbox.command(&["sync"]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(random.below(300) as u64));
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    sync(&one);
    sync(&other);
    sync(&one);
    assert_same_history(&one, &other);
    let found = messages(&one);
    assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (25, 25), "{found:?}");
}

/// A machine whose remote is in its own store, so that both are copied together; wherever the copy runs, the address is right.
fn with_far_within(before: Sandbox, another: bool) -> Sandbox {
    const WITHIN: &str = "file:///proc/self/cwd/.lua/far";
    before.lua(&["remote", "add", WITHIN]).expect(exit::OK);
    sync(&before);
    if another {
        let other = Sandbox::new();
        std::os::unix::fs::symlink(before.store().join("far"), other.outside("far")).unwrap();
        let url = format!("file://{}", other.outside("far").display());
        other.lua(&["init", "--restore-sources", "--remote", &url]).expect(exit::OK);
        other.write("from another", "machine");
        push(&other, "from another machine");
        sync(&other);
    } else {
        grow::edit_a_little(&before, 5);
        push(&before, "to be sent");
    }
    before
}

fn agreed(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    sandbox.lua(&["remote", "check", "--agree"]).expect(exit::OK);
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// After a success, and after another sync, both sides have the same.
fn in_sync(sandbox: &Sandbox, _: &str) -> Checked<()> {
    succeeded(&sandbox.lua(&["sync"]))?;
    succeeded(&sandbox.lua(&["sync", "--check"]))
}

#[test]
fn fault_at_each_step_of_sending() {
    let before = with_far_within(grow::history(), false);
    sweep(&Scenario { name: "sync_sends", before, arguments: |sandbox| agreed(sandbox, &["sync"]), on_success: in_sync });
}

#[test]
fn fault_at_each_step_of_receiving() {
    let before = with_far_within(grow::history(), true);
    sweep(&Scenario { name: "sync_receives", before, arguments: |sandbox| agreed(sandbox, &["sync"]), on_success: in_sync });
}

/// Changes something at the remote; says what.
type Evil = fn(&Path, &mut Random) -> String;

fn flip(path: &Path, random: &mut Random) -> String {
    let mut bytes = std::fs::read(path).unwrap();
    let at = random.below(bytes.len());
    bytes[at] ^= 1 << random.below(8);
    std::fs::write(path, bytes).unwrap();
    format!("flipped at {at}")
}

fn cut(path: &Path, random: &mut Random) -> String {
    let bytes = std::fs::read(path).unwrap();
    let length = random.below(bytes.len());
    std::fs::write(path, &bytes[..length]).unwrap();
    format!("cut at {length}")
}

fn lengthen(path: &Path, _: &mut Random) -> String {
    let mut bytes = std::fs::read(path).unwrap();
    bytes.extend_from_slice(&[0; 100]);
    std::fs::write(path, bytes).unwrap();
    "lengthened".to_owned()
}

fn remove(path: &Path, _: &mut Random) -> String {
    std::fs::remove_file(path).unwrap();
    "removed".to_owned()
}

fn swap(path: &Path, random: &mut Random) -> String {
    let others: Vec<PathBuf> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|other| other != path && other.is_file())
        .collect();
    let other = &others[random.below(others.len())];
    let (mine, theirs) = (std::fs::read(path).unwrap(), std::fs::read(other).unwrap());
    std::fs::write(path, theirs).unwrap();
    std::fs::write(other, mine).unwrap();
    "swapped".to_owned()
}

fn empty(path: &Path, _: &mut Random) -> String {
    std::fs::write(path, b"").unwrap();
    "emptied".to_owned()
}

fn make_huge(path: &Path, _: &mut Random) -> String {
    std::fs::File::options().write(true).open(path).unwrap().set_len(1 << 40).unwrap();
    "made huge".to_owned()
}

fn make_directory(path: &Path, _: &mut Random) -> String {
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
    "made a directory".to_owned()
}

#[test]
fn evil_remotes_change_nothing_here() {
    const EVILS: [Evil; 8] = [flip, cut, lengthen, remove, empty, make_huge, make_directory, swap];
    const SWAP: usize = 7;
    let far = Far::new();
    let one = far.machine();
    one.write("base", "0");
    push(&one, "base");
    sync(&one);
    let victim = far.clone();
    for number in 1..4 {
        one.write("base", format!("{number}"));
        one.write(format!("file{number}"), "x".repeat(3000 * number));
        push(&one, &format!("{number}"));
        sync(&one);
    }
    let good = Far::new();
    common::files::copy_tree(&far.path(), &good.path());
    let mut random = Random::new(11);
    let (mut refused, mut taken) = (0, 0);
    for object in good.objects() {
        let within = object.strip_prefix(good.path()).unwrap().to_path_buf();
        for (number, evil) in EVILS.into_iter().enumerate() {
            if number == SWAP && within.parent() == Some(Path::new("")) {
                continue;
            }
            common::files::remove(&far.path());
            common::files::copy_tree(&good.path(), &far.path());
            let what = evil(&far.path().join(&within), &mut random);
            let here = Sandbox::copy_of(&victim);
            let mut command = here.command(&["sync", "--json"]);
            command.env("XDG_STATE_HOME", victim.outside("home").join("state"));
            let before = picture(&here);
            let run = here.run(command);
            assert!(!run.crashed(), "{within:?} {what}: {run}");
            if run.code == exit::OK {
                // What this machine needs no more is not read, and entries that it never saw can be kept from it.
                taken += 1;
                assert!(what == "removed" || run.value()["received"] == 3, "{within:?} {what}: {run}");
                here.check_verify().unwrap_or_else(|error| panic!("{within:?} {what}: {error}"));
            } else {
                refused += 1;
                let expected = if what == "made a directory" { exit::ERROR } else { exit::DAMAGED };
                assert_eq!(run.code, expected, "{within:?} {what}: {run}");
                before.assert_same(&picture(&here), &format!("{within:?} {what}: {run}"));
            }
        }
    }
    assert!(refused >= 40, "{refused} refused, {taken} without effect");
}

#[test]
fn a_remote_that_goes_back_is_noticed() {
    let far = Far::new();
    let one = far.machine();
    one.write("file", "1");
    push(&one, "1");
    sync(&one);
    let older = Far::new();
    common::files::copy_tree(&far.path(), &older.path());
    one.write("file", "2");
    push(&one, "2");
    sync(&one);
    common::files::remove(&far.path());
    common::files::copy_tree(&older.path(), &far.path());
    one.write("file", "3");
    push(&one, "3");
    let before = picture(&one);
    let run = one.lua_json(&["sync"]).expect(exit::DAMAGED);
    assert_eq!(run.value()["error"]["code"], "remote_rewritten");
    before.assert_same(&picture(&one), "nothing changed here");
    assert_eq!(
        far.objects(),
        older.objects().iter().map(|path| far.path().join(path.strip_prefix(older.path()).unwrap())).collect::<Vec<_>>()
    );
    common::files::remove(&far.path());
    one.lua(&["sync"]).expect(exit::ERROR);
    before.assert_same(&picture(&one), "nothing changed here");
}

#[test]
fn a_copied_workspace_is_asked_about_once() {
    let far = Far::new();
    let one = far.machine();
    one.write("file", "1");
    push(&one, "1");
    sync(&one);
    let copy = Sandbox::copy_of(&one);
    let before = TreeState::capture(&far.path());
    let run = copy.lua_json(&["sync"]).expect(exit::USAGE);
    assert_eq!(run.value()["error"]["code"], "remote_not_agreed");
    copy.lua(&["remote", "check"]).expect(exit::USAGE);
    before.assert_same(&TreeState::capture(&far.path()), "it was not contacted");
    copy.lua(&["remote", "check", "--agree"]).expect(exit::OK);
    assert_eq!(sync(&copy)["received"], 0);
    copy.lua(&["remote", "remove", "origin"]).expect(exit::OK);
    copy.lua(&["sync"]).expect(exit::USAGE);
}

#[test]
fn pulling_brings_a_version_and_saves_what_is_unsaved() {
    let far = Far::new();
    let one = far.machine();
    for number in 1..=3 {
        one.write("file", format!("{number}"));
        push(&one, &format!("{number}"));
    }
    sync(&one);
    let other = far.clone();
    other.lua(&["pull", "--version", "1"]).expect(exit::USAGE);
    other.lua(&["pull", "--version", "1", "--force"]).expect(exit::OK);
    assert_eq!(std::fs::read(other.path("file")).unwrap(), b"1");
    assert_eq!(rows(&other).len(), 3, "no version was made");
    other.write("unsaved", "work");
    let answer = other.json(&["sync", "--pull", "--force"]);
    assert_eq!((answer["brought"]["version"].as_u64(), answer["brought"]["saved"].as_u64()), (Some(3), Some(4)), "{answer}");
    assert!(other.tree_of(4).get("unsaved").is_some());
    assert!(!other.path("unsaved").exists());
    assert_eq!(other.try_status().unwrap().active, Some(3));
    let again = other.json(&["sync", "--pull", "--force"]);
    assert_eq!(again["brought"]["saved"], Value::Null, "{again}");
    assert_eq!(rows(&other).len(), 4);
}

#[test]
fn histories_without_anything_in_common_are_not_joined_by_mistake() {
    let far = Far::new();
    let (one, other) = (far.machine(), far.machine());
    for (sandbox, name) in [(&one, "one"), (&other, "other")] {
        sandbox.write(name, name);
        push(sandbox, name);
    }
    sync(&one);
    let before = picture(&other);
    assert_eq!(other.lua_json(&["sync"]).expect(exit::USAGE).value()["error"]["code"], "unrelated");
    before.assert_same(&picture(&other), "nothing changed");
    other.lua(&["sync", "--force"]).expect(exit::OK);
    sync(&one);
    assert_same_history(&one, &other);
    assert_eq!(messages(&one), ["one", "other"]);
}

/// Two remotes of one machine, and another machine that knows one of them only: that one gives a number to another version.
#[test]
fn remotes_that_grew_apart_are_named_and_one_of_them_can_be_left() {
    let (far, backup) = (Far::new(), Far::new());
    let one = far.machine();
    one.lua(&["remote", "add", "backup", &backup.url()]).expect(exit::OK);
    let sync_with = |remote: &str| one.lua_json(&["sync", "--remote", remote]);
    one.write("file", "1");
    push(&one, "first");
    for remote in ["origin", "backup"] {
        sync_with(remote).expect(exit::OK);
    }
    let other = far.clone();
    other.write("theirs", "2");
    push(&other, "theirs");
    sync(&other);
    one.write("ours", "2");
    push(&one, "ours");
    sync_with("backup").expect(exit::OK);
    let before = picture(&one);
    for _ in 0..2 {
        let error = sync_with("origin").expect(exit::ERROR).value()["error"].clone();
        assert_eq!(error["code"], "remotes_disagree", "{error}");
        let said = format!("{} {}", error["message"], error["hint"]);
        assert!(["origin", "backup", "remote remove"].iter().all(|word| said.contains(word)), "{said}");
    }
    before.assert_same(&picture(&one), "nothing changed here");
    one.lua(&["remote", "remove", "backup"]).expect(exit::OK);
    let synced = sync_with("origin").expect(exit::OK).value();
    assert_eq!((&synced["received"], &synced["sent"]), (&1.into(), &1.into()), "{synced}");
    sync(&other);
    assert_eq!(messages(&one), ["first", "theirs", "ours"]);
    assert_same_history(&one, &other);
    // The backup still has the other order, so it begins anew at an empty place.
    one.lua(&["remote", "add", "backup", &backup.url()]).expect(exit::OK);
    assert_eq!(sync_with("backup").expect(exit::ERROR).value()["error"]["code"], "remotes_disagree");
    one.lua(&["remote", "remove", "backup"]).expect(exit::OK);
    let anew = Far::new();
    one.lua(&["remote", "add", "backup", &anew.url()]).expect(exit::OK);
    sync_with("backup").expect(exit::OK);
    assert_eq!(messages(&anew.clone()), messages(&one));
}

#[test]
fn checks_and_dry_runs_change_nothing_anywhere() {
    let far = Far::new();
    let (one, other) = (far.machine(), far.machine());
    one.write("file", "1");
    push(&one, "1");
    let (here, there) = (picture(&one), TreeState::capture(&far.path()));
    assert_eq!(one.lua_json(&["sync", "--check"]).expect(exit::ERROR).value()["outgoing"], 1);
    assert_eq!(one.json(&["sync", "--dry-run"])["outgoing"], 1);
    here.assert_same(&picture(&one), "here");
    there.assert_same(&TreeState::capture(&far.path()), "there");
    let answer = one.json(&["push", "--sync"]);
    assert_eq!((answer["changed"].as_bool(), answer["sync"]["sent"].as_u64()), (Some(false), Some(1)), "{answer}");
    one.lua(&["sync", "--check"]).expect(exit::OK);
    let empty = picture(&other);
    assert_eq!(other.lua_json(&["sync", "--check"]).expect(exit::ERROR).value()["incoming"], 1);
    empty.assert_same(&picture(&other), "here");
    assert_eq!(other.json(&["fetch", "--all"])["received"], 1);
    assert!(!other.path("file").exists());
}

#[test]
fn a_limit_is_kept_both_ways() {
    let far = Far::new();
    let (one, other) = (far.machine(), far.machine());
    one.write("file", Random::new(1).bytes(60_000));
    push(&one, "60 kB that no compressor shrinks");
    for (sandbox, words) in [(&one, ["sync", "--limit", "150kB/s"]), (&other, ["fetch", "--limit", "150kB/s"])] {
        let began = std::time::Instant::now();
        let moved = sandbox.json(&words);
        let bytes = moved["sent_bytes"].as_u64().unwrap() + moved["received_bytes"].as_u64().unwrap();
        assert!(bytes > 60_000 && began.elapsed().as_secs_f64() > 0.39, "{:?}: {moved}", began.elapsed());
    }
    one.write("file", Random::new(2).bytes(30_000));
    let began = std::time::Instant::now();
    let pushed = one.json(&["push", "--sync", "--limit", "150kB/s"]);
    assert!(pushed["sync"]["sent"] == 1 && began.elapsed().as_secs_f64() > 0.19, "{:?}: {pushed}", began.elapsed());
    one.lua(&["sync", "--limit", "fast"]).expect(exit::USAGE);
    one.lua(&["push", "--limit", "150kB/s"]).expect(exit::USAGE);
}

#[test]
fn remotes_are_added_listed_and_refused() {
    let far = Far::new();
    let sandbox = far.machine();
    assert_eq!(sandbox.json(&["remote", "list"])["remotes"][0]["url"], far.url());
    for (words, code) in [
        (&["remote", "add", "file:///elsewhere/x"][..], exit::ERROR),
        (&["remote", "add", "../x", "file:///tmp/x"], exit::USAGE),
        (&["remote", "add", "b", "ftp://host/x"], exit::USAGE),
        (&["remote", "add", "b", "s3://key:secret@bucket/x"], exit::USAGE),
        (&["remote", "remove", "b"], exit::USAGE),
        (&["sync", "--remote", "b"], exit::USAGE),
    ] {
        let run = sandbox.lua_json(words);
        assert_eq!(run.code, code, "{run}");
    }
    let nothing = Sandbox::new();
    nothing.lua(&["init", "--restore-sources", "--remote", "file:///no/such/place"]).expect(exit::ERROR);
    sandbox.lua(&["remote", "check"]).expect(exit::OK);
}

#[test]
fn contents_that_both_made_alone_fit_together() {
    let far = Far::new();
    let one = far.machine();
    one.write("base", "0");
    push(&one, "base");
    sync(&one);
    let other = far.clone();
    let mut random = Random::new(3);
    let lines: Vec<String> = (0..6).map(|_| random.text(60)).collect();
    let state = |count: usize| lines[..count].concat();
    // The same content is a delta on one machine and stands alone on the other, where the next one is a delta against it.
    for count in 1..=4 {
        one.write("file", state(count));
        push(&one, "one");
    }
    for count in [4, 5, 6] {
        other.write("file", state(count));
        push(&other, "other");
    }
    sync(&other);
    sync(&one);
    sync(&other);
    assert_same_history(&one, &other);
    assert_same_history(&one, &far.clone());
}
