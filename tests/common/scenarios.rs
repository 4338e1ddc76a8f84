//! The commands that write, each on a workspace that makes it do all it can do: what the sweeps of faults, double faults and power
//! cuts go through. A new one is a function here and its name in [`for_each_scenario`].

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use super::contract::exit;
use super::grow;
use super::sandbox::Sandbox;
use super::sweep::{Scenario, as_without_faults, restored, rolled_back};

#[allow(unused_macros)] // As everything here, it is for some of the test programs.
/// Makes a test of each scenario, which calls the function that is given with it.
macro_rules! for_each_scenario {
    ($check:path) => {
        $crate::common::scenarios::for_each_scenario!(
            $check: init first_push incremental_push large_push push_without_changes push_with_a_check rollback_with_unsaved_work
            rollback_of_saved_work undo restore_into_another_folder restore_of_paths_into_the_workspace promote label delete prune gc
            push_over_budget import repair repair_of_a_lost_log
        );
    };
    ($check:path: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $check(&$crate::common::scenarios::$name());
            }
        )*
    };
}
#[allow(unused_imports)] // Likewise.
pub(crate) use for_each_scenario;

/// Why a scenario cannot be had here; `None` where it can.
pub fn unavailable(name: &str) -> Option<String> {
    let has_git = || std::process::Command::new("git").arg("--version").output().is_ok();
    (name == "import" && !has_git()).then(|| "git is not installed".to_owned())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A folder becomes a workspace.
pub fn init() -> Scenario {
    Scenario { name: "init", before: grow::workspace(), arguments: |_| words(&["init"]), on_success: as_without_faults }
}

/// The first version, of a workspace with a large file.
pub fn first_push() -> Scenario {
    Scenario {
        name: "first_push",
        before: grow::workspace_with_large_file(),
        arguments: |_| words(&["push"]),
        on_success: Sandbox::check_printed_version,
    }
}

/// A version of a few edits.
pub fn incremental_push() -> Scenario {
    let before = grow::history();
    grow::edit_a_little(&before, 4);
    Scenario {
        name: "incremental_push",
        before,
        arguments: |_| words(&["push", "-m", "an edit"]),
        on_success: Sandbox::check_printed_version,
    }
}

/// A push that finds nothing to record.
pub fn push_without_changes() -> Scenario {
    Scenario {
        name: "push_without_changes",
        before: grow::history(),
        arguments: |_| words(&["push"]),
        on_success: Sandbox::check_printed_version,
    }
}

const ROLLBACK: fn(&Sandbox) -> Vec<String> = |_| words(&["source", "rollback", "--version", "1", "--force"]);

/// A rollback that records what is there first.
pub fn rollback_with_unsaved_work() -> Scenario {
    let before = grow::history();
    grow::edit_a_little(&before, 5);
    before.write("unsaved/work", "that no version holds");
    Scenario { name: "rollback_with_unsaved_work", before, arguments: ROLLBACK, on_success: |sandbox, _| rolled_back(sandbox, 1) }
}

/// A rollback over every kind of change.
pub fn rollback_of_saved_work() -> Scenario {
    Scenario {
        name: "rollback_of_saved_work",
        before: grow::history_with_large_file(),
        arguments: ROLLBACK,
        on_success: |sandbox, _| rolled_back(sandbox, 1),
    }
}

/// The rollback is taken back.
pub fn undo() -> Scenario {
    let before = grow::history();
    before.rollback(1).expect(exit::OK);
    Scenario { name: "undo", before, arguments: |_| words(&["undo", "--force"]), on_success: as_without_faults }
}

/// A git repository outside all workspaces, with one commit, so that there is nothing between the old and the new state.
static REPOSITORY: OnceLock<Sandbox> = OnceLock::new();

/// The history of a git repository is taken over.
pub fn import() -> Scenario {
    let repository = REPOSITORY.get_or_init(Sandbox::new);
    make_repository(repository);
    Scenario {
        name: "import",
        before: grow::history(),
        arguments: |_| {
            let repository = REPOSITORY.get_or_init(Sandbox::new).workspace();
            words(&["import", "git", "--append", &repository.to_string_lossy()])
        },
        on_success: as_without_faults,
    }
}

/// Makes a git repository of a workspace.
fn make_repository(sandbox: &Sandbox) {
    sandbox.write("src/module0.rs", "as git has it");
    sandbox.write("new/file", "from git");
    let commands: [&[&str]; 3] = [
        &["init", "--quiet", "--template="],
        &["add", "."],
        &["-c", "user.name=g", "-c", "user.email=g@g", "commit", "--quiet", "-m", "one"],
    ];
    let run = |arguments: &&[&str]| sandbox.try_run(sandbox.command_of("git".as_ref(), arguments), Duration::from_secs(20));
    commands.iter().for_each(|arguments| drop(run(arguments)));
}

/// Another version becomes the active one.
pub fn promote() -> Scenario {
    Scenario { name: "promote", before: grow::history(), arguments: |_| words(&["version", "promote", "2"]), on_success: as_without_faults }
}

/// A label moves.
pub fn label() -> Scenario {
    let before = grow::history();
    before.lua(&["label", "1", "stable"]).expect(exit::OK);
    Scenario {
        name: "label",
        before,
        arguments: |_| words(&["label", "2", "stable", "--move"]),
        on_success: |sandbox, _| {
            let shown = sandbox.json(&["version", "show", "stable"])["version"].as_u64();
            if shown == Some(2) { Ok(()) } else { Err(format!("the label stands for {shown:?}")) }
        },
    }
}

/// A version, and how its check ended.
pub fn push_with_a_check() -> Scenario {
    let before = grow::history();
    grow::edit_a_little(&before, 6);
    Scenario {
        name: "push_with_a_check",
        before,
        arguments: |_| words(&["push", "--check", "echo checked"]),
        on_success: |sandbox, stdout| {
            sandbox.check_printed_version(stdout)?;
            let check = &sandbox.json(&["version", "show", "newest"])["check"];
            if check["output"] == "checked" { Ok(()) } else { Err(format!("the check is recorded as {check}")) }
        },
    }
}

/// All but one version are dropped.
pub fn prune() -> Scenario {
    let before = grow::history();
    before.lua(&["pin", "2"]).expect(exit::OK);
    grow::edit_a_little(&before, 7);
    before.push();
    Scenario {
        name: "prune",
        before,
        arguments: |_| words(&["prune", "--keep-last", "1", "--force"]),
        on_success: |sandbox, _| {
            let pruned: Vec<u64> = sandbox.try_versions()?.iter().filter(|row| row.marks.pruned.is_some()).map(|row| row.version).collect();
            if pruned == [3, 1] { Ok(()) } else { Err(format!("pruned were {pruned:?}")) }
        },
    }
}

/// What two deleted versions held goes.
pub fn gc() -> Scenario {
    let before = grow::history();
    for version in ["1", "2"] {
        before.lua(&["version", "delete", version, "--no-gc", "--force"]).expect(exit::OK);
    }
    Scenario {
        name: "gc",
        before,
        arguments: |_| words(&["gc", "--all"]),
        on_success: |sandbox, _| {
            let again = sandbox.json(&["gc", "--all", "--dry-run"]);
            if again["dropped_objects"] == 0 { Ok(()) } else { Err(format!("left behind: {again}")) }
        },
    }
}

/// A push after which versions must go.
pub fn push_over_budget() -> Scenario {
    let before = grow::workspace();
    before.write("large", super::random::Random::new(9).bytes(300_000));
    before.push();
    fs::remove_file(before.path("large")).expect("a file that is gone");
    before.push();
    before.lua(&["budget", "250kB"]).expect(exit::OK);
    grow::edit_a_little(&before, 8);
    Scenario {
        name: "push_over_budget",
        before,
        arguments: |_| words(&["push"]),
        on_success: |sandbox, stdout| {
            sandbox.check_printed_version(stdout)?;
            let pruned: Vec<u64> = sandbox.try_versions()?.iter().filter(|row| row.marks.pruned.is_some()).map(|row| row.version).collect();
            if pruned == [1] { Ok(()) } else { Err(format!("pruned were {pruned:?}")) }
        },
    }
}

/// A version is written elsewhere.
pub fn restore_into_another_folder() -> Scenario {
    Scenario {
        name: "restore_into_another_folder",
        before: grow::history_with_large_file(),
        arguments: |sandbox| {
            let to = sandbox.outside("restored").to_string_lossy().into_owned();
            words(&["source", "restore", "--version", "1", "--to", &to])
        },
        on_success: |sandbox, _| restored(sandbox, "restored", 1),
    }
}

/// Some paths are brought back.
pub fn restore_of_paths_into_the_workspace() -> Scenario {
    let before = grow::history();
    before.write("src/module0.rs", "edited, and not saved");
    Scenario {
        name: "restore_of_paths_into_the_workspace",
        before,
        arguments: |_| words(&["source", "restore", "--version", "1", "src/module0.rs", "src/deep", "link"]),
        on_success: |sandbox, _| {
            let deep = fs::symlink_metadata(sandbox.path("src/deep")).map_err(|error| error.to_string())?;
            if deep.is_dir() { Ok(()) } else { Err("src/deep was not restored".to_owned()) }
        },
    }
}

/// More than fits into one write: contents go to segments of their own, which the record publishes.
pub fn large_push() -> Scenario {
    let before = grow::history();
    let mut random = super::random::Random::new(17);
    for number in 0..3 {
        before.write(format!("assets/noise{number}.bin"), random.bytes(3_000_000));
    }
    Scenario { name: "large_push", before, arguments: |_| words(&["push"]), on_success: Sandbox::check_printed_version }
}

/// The contents of a version are given up.
pub fn delete() -> Scenario {
    Scenario {
        name: "delete",
        before: grow::history(),
        arguments: |_| words(&["version", "delete", "1", "--force"]),
        on_success: |sandbox, _| {
            let deleted: Vec<u64> = sandbox.try_versions()?.iter().filter(|row| row.marks.deleted).map(|row| row.version).collect();
            if deleted == [1] { Ok(()) } else { Err(format!("deleted are {deleted:?}")) }
        },
    }
}

/// All that can be made anew is made anew.
pub fn repair() -> Scenario {
    Scenario { name: "repair", before: grow::history(), arguments: |_| words(&["repair"]), on_success: as_without_faults }
}

/// The list of versions is made anew from the segments.
pub fn repair_of_a_lost_log() -> Scenario {
    let before = grow::history();
    for name in ["index.db", "index.db-wal", "index.db-shm"] {
        let _ = fs::remove_file(before.store().join(name));
    }
    Scenario { name: "repair_of_a_lost_log", before, arguments: |_| words(&["repair"]), on_success: as_without_faults }
}
