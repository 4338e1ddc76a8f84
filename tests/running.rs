//! `at` and `bisect`: commands in throw-away checkouts of versions.

mod common;

use std::time::{Duration, Instant};

use common::contract::exit;
use common::files::chmod;
use common::sandbox::{Run, Sandbox};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Ten versions; in the sixth and later ones something is broken.
fn history() -> Sandbox {
    let sandbox = Sandbox::new();
    for version in 1..=10 {
        sandbox.write("number", format!("{version}\n"));
        sandbox.write("state", if version < 6 { "works\n" } else { "broken\n" });
        sandbox.push();
    }
    sandbox.write("number", "not recorded\n");
    sandbox
}

/// What lies among the temporary files, which is nothing once a command is done.
fn leftovers(sandbox: &Sandbox) -> usize {
    std::fs::read_dir(sandbox.outside("home")).unwrap().count()
}

#[track_caller]
fn json_of(sandbox: &Sandbox, arguments: &[&str], code: i32) -> Run {
    sandbox.lua(&[&["--json"], arguments].concat()).expect(code)
}

#[test]
fn a_command_runs_in_a_version_and_its_code_is_passed_on() {
    let sandbox = history();
    let before = sandbox.tree();
    let run = sandbox.lua(&["at", "5", "--", "sh", "-c", "cat number; echo $LUA_VERSION; pwd >&2; touch new; exit 42"]).expect(42);
    assert_eq!(run.stdout, "5\n5\n");
    assert!(run.stderr.trim_end().ends_with("/v5"), "{run}");
    assert_eq!(sandbox.lua(&["at", "newest", "cat", "number"]).expect(exit::OK).stdout, "10\n");
    sandbox.lua(&["at", "5", "sh", "-c", "kill -9 $$"]).expect(137);
    assert_eq!((leftovers(&sandbox), sandbox.tree() == before), (0, true));
    let quiet = json_of(&sandbox, &["at", "5", "sh", "-c", "echo first; echo last; exit 3"], 3).value();
    assert_eq!((&quiet["runs"][0]["exit"], &quiet["runs"][0]["last_line"]), (&json!(3), &json!("last")));
    assert_eq!(json_of(&sandbox, &["at", "5", "no such program"], exit::ERROR).value()["error"]["code"], "cannot_run");
    assert_eq!(json_of(&sandbox, &["at", "11", "true"], exit::NO_SUCH_VERSION).value()["error"]["code"], "unknown_version");
    assert_eq!(leftovers(&sandbox), 0);
}

#[test]
fn a_command_runs_in_each_version_of_a_range() {
    let sandbox = history();
    sandbox.lua(&["version", "delete", "4", "--force"]).expect(exit::OK);
    let answer = json_of(&sandbox, &["at", "3..7", "-j", "3", "--", "sh", "-c", "cat number; grep -q works state"], exit::ERROR).value();
    let runs = answer["runs"].as_array().unwrap();
    let seen: Vec<_> = runs.iter().map(|run| (run["version"].as_u64().unwrap(), run["exit"].as_i64().unwrap())).collect();
    assert_eq!(seen, [(3, 0), (5, 0), (6, 1), (7, 1)]);
    assert!(runs.iter().all(|run| run["last_line"].as_str() == Some(&run["version"].to_string())), "{answer}");
    let table = sandbox.lua(&["at", "..2", "--", "printf", "a\\033[2Jb"]).expect(exit::OK).stdout;
    let words: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((words[0][0], words[1][0], words[2][1], *words[2].last().unwrap()), ("VERSION", "v1", "0", "a\\x1b[2Jb"));
    assert_eq!(leftovers(&sandbox), 0);
}

#[test]
fn what_a_command_started_ends_with_it() {
    let sandbox = history();
    let began = Instant::now();
    sandbox.lua(&["at", "1..1", "--", "sh", "-c", "sleep 50 & echo done"]).expect(exit::OK);
    assert!(began.elapsed() < Duration::from_secs(20), "waited for a background process");
}

#[test]
fn folders_that_may_not_be_written_to_are_thrown_away_too() {
    let sandbox = Sandbox::new();
    sandbox.write("closed/deep/file", "x");
    chmod(&sandbox.path("closed/deep"), 0o500);
    sandbox.push();
    sandbox.lua(&["at", "1", "test", "-f", "closed/deep/file"]).expect(exit::OK);
    chmod(&sandbox.path("closed/deep"), 0o700);
    assert_eq!(leftovers(&sandbox), 0);
}

#[test]
fn an_interrupt_ends_the_command_and_leaves_nothing() {
    let sandbox = history();
    for range in ["5", "3..9"] {
        let mut child = sandbox.command(&["at", range, "--", "sleep", "50"]).spawn().unwrap();
        let began = Instant::now();
        while leftovers(&sandbox) == 0 && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(300));
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{range}");
        assert_eq!(leftovers(&sandbox), 0, "{range}");
        assert!(began.elapsed() < Duration::from_secs(40), "{range}: the command was not ended");
    }
}

#[test]
fn checkouts_are_not_made_in_the_workspace() {
    let sandbox = history();
    let mut command = sandbox.command(&["at", "5", "true"]);
    command.env("TMPDIR", sandbox.workspace());
    let run = sandbox.run(command).expect(exit::USAGE);
    assert!(run.stderr.contains("set TMPDIR"), "{run}");
}

#[test]
fn the_first_bad_version_is_found() {
    let sandbox = history();
    let test = ["grep", "-q", "works", "state"];
    let run = sandbox.lua(&[&["bisect", "--good", "1", "--bad", "newest", "--"][..], &test].concat()).expect(exit::OK);
    assert!(run.stdout.contains("\nv6 is the first bad version\n") && run.stdout.ends_with("  ~ number\n  ~ state\n"), "{run}");
    let found = json_of(&sandbox, &[&["bisect", "--good", "1", "--bad", "10"][..], &test].concat(), exit::OK).value();
    assert_eq!((&found["first_bad"]["version"], &found["first_bad"]["against"]), (&json!(6), &json!(5)));
    let tests = found["tests"].as_array().unwrap();
    assert!(tests.len() <= 4 && tests[0]["verdict"] == "good" && tests[0]["version"] == 5, "{found}");
    assert_eq!(leftovers(&sandbox), 0);
}

#[test]
fn versions_without_a_verdict_are_passed_over() {
    let sandbox = history();
    let test = "case $LUA_VERSION in 5|6) exit 125;; esac; grep -q works state";
    let found = json_of(&sandbox, &["bisect", "--good", "1", "--bad", "10", "--", "sh", "-c", test], exit::OK).value();
    assert_eq!((found["first_bad"].is_null(), &found["one_of"]), (true, &json!([5, 6, 7])));
    let stopped = json_of(&sandbox, &["bisect", "--good", "1", "--bad", "10", "sh", "-c", "exit 128"], exit::ERROR).value();
    assert_eq!(stopped["error"]["code"], "no_verdict");
    let wrong = json_of(&sandbox, &["bisect", "--good", "7", "--bad", "7", "true"], exit::USAGE).value();
    assert_eq!(wrong["error"]["code"], "empty_range");
    assert_eq!(leftovers(&sandbox), 0);
}
