//! Faults at every mutating system call of every command that writes: kill, kill after the call, EIO, ENOSPC once and from then
//! on, short writes. After each: nothing is lost (promise 1), the next command finds the old or the new state, whole (2), what
//! was printed is true (4), every version is readable (6), and the next push needs no manual step.
//!
//! `LUA_SWEEP_STEP=1` runs all of it; the default is a sample that fits into a run of all tests.

mod common;

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use common::grow;
use common::sandbox::Sandbox;
use common::sweep::{Scenario, as_without_faults, restored, rolled_back, sweep};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn init() {
    sweep(&Scenario { name: "init", before: grow::workspace(), arguments: |_| words(&["init"]), on_success: as_without_faults });
}

#[test]
fn first_push() {
    sweep(&Scenario {
        name: "first_push",
        before: grow::workspace_with_large_file(),
        arguments: |_| words(&["push"]),
        on_success: Sandbox::check_printed_version,
    });
}

#[test]
fn incremental_push() {
    let before = grow::history();
    grow::edit_a_little(&before, 4);
    sweep(&Scenario {
        name: "incremental_push",
        before,
        arguments: |_| words(&["push", "-m", "an edit"]),
        on_success: Sandbox::check_printed_version,
    });
}

#[test]
fn push_without_changes() {
    sweep(&Scenario {
        name: "push_without_changes",
        before: grow::history(),
        arguments: |_| words(&["push"]),
        on_success: Sandbox::check_printed_version,
    });
}

const ROLLBACK: fn(&Sandbox) -> Vec<String> = |_| words(&["source", "rollback", "--version", "1", "--force"]);

#[test]
fn rollback_with_unsaved_work() {
    let before = grow::history();
    grow::edit_a_little(&before, 5);
    before.write("unsaved/work", "that no version holds");
    sweep(&Scenario { name: "rollback_with_unsaved_work", before, arguments: ROLLBACK, on_success: |sandbox, _| rolled_back(sandbox, 1) });
}

#[test]
fn rollback_of_saved_work() {
    sweep(&Scenario {
        name: "rollback_of_saved_work",
        before: grow::history_with_large_file(),
        arguments: ROLLBACK,
        on_success: |sandbox, _| rolled_back(sandbox, 1),
    });
}

#[test]
fn undo() {
    let before = grow::history();
    before.rollback(1).expect(common::contract::exit::OK);
    sweep(&Scenario { name: "undo", before, arguments: |_| words(&["undo", "--force"]), on_success: as_without_faults });
}

/// A git repository outside all workspaces, with one commit, so that there is nothing between the old and the new state.
static REPOSITORY: OnceLock<Sandbox> = OnceLock::new();

#[test]
fn import() {
    let repository = REPOSITORY.get_or_init(Sandbox::new);
    if !make_repository(repository) {
        return common::skip("import", "git is not installed");
    }
    sweep(&Scenario {
        name: "import",
        before: grow::history(),
        arguments: |_| {
            let repository = REPOSITORY.get_or_init(Sandbox::new).workspace();
            words(&["import", "git", "--append", &repository.to_string_lossy()])
        },
        on_success: as_without_faults,
    });
}

/// Makes a git repository of a workspace, if git can be had.
fn make_repository(sandbox: &Sandbox) -> bool {
    sandbox.write("src/module0.rs", "as git has it");
    sandbox.write("new/file", "from git");
    let commands: [&[&str]; 3] = [
        &["init", "--quiet", "--template="],
        &["add", "."],
        &["-c", "user.name=g", "-c", "user.email=g@g", "commit", "--quiet", "-m", "one"],
    ];
    let run = |arguments: &&[&str]| sandbox.try_run(sandbox.command_of("git".as_ref(), arguments), Duration::from_secs(20));
    commands.iter().all(|arguments| run(arguments).is_ok_and(|run| run.code == 0))
}

#[test]
fn promote() {
    sweep(&Scenario {
        name: "promote",
        before: grow::history(),
        arguments: |_| words(&["version", "promote", "2"]),
        on_success: as_without_faults,
    });
}

#[test]
fn label() {
    let before = grow::history();
    before.lua(&["label", "1", "stable"]).expect(common::contract::exit::OK);
    sweep(&Scenario {
        name: "label",
        before,
        arguments: |_| words(&["label", "2", "stable", "--move"]),
        on_success: |sandbox, _| {
            let shown = sandbox.json(&["version", "show", "stable"])["version"].as_u64();
            if shown == Some(2) { Ok(()) } else { Err(format!("the label stands for {shown:?}")) }
        },
    });
}

#[test]
fn push_with_a_check() {
    let before = grow::history();
    grow::edit_a_little(&before, 6);
    sweep(&Scenario {
        name: "push_with_a_check",
        before,
        arguments: |_| words(&["push", "--check", "echo checked"]),
        on_success: |sandbox, stdout| {
            sandbox.check_printed_version(stdout)?;
            let check = &sandbox.json(&["version", "show", "newest"])["check"];
            if check["output"] == "checked" { Ok(()) } else { Err(format!("the check is recorded as {check}")) }
        },
    });
}

#[test]
fn prune() {
    let before = grow::history();
    before.lua(&["pin", "2"]).expect(common::contract::exit::OK);
    grow::edit_a_little(&before, 7);
    before.push();
    sweep(&Scenario {
        name: "prune",
        before,
        arguments: |_| words(&["prune", "--keep-last", "1", "--force"]),
        on_success: |sandbox, _| {
            let pruned: Vec<u64> = sandbox.try_versions()?.iter().filter(|row| row.marks.pruned.is_some()).map(|row| row.version).collect();
            if pruned == [3, 1] { Ok(()) } else { Err(format!("pruned were {pruned:?}")) }
        },
    });
}

#[test]
fn gc() {
    let before = grow::history();
    before.lua(&["version", "delete", "1", "--no-gc", "--force"]).expect(common::contract::exit::OK);
    before.lua(&["version", "delete", "2", "--no-gc", "--force"]).expect(common::contract::exit::OK);
    sweep(&Scenario {
        name: "gc",
        before,
        arguments: |_| words(&["gc", "--all"]),
        on_success: |sandbox, _| {
            let again = sandbox.json(&["gc", "--all", "--dry-run"]);
            if again["dropped_objects"] == 0 { Ok(()) } else { Err(format!("left behind: {again}")) }
        },
    });
}

#[test]
fn push_over_budget() {
    let before = grow::workspace();
    before.write("large", common::random::Random::new(9).bytes(300_000));
    before.push();
    fs::remove_file(before.path("large")).unwrap();
    before.push();
    before.lua(&["budget", "250kB"]).expect(common::contract::exit::OK);
    grow::edit_a_little(&before, 8);
    sweep(&Scenario {
        name: "push_over_budget",
        before,
        arguments: |_| words(&["push"]),
        on_success: |sandbox, stdout| {
            sandbox.check_printed_version(stdout)?;
            let pruned: Vec<u64> = sandbox.try_versions()?.iter().filter(|row| row.marks.pruned.is_some()).map(|row| row.version).collect();
            if pruned == [1] { Ok(()) } else { Err(format!("pruned were {pruned:?}")) }
        },
    });
}

#[test]
fn restore_into_another_folder() {
    sweep(&Scenario {
        name: "restore_into_another_folder",
        before: grow::history_with_large_file(),
        arguments: |sandbox| {
            let to = sandbox.outside("restored").to_string_lossy().into_owned();
            words(&["source", "restore", "--version", "1", "--to", &to])
        },
        on_success: |sandbox, _| restored(sandbox, "restored", 1),
    });
}

#[test]
fn restore_of_paths_into_the_workspace() {
    let before = grow::history();
    before.write("src/module0.rs", "edited, and not saved");
    sweep(&Scenario {
        name: "restore_of_paths_into_the_workspace",
        before,
        arguments: |_| words(&["source", "restore", "--version", "1", "src/module0.rs", "src/deep", "link"]),
        on_success: |sandbox, _| {
            let deep = fs::symlink_metadata(sandbox.path("src/deep")).map_err(|error| error.to_string())?;
            if deep.is_dir() { Ok(()) } else { Err("src/deep was not restored".to_owned()) }
        },
    });
}
