//! What the program says, word for word: every command in words, in JSON, and when it is asked something that cannot be.
//!
//! The snapshots are read by people when they change: an answer that got worse is a defect.

mod common;

use common::sandbox::Sandbox;

/// Commands one after the other, each with its answer.
fn session(sandbox: &Sandbox, commands: &[&str]) -> String {
    let mut said = String::new();
    for command in commands {
        if let Some((path, content)) = command.strip_prefix("write ").and_then(|rest| rest.split_once(' ')) {
            sandbox.write(path, format!("{}\n", content.replace("\\n", "\n")));
            said += &format!("# {path} is written\n\n");
            continue;
        }
        if let Some(path) = command.strip_prefix("remove ") {
            std::fs::remove_file(sandbox.path(path)).unwrap();
            said += &format!("# {path} is removed\n\n");
            continue;
        }
        let arguments: Vec<&str> = command.split(' ').collect();
        said += &format!("$ lua {command}\n{}\n", sandbox.lua(&arguments).snapshot());
    }
    said
}

/// A few files, with rules that leave some out.
fn workspace() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("main.py", "print(1)\n");
    sandbox.write("notes/plan.txt", "one\ntwo\nthree\n");
    sandbox.write("build/app.o", [0, 1, 2, 3]);
    sandbox.write(".gitignore", "build/\n");
    sandbox
}

const STORY: [&str; 40] = [
    "status",
    "init",
    "init",
    "status",
    "push --dry-run",
    "push -m first",
    "push",
    "status",
    "write main.py print(2)",
    "write notes/new.txt new",
    "remove notes/plan.txt",
    "status",
    "diff",
    "diff --stat",
    "diff --name-only",
    "push -m second --by ada --triggered-by step-2",
    "source list",
    "source list --limit 1",
    "version list",
    "version show 2",
    "version diff 1 2 --stat",
    "version status",
    "show 2 --name-only",
    "log",
    "log main.py",
    "ls -l 1",
    "tree 2",
    "cat 1:main.py",
    "blame main.py",
    "grep print --all-versions",
    "when print(1) -F",
    "check-ignore -v build/app.o",
    "write main.py unsaved",
    "source rollback --version 1 --dry-run",
    "source rollback --version 1 --force",
    "undo --force",
    "source restore --version 1 notes/plan.txt",
    "version promote 1",
    "version delete 2 --force",
    "source list --all",
];

#[test]
fn a_story_in_words() {
    insta::assert_snapshot!(session(&workspace(), &STORY));
}

#[test]
fn a_story_in_json() {
    let in_json: Vec<String> = STORY
        .iter()
        .filter(|command| !command.starts_with("cat "))
        .map(|command| {
            if command.starts_with("write ") || command.starts_with("remove ") {
                (*command).to_owned()
            } else {
                format!("--json {command}")
            }
        })
        .collect();
    let commands: Vec<&str> = in_json.iter().map(String::as_str).collect();
    insta::assert_snapshot!(session(&workspace(), &commands));
}

#[test]
fn keeping_the_store_in_words() {
    let commands = [
        "push",
        "write main.py print(2)",
        "push",
        "verify",
        "verify --quick",
        "gc --dry-run",
        "gc",
        "version create -m third --allow-empty",
        "version delete 1 --force",
        "gc --all",
        "repair",
        "drill",
        "verify --json",
        "gc --json",
        "repair --json",
    ];
    insta::assert_snapshot!(session(&workspace(), &commands));
}

#[test]
fn mistakes_in_words() {
    let commands = [
        "push --message",
        "psh",
        "source list",
        "push",
        "source rollback --version 9 --force",
        "source rollback --version 1",
        "source rollback --version 0",
        "source rollback",
        "version promote nowhere",
        "version delete 1 --force",
        "undo --force",
        "source restore --version 1 no/such/path",
        "source restore --version 1 ../outside",
        "diff 1 9",
        "cat 1:no/such/path",
        "label 1 newest",
        "prune",
        "--json source rollback --version 9 --force",
        "--json psh",
    ];
    insta::assert_snapshot!(session(&workspace(), &commands));
}
