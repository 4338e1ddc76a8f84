//! What people do by mistake, or with other tools in the same folder: it is told, and harms nothing.

mod common;

use std::process::Command;

use common::contract::exit;
use common::sandbox::{Run, Sandbox};

/// Two versions: `file` with one, and then with two lines; `other` in both.
fn two_versions() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("other", "as it is\n");
    for content in ["one\n", "one\ntwo\n"] {
        sandbox.write("file", content);
        sandbox.json(&["push"]);
    }
    sandbox
}

fn in_folder(sandbox: &Sandbox, folder: &str, arguments: &[&str]) -> Run {
    let mut command = sandbox.command(arguments);
    command.current_dir(sandbox.path(folder));
    sandbox.run(command)
}

#[test]
fn git_neither_removes_nor_hides_nor_takes_in_the_history() {
    let sandbox = two_versions();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"];
        Command::new("git").args(identity).args(arguments).current_dir(sandbox.workspace()).env("HOME", sandbox.root()).output()
    };
    if !git(&["init", "--quiet"]).is_ok_and(|output| output.status.success()) {
        return common::skip("git_neither_removes_nor_hides_nor_takes_in_the_history", "git is not installed");
    }
    let run = |arguments: &[&str]| {
        let output = git(arguments).unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["add", "file"]);
    run(&["commit", "--quiet", "-m", "first"]);
    assert_eq!(run(&["status", "--porcelain"]), "?? other\n");
    run(&["stash", "--include-untracked"]);
    assert!(sandbox.store().join("config.toml").exists(), "after git stash");
    run(&["stash", "pop"]);
    run(&["clean", "-f", "-d", "-q"]);
    assert_eq!(sandbox.json(&["list"])["versions"].as_array().unwrap().len(), 2);
    sandbox.lua(&["verify"]).expect(exit::OK);
}

#[test]
fn no_workspace_is_made_in_a_history_and_one_in_another_is_told() {
    let sandbox = two_versions();
    sandbox.write("sub/file", "x");
    for folder in [".lua", ".lua/objects"] {
        let refused = in_folder(&sandbox, folder, &["init"]).expect(exit::USAGE);
        assert!(refused.stderr.contains("where a history is kept"), "{refused}");
        assert!(!sandbox.path(folder).join(".lua").exists());
    }
    let made = in_folder(&sandbox, "sub", &["init"]).expect(exit::OK);
    assert!(made.stderr.contains("is in another workspace"), "{made}");
    let again = in_folder(&sandbox, "sub", &["init"]).expect(exit::OK);
    assert!(!again.stderr.contains("is in another workspace"), "{again}");
}

#[test]
fn what_cannot_be_compared_is_no_sameness() {
    let sandbox = two_versions();
    let changed = sandbox.lua(&["diff", "1", "2"]).expect(exit::OK);
    assert_eq!(sandbox.lua(&["diff", "1..2"]).expect(exit::OK).stdout, changed.stdout);
    assert_eq!(sandbox.lua(&["diff", "1..newest", "file"]).expect(exit::OK).stdout, changed.stdout);
    for words in [&["nosuchfile"][..], &["0", "1"], &["1", "2", "nosuchfile"], &["1..9"]] {
        let refused = sandbox.lua(&[&["diff"], words].concat());
        assert!([exit::ERROR, exit::NO_SUCH_VERSION].contains(&refused.code), "{refused}");
    }
    for words in [&["file"][..], &["1", "other"], &["1", "2", "other"]] {
        sandbox.lua(&[&["diff"], words].concat()).expect(exit::OK);
    }
}

#[test]
fn a_restore_names_what_matches_nothing_and_writes_nothing() {
    let sandbox = two_versions();
    sandbox.write("file", "three\n");
    let refused = sandbox.lua(&["restore", "1", "file"]).expect(exit::ERROR);
    assert!(refused.stderr.contains('1') && !refused.stderr.contains("file\""), "{refused}");
    assert!(refused.stderr.contains("--version"), "{refused}");
    assert_eq!(std::fs::read(sandbox.path("file")).unwrap(), b"three\n");
    sandbox.lua(&["restore", "file", "o*"]).expect(exit::OK);
}

#[test]
fn the_real_reason_comes_before_the_question() {
    let sandbox = two_versions();
    for arguments in [&["rollback", "99"][..], &["version", "delete", "99"], &["source", "rollback", "--version", "no-such-label"]] {
        sandbox.lua(arguments).expect(exit::NO_SUCH_VERSION);
    }
    sandbox.lua(&["undo"]).expect(exit::NO_SUCH_VERSION);
    sandbox.lua(&["rollback", "1"]).expect(exit::USAGE);
    let nowhere = Sandbox::new();
    nowhere.lua(&["rollback", "1"]).expect(exit::NOT_A_WORKSPACE);
    nowhere.lua(&["undo"]).expect(exit::NOT_A_WORKSPACE);
}

#[test]
fn the_words_of_other_tools_lead_to_ours() {
    let sandbox = Sandbox::new();
    for (word, ours) in [("commit", "push"), ("save", "push"), ("snapshot", "push"), ("checkout", "rollback"), ("revert", "rollback")] {
        let answer = sandbox.lua(&[word]).expect(exit::USAGE);
        assert!(answer.stderr.contains(&format!("'{ours}'")), "{answer}");
    }
}

#[test]
fn a_budget_counts_what_versions_take() {
    let sandbox = Sandbox::new();
    for step in 0..6 {
        sandbox.write("file", format!("step {step}\n"));
        sandbox.json(&["push"]);
    }
    let budget = sandbox.json(&["budget", "60kB"]);
    let status = sandbox.json(&["status"]);
    assert_eq!(budget["bytes"], status["store_bytes"], "{budget} {status}");
    sandbox.write("file", "step 6\n");
    sandbox.lua(&["push"]).expect(exit::OK);
    assert_eq!(sandbox.json(&["list"])["versions"].as_array().unwrap().len(), 7);
    sandbox.lua(&["diff", "1", "7"]).expect(exit::OK);
}

#[test]
fn settings_that_went_do_not_begin_a_second_history() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "one\n");
    let store = sandbox.outside("store");
    sandbox.lua(&["init", "--store", store.to_str().unwrap()]).expect(exit::OK);
    sandbox.lua(&["push"]).expect(exit::OK);
    std::fs::remove_file(sandbox.store().join("config.toml")).unwrap();
    assert_eq!(sandbox.lua_json(&["push"]).expect(exit::ERROR).value()["error"]["code"], "lost_settings");
    let refused = sandbox.lua(&["push"]).expect(exit::ERROR);
    assert!(refused.stderr.contains("in which folder the history of this workspace is"), "{refused}");
    sandbox.lua(&["init"]).expect(exit::ERROR);
    sandbox.lua(&["init", "--store", store.to_str().unwrap()]).expect(exit::OK);
    assert_eq!(sandbox.json(&["list"])["versions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_folder_is_no_file() {
    let sandbox = two_versions();
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    let status = sandbox.lua(&["status"]).expect(exit::OK);
    assert!(status.stdout.contains("unsaved: folders alone") && status.stdout.contains("empty/"), "{status}");
    assert!(sandbox.lua(&["push"]).expect(exit::OK).stdout.contains("no file changed"));
    sandbox.write("empty/file", "x");
    assert!(sandbox.lua(&["status"]).expect(exit::OK).stdout.contains("unsaved: 1 file added"));
}
