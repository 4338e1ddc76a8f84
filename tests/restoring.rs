//! `source restore` into the workspace: what it brings, what it leaves alone, and what it says of both.

mod common;

use common::contract::exit;
use common::sandbox::Sandbox;
use serde_json::{Value, json};

/// v1 has `notes.log`, `build/a.o` and `src/main`; in v2 logs and `build/` are excluded and gone, `src/main` is another one.
fn rules_that_came_later() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("notes.log", "a note");
    sandbox.write("build/a.o", "an object");
    sandbox.write("src/main", "first");
    sandbox.push();
    std::fs::remove_file(sandbox.path("notes.log")).unwrap();
    std::fs::remove_dir_all(sandbox.path("build")).unwrap();
    sandbox.write(".gitignore", "*.log\nbuild/\n");
    sandbox.write("src/main", "second");
    sandbox.push();
    sandbox
}

fn newest(sandbox: &Sandbox) -> Value {
    sandbox.json(&["source", "list"])["versions"][0]["version"].clone()
}

/// Paths as an answer has them.
fn paths(paths: &[&str]) -> Value {
    paths.iter().map(|path| json!({ "path": path })).collect()
}

#[test]
fn what_the_rules_exclude_is_left_alone_and_said() {
    let sandbox = rules_that_came_later();
    sandbox.write("notes.log", "written since, and in no version");
    let run = sandbox.lua(&["source", "restore", "--version", "1", "notes.log", "build"]).expect(exit::LEFT_OUT);
    assert!(run.stderr.contains("left alone, because the rules exclude it: notes.log"), "{run}");
    assert!(run.stderr.contains("left alone, because the rules exclude it: build\n"), "{run}");
    assert_eq!(std::fs::read(sandbox.path("notes.log")).unwrap(), b"written since, and in no version");
    assert!(!sandbox.path("build").exists());
    assert_eq!(newest(&sandbox), json!(2), "a version was made though nothing was restored");
}

#[test]
fn a_version_is_made_of_what_was_restored_and_of_nothing_else() {
    let sandbox = rules_that_came_later();
    let restored = sandbox.lua_json(&["source", "restore", "--version", "1", "notes.log", "src"]).expect(exit::LEFT_OUT).value();
    assert_eq!((&restored["files"], &restored["left_alone"], &restored["appended"]), (&json!(1), &paths(&["notes.log"]), &json!(3)));
    assert_eq!(std::fs::read(sandbox.path("src/main")).unwrap(), b"first");
    sandbox.tree_of(3).assert_same(&sandbox.tree(), "after a restore");
    assert_eq!(sandbox.json(&["push"])["version"], json!(3), "something differs from the version of the restore");
}

#[test]
fn a_dry_run_names_what_would_be_left_alone() {
    let sandbox = rules_that_came_later();
    let restored = sandbox.lua_json(&["source", "restore", "--version", "1", "--dry-run"]).expect(exit::LEFT_OUT).value();
    assert_eq!(restored["planned"], paths(&["src/main"]));
    assert_eq!(restored["left_alone"], paths(&["build", "notes.log"]));
    let elsewhere = sandbox.outside("elsewhere").display().to_string();
    let restored = sandbox.json(&["source", "restore", "--version", "1", "--dry-run", "--to", &elsewhere]);
    assert_eq!(restored["planned"], paths(&["build/a.o", "notes.log", "src/main"]), "rules hold for the workspace only");
}

#[test]
fn the_last_restore_is_taken_back_as_a_rollback_is() {
    let sandbox = rules_that_came_later();
    sandbox.rollback(1).expect(exit::LEFT_OUT);
    sandbox.write("src/main", "third");
    sandbox.push();
    let before = sandbox.tree();
    let run = sandbox.lua(&["source", "restore", "--version", "2", "src/main"]).expect(exit::OK);
    assert!(run.stdout.contains("`lua undo` takes it back"), "{run}");
    assert_eq!(std::fs::read(sandbox.path("src/main")).unwrap(), b"second");
    sandbox.lua(&["undo", "--force"]).expect(exit::OK);
    before.assert_same(&sandbox.tree(), "after an undo of a restore");
    // Far back, behind more versions than are looked at first.
    (0..40).for_each(|number| drop(sandbox.json(&["push", "--allow-empty", "-m", &number.to_string()])));
    sandbox.lua(&["undo", "--force"]).expect(exit::OK);
    assert_eq!(std::fs::read(sandbox.path("src/main")).unwrap(), b"second");
}
