//! Labels, pins, checks and pruning, as users and scripts meet them.

mod common;

use std::time::{Duration, Instant};

use common::contract::exit;
use common::sandbox::{NOW_MS, Sandbox};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;

/// A workspace with so many versions, one a day, the last one today.
fn days(count: i64) -> Sandbox {
    let mut sandbox = Sandbox::new();
    for day in 0..count {
        sandbox.set_now_ms(NOW_MS - (count - 1 - day) * DAY_MS);
        sandbox.write("file", format!("day {day}"));
        sandbox.push();
    }
    sandbox
}

fn error_of(sandbox: &Sandbox, arguments: &[&str], code: i32) -> (String, String) {
    let error = sandbox.lua_json(arguments).expect(code).value()["error"].clone();
    let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

fn listed(sandbox: &Sandbox, version: u64) -> Value {
    let list = sandbox.json(&["list", "--all"]);
    list["versions"].as_array().unwrap().iter().find(|row| row["version"] == version).unwrap().clone()
}

#[test]
fn a_label_stands_wherever_a_version_can() {
    let sandbox = days(3);
    let given = sandbox.json(&["label", "1", "before-refactor"]);
    assert_eq!(given, json!({"format": 1, "label": "before-refactor", "version": 1, "before": null, "changed": true}));
    assert_eq!(sandbox.json(&["version", "show", "before-refactor"])["labels"], json!(["before-refactor"]));
    assert_eq!(sandbox.json(&["promote", "before-refactor"])["version"], 1);
    assert_eq!(sandbox.json(&["rollback", "before-refactor", "--force"])["target"], 1);
    let to = sandbox.outside("restored").to_string_lossy().into_owned();
    sandbox.json(&["restore", "--version", "before-refactor", "--to", &to]);
    assert_eq!(std::fs::read_to_string(sandbox.outside("restored/file")).unwrap(), "day 0");
    assert_eq!(sandbox.json(&["version", "diff", "before-refactor", "2"])["files"].as_array().unwrap().len(), 1);
    assert_eq!(sandbox.json(&["diff", "before-refactor", "2"])["files"].as_array().unwrap().len(), 1);
    for words in [["before-refactor", "newest"], ["active", "1"], ["newest", "before-refactor"]] {
        let diff = sandbox.json(&["diff", words[0], words[1]]);
        assert!(diff["from"].is_u64() && diff["to"].is_u64(), "{diff}");
    }
    assert_eq!(sandbox.json(&["label"])["labels"], json!([{"label": "before-refactor", "version": 1}]));
    sandbox.check_verify().unwrap();
}

#[test]
fn a_word_of_a_diff_is_a_path_when_there_is_such_a_path() {
    let sandbox = days(2);
    sandbox.json(&["label", "1", "file"]);
    sandbox.write("file", "unsaved");
    // Against the newest version, the path.
    let changes = sandbox.json(&["diff", "file"]);
    assert_eq!((&changes["from"], &changes["files"][0]["path"]), (&Value::Null, &json!("file")), "{changes}");
    std::fs::remove_file(sandbox.path("file")).unwrap();
    assert_eq!(sandbox.json(&["diff", "file"])["from"], json!(1));
    assert_eq!(sandbox.lua(&["diff", "--json", "--", "file"]).value()["from"], Value::Null);
}

#[test]
fn labels_are_moved_only_when_told_to() {
    let sandbox = days(2);
    sandbox.json(&["label", "1", "stable"]);
    assert_eq!(sandbox.json(&["label", "1", "stable"])["changed"], false);
    let (code, message) = error_of(&sandbox, &["label", "2", "stable"], exit::ERROR);
    assert_eq!((code.as_str(), message.as_str()), ("label_taken", "v1 is labelled \"stable\" already"));
    assert_eq!(sandbox.json(&["label", "2", "stable", "--move"])["before"], 1);
    assert_eq!((listed(&sandbox, 1)["labels"].clone(), listed(&sandbox, 2)["labels"].clone()), (json!([]), json!(["stable"])));
    assert_eq!(sandbox.json(&["label", "--remove", "stable"])["version"], 2);
    assert_eq!(error_of(&sandbox, &["label", "--remove", "stable"], exit::NO_SUCH_VERSION).0, "unknown_label");
    assert_eq!(sandbox.json(&["label"])["labels"], json!([]));
}

#[test]
fn what_is_no_label_is_said_so() {
    let sandbox = days(2);
    sandbox.json(&["label", "1", "release-1"]);
    let (code, message) = error_of(&sandbox, &["rollback", "relase-1", "--force"], exit::NO_SUCH_VERSION);
    assert_eq!((code.as_str(), message.as_str()), ("unknown_label", "no version is labelled \"relase-1\"; there is \"release-1\""));
    for name in ["v5", "5", "newest", "ACTIVE", "a b", "a..b", ".a", "x.lock", "a\u{1b}[2J"] {
        assert_eq!(error_of(&sandbox, &["label", "2", name], exit::USAGE).0, "bad_label", "{name}");
    }
    assert_eq!(error_of(&sandbox, &["label", "9", "x"], exit::NO_SUCH_VERSION).0, "unknown_version");
    for arguments in [&["label", "1"][..], &["label", "1", "x", "--remove", "y"], &["label", "--move"], &["pin", "1", "--remove", "1"]] {
        sandbox.lua_json(arguments).expect(exit::USAGE);
    }
    let run = sandbox.lua(&["rollback", "no\u{1b}[2J", "--force"]);
    assert!(!run.stderr.contains('\u{1b}'), "{run}");
}

#[test]
fn pinned_and_labelled_versions_cannot_be_deleted() {
    let sandbox = days(3);
    assert_eq!(sandbox.json(&["pin", "1"]), json!({"format": 1, "version": 1, "pinned": true, "changed": true}));
    assert_eq!(sandbox.json(&["pin", "v1"])["changed"], false);
    assert_eq!(sandbox.json(&["pin"])["pinned"], json!([1]));
    sandbox.json(&["label", "2", "keep"]);
    for version in ["1", "2"] {
        assert_eq!(error_of(&sandbox, &["version", "delete", version, "--force"], exit::ERROR).0, "undeletable");
    }
    assert_eq!(sandbox.json(&["pin", "--remove", "1"])["changed"], true);
    sandbox.json(&["version", "delete", "1", "--force"]);
    assert_eq!(error_of(&sandbox, &["pin", "1"], exit::NO_SUCH_VERSION).0, "deleted_version");
    assert_eq!(sandbox.json(&["pin"])["pinned"], json!([]));
}

#[test]
fn a_check_is_recorded_with_the_version() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1");
    let pushed = sandbox.json(&["push", "--check", "echo fine; echo oh >&2; ls"]);
    assert_eq!(pushed["version"], 1);
    let check = &pushed["check"];
    assert_eq!((&check["passed"], &check["exit_code"], &check["output"]), (&json!(true), &json!(0), &json!("fine\noh\na")));
    let shown = sandbox.json(&["version", "show", "1"]);
    assert_eq!((&shown["check"], &shown["passed"]), (check, &json!(true)));
    // Nothing changed: the newest version is checked, and the last check counts.
    let run = sandbox.lua_json(&["push", "--check", "echo broken; exit 3"]).expect(exit::CHECK_FAILED);
    assert_eq!((&run.value()["changed"], &run.value()["check"]["exit_code"]), (&json!(false), &json!(3)));
    assert!(run.stderr.contains("broken"), "what it writes is passed through: {run}");
    assert_eq!(listed(&sandbox, 1)["passed"], false);
    sandbox.write("a", "2");
    let run = sandbox.lua(&["push", "--check", "kill -TERM $$"]).expect(exit::CHECK_FAILED);
    assert!(run.stdout.starts_with("v2: ") && run.stdout.contains("v2: its check failed; ended by signal 15"), "{run}");
    assert_eq!(sandbox.versions().len(), 2, "the version stays");
    sandbox.check_verify().unwrap();
}

#[test]
fn there_is_nothing_to_check_without_a_version() {
    let sandbox = Sandbox::new();
    let pushed = sandbox.json(&["push", "--check", "touch ran"]);
    assert_eq!((&pushed["version"], pushed.get("check")), (&json!(1), Some(&pushed["check"])));
    sandbox.lua_json(&["push", "--check", "true", "--dry-run"]).expect(exit::USAGE);
    let long = "#".repeat(70_000);
    assert_eq!(error_of(&sandbox, &["push", "--check", &long], exit::USAGE).0, "text_too_long");
}

#[test]
fn the_last_green_version_is_brought_back() {
    let sandbox = Sandbox::new();
    for (content, check) in [("1", "true"), ("2", "true"), ("3", "false")] {
        sandbox.write("a", content);
        sandbox.lua_json(&["push", "--check", check]);
    }
    let green = sandbox.json(&["source", "list", "--green"]);
    let numbers: Vec<&Value> = green["versions"].as_array().unwrap().iter().map(|row| &row["version"]).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(sandbox.json(&["list", "--green", "--limit", "1"])["versions"].as_array().unwrap().len(), 1);
    assert_eq!(sandbox.json(&["source", "rollback", "--last-green", "--force"])["target"], 2);
    assert_eq!(std::fs::read_to_string(sandbox.path("a")).unwrap(), "2");
    // The rollback made a version that was not checked, so the same one is meant again, and nothing is to be done.
    assert_eq!(sandbox.json(&["rollback", "--last-green", "--force"])["version"], Value::Null);
    sandbox.lua_json(&["rollback", "1", "--last-green", "--force"]).expect(exit::USAGE);
    let fresh = days(1);
    assert_eq!(error_of(&fresh, &["rollback", "--last-green", "--force"], exit::NO_SUCH_VERSION).0, "no_green_version");
}

#[test]
fn a_check_that_is_stopped_is_not_recorded() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1");
    let mut command = sandbox.command(&["push", "--check", "touch begun; sleep 60; touch late", "--json"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !sandbox.path("begun").exists() {
        assert!(began.elapsed() < Duration::from_secs(30), "the check does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((ended.status.code(), &answer["error"]["code"]), (Some(130), &json!("check_stopped")), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("v1 is recorded, its check is not"));
    assert_eq!(listed(&sandbox, 1)["passed"], Value::Null);
    assert!(!sandbox.path("late").exists());
}

#[test]
fn a_check_may_use_the_workspace_and_its_history() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "1");
    let inner = format!("'{}' push --allow-empty && '{}' label newest checked", common::sandbox::LUA, common::sandbox::LUA);
    assert_eq!(sandbox.json(&["push", "--check", &inner])["check"]["passed"], true);
    assert_eq!((listed(&sandbox, 1)["passed"].clone(), listed(&sandbox, 2)["labels"].clone()), (json!(true), json!(["checked"])));
}

#[test]
fn pruning_keeps_what_the_rules_say() {
    let sandbox = days(40);
    sandbox.json(&["label", "3", "release"]);
    sandbox.json(&["pin", "5"]);
    sandbox.json(&["promote", "7"]);
    let arguments = ["prune", "--keep-last", "2", "--keep-weekly", "3"];
    let plan = sandbox.json(&[&arguments[..], &["--dry-run"]].concat());
    let kept: Vec<u64> = plan["kept"].as_array().unwrap().iter().map(|kept| kept["version"].as_u64().unwrap()).collect();
    // Version 40 is of Friday, 2 January 2026; the Sundays before are those of 35 and 28.
    assert_eq!(kept, [40, 39, 35, 28, 7, 5, 3]);
    let reasons: Vec<&Value> = plan["kept"].as_array().unwrap().iter().map(|kept| &kept["reasons"]).collect();
    assert_eq!(reasons[..3], [&json!(["newest", "last", "weekly"]), &json!(["last"]), &json!(["weekly"])]);
    assert_eq!(reasons[4..], [&json!(["active"]), &json!(["pinned"]), &json!(["label release"])]);
    assert!(sandbox.json(&["list", "--all"])["versions"].as_array().unwrap().iter().all(|row| row["deleted"] == false));
    assert_eq!(error_of(&sandbox, &arguments, exit::USAGE).0, "confirmation_needed");

    let done = sandbox.json(&[&arguments[..], &["--force"]].concat());
    assert_eq!((&done["pruned"], &done["kept"]), (&plan["pruned"], &plan["kept"]));
    let row = listed(&sandbox, 1);
    assert_eq!((&row["deleted"], &row["pruned"]), (&json!(true), &json!("prune")));
    assert_eq!(sandbox.versions().len(), 40, "entries stay");
    assert_eq!(listed(&sandbox, 35)["pruned"], Value::Null);
    for arguments in [&["rollback", "6", "--force"][..], &["promote", "6"], &["label", "6", "x"], &["version", "delete", "6", "--force"]] {
        let (code, message) = error_of(&sandbox, arguments, exit::NO_SUCH_VERSION);
        assert_eq!((code.as_str(), message.as_str()), ("pruned_version", "v6 was pruned"));
    }
    let again = sandbox.json(&[&arguments[..], &["--force"]].concat());
    assert_eq!(again["pruned"], json!([]));
    assert_eq!(sandbox.rollback(28).expect(exit::OK).value()["target"], 28);
    sandbox.check_verify().unwrap();
}

#[test]
fn a_prune_needs_a_rule() {
    let sandbox = days(2);
    assert_eq!(error_of(&sandbox, &["prune", "--force"], exit::USAGE).0, "no_rule");
    assert_eq!(error_of(&sandbox, &["prune", "--keep-last", "0", "--force"], exit::USAGE).0, "no_rule");
    assert_eq!(error_of(&sandbox, &["prune"], exit::USAGE).0, "no_rule");
    for arguments in [["prune", "--keep-within", "3w"], ["prune", "--keep-last", "-1"], ["prune", "--keep-daily", "x"]] {
        sandbox.lua_json(&arguments).expect(exit::USAGE);
    }
    assert_eq!(sandbox.json(&["prune", "--keep-label", "none", "--force"])["pruned"], json!([1]));
    assert_eq!(sandbox.json(&["prune", "--keep-last", "unlimited", "--force"])["pruned"], json!([]));
}

#[test]
fn days_begin_when_they_do_where_the_user_is() {
    let mut sandbox = Sandbox::new();
    // 23:30 UTC and 00:30 UTC of the next day.
    for (number, at) in [NOW_MS - NOW_MS % DAY_MS - 1_800_000, NOW_MS - NOW_MS % DAY_MS + 1_800_000].into_iter().enumerate() {
        sandbox.set_now_ms(at);
        sandbox.write("file", format!("{number}"));
        sandbox.push();
    }
    let kept_in = |zone: &str| {
        let mut command = sandbox.command(&["prune", "--keep-daily", "1", "--dry-run", "--json"]);
        command.env("TZ", zone);
        sandbox.run(command).expect(exit::OK).value()["kept"].as_array().unwrap().len()
    };
    assert_eq!(sandbox.json(&["prune", "--keep-daily", "1", "--dry-run"])["pruned"], json!([1]));
    let daily_2 = |zone: &str| {
        let mut command = sandbox.command(&["prune", "--keep-daily", "2", "--dry-run", "--json"]);
        command.env("TZ", zone);
        sandbox.run(command).expect(exit::OK).value()["kept"][1]["reasons"].clone()
    };
    assert_eq!(kept_in("EET-2"), 1);
    assert_eq!((daily_2("UTC0"), daily_2("EET-2")), (json!(["daily"]), json!(["oldest daily"])));
}

#[test]
fn marks_come_back_from_the_segments() {
    let sandbox = days(4);
    sandbox.json(&["label", "2", "stable"]);
    sandbox.json(&["pin", "1"]);
    sandbox.json(&["push", "--check", "true"]);
    sandbox.json(&["prune", "--keep-last", "1", "--force"]);
    let list = sandbox.json(&["list", "--all"]);
    std::fs::remove_file(sandbox.store().join("index.db")).unwrap();
    assert_eq!(sandbox.json(&["list", "--all"]), list);
    sandbox.json(&["repair"]);
    assert_eq!(sandbox.json(&["list", "--all"]), list);
    assert_eq!(sandbox.json(&["label"])["labels"], json!([{"label": "stable", "version": 2}]));
    sandbox.check_verify().unwrap();
}

#[test]
fn answers_in_words() {
    let sandbox = days(3);
    let mut said = String::new();
    for arguments in [
        &["label", "1", "first"][..],
        &["label", "2", "first", "--move"],
        &["label", "2", "first"],
        &["label"],
        &["pin", "1"],
        &["pin"],
        &["prune", "--keep-last", "2", "--keep-daily", "5", "--dry-run"],
        &["prune", "--keep-last", "1", "--force"],
        &["pin", "--remove", "1"],
        &["prune", "--keep-last", "1", "--force"],
        &["label", "--remove", "first"],
        &["list", "--green"],
        &["list"],
        &["version", "show", "1"],
        &["rollback", "1", "--force"],
    ] {
        let run = sandbox.lua(arguments);
        said += &format!("$ lua {}\n{}\n", arguments.join(" "), run.snapshot());
    }
    insta::assert_snapshot!(said);
}
