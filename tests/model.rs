//! Random operations on a workspace with its history, compared with a model in memory that is too simple to be wrong.
//!
//! The sequences are the same in every run; `LUA_MODEL_CASES` makes more of them and `LUA_MODEL_SEED` others. A sequence that
//! fails is made shorter before it is shown.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::contract::{Marks, exit, in_short};
use common::files::{chmod, remove};
use common::history::{Checked, succeeded};
use common::number_from_env;
use common::sandbox::Sandbox;
use common::tree_state::{Node, TreeState};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const CASES_DEFAULT: usize = 30;
const OPERATIONS: usize = 25;
const SHRINKS_MAX: u32 = 200;

/// Paths that get into each other's way: the same name is a file here and a folder there.
const PATHS: [&str; 10] = ["a", "b", "b/x", "b/y", "b/y/deep", "c/d/e", "c/d", "c", "long name with spaces.txt", "a.b"];
/// Contents of files: empty, small, equal beginnings, large enough for several chunks.
const CONTENTS: [(&str, usize); 7] =
    [("", 0), ("x", 1), ("one line\n", 1), ("one line\n", 2), ("0123456789abcdef", 900), ("many\n", 30_000), ("chunks ", 320_000)];
const FILE_MODES: [u32; 4] = [0o644, 0o755, 0o600, 0o444];
const FOLDER_MODES: [u32; 3] = [0o755, 0o700, 0o775];
const LABELS: [&str; 2] = ["before-refactor", "release/1.0"];
const TARGETS: [&str; 4] = ["a", "../nowhere", "b", "/etc/passwd"];

#[derive(Clone, Debug)]
enum Operation {
    Write { path: usize, content: usize },
    Remove { path: usize },
    ChangeBits { path: usize, mode: usize },
    MakeFolder { path: usize },
    Link { path: usize, target: usize },
    Push,
    Rollback { version: usize },
    Undo,
    Promote { version: usize },
    Restore { version: usize },
    RestorePath { version: usize, path: usize },
    Label { version: usize, label: usize },
    Pin { version: usize },
    Check { passes: bool },
    Prune { last: usize },
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let path = || 0..PATHS.len();
    prop_oneof![
        6 => (path(), 0..CONTENTS.len()).prop_map(|(path, content)| Write { path, content }),
        3 => path().prop_map(|path| Remove { path }),
        2 => (path(), 0..4usize).prop_map(|(path, mode)| ChangeBits { path, mode }),
        1 => path().prop_map(|path| MakeFolder { path }),
        2 => (path(), 0..TARGETS.len()).prop_map(|(path, target)| Link { path, target }),
        4 => Just(Push),
        3 => (0..100usize).prop_map(|version| Rollback { version }),
        1 => Just(Undo),
        1 => (0..100usize).prop_map(|version| Promote { version }),
        1 => (0..100usize).prop_map(|version| Restore { version }),
        1 => (0..100usize, path()).prop_map(|(version, path)| RestorePath { version, path }),
        1 => (0..100usize, 0..LABELS.len()).prop_map(|(version, label)| Label { version, label }),
        1 => (0..100usize).prop_map(|version| Pin { version }),
        1 => any::<bool>().prop_map(|passes| Check { passes }),
        1 => (1..4usize).prop_map(|last| Prune { last }),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    File { content: usize, mode: u32 },
    Folder { mode: u32 },
    Link { target: usize },
}

type Tree = BTreeMap<String, Item>;

fn content(index: usize) -> Vec<u8> {
    let (text, times) = CONTENTS[index];
    text.repeat(times).into_bytes()
}

fn state_of(tree: &Tree) -> TreeState {
    let mut state = TreeState::default();
    for (path, item) in tree {
        let node = match item {
            Item::File { content: index, mode } => Node::file(&content(*index), *mode),
            Item::Folder { mode } => Node::Directory { mode: *mode },
            Item::Link { target } => Node::Symlink { target: TARGETS[*target].as_bytes().to_vec() },
        };
        state.insert(path.as_str(), node);
    }
    state
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn take(tree: &mut Tree, path: &str) {
    tree.retain(|other, _| other != path && !is_below(other, path));
}

/// Folders on the way to a path, outermost first.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn put(tree: &mut Tree, path: &str, item: Item) {
    for folder in folders_of(path) {
        if !matches!(tree.get(folder), Some(Item::Folder { .. })) {
            tree.insert(folder.to_owned(), Item::Folder { mode: 0o755 });
        }
    }
    if !matches!((tree.get(path), &item), (Some(Item::Folder { .. }), Item::Folder { .. })) {
        take(tree, path);
    }
    tree.insert(path.to_owned(), item);
}

/// Makes place on disk for something new at a path: folders on the way, nothing at the path itself.
fn clear(sandbox: &Sandbox, path: &str) {
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    for folder in folders_of(path).map(|folder| sandbox.path(folder)) {
        if folder.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            remove(&folder);
        }
        if !exists(&folder) {
            fs::create_dir(&folder).expect("a folder of the workspace");
        }
    }
    if exists(&sandbox.path(path)) {
        remove(&sandbox.path(path));
    }
}

/// The workspace and its versions as they must be.
#[derive(Default)]
struct Model {
    workspace: Tree,
    /// The trees of versions 1, 2, 3 …
    versions: Vec<Tree>,
    active: usize,
    /// The version that held the workspace before the last rollback, while nothing but edits came after it.
    before_rollback: Option<usize>,
    /// The version that each label stands for.
    labels: BTreeMap<&'static str, usize>,
    pinned: BTreeSet<usize>,
    /// Whether the last check of a version passed.
    passed: BTreeMap<usize, bool>,
    pruned: BTreeSet<usize>,
}

impl Model {
    /// The versions that were not pruned, oldest first.
    fn living(&self) -> Vec<usize> {
        (1..=self.versions.len()).filter(|version| !self.pruned.contains(version)).collect()
    }

    fn version(&self, random: usize) -> usize {
        let living = self.living();
        living[random % living.len()]
    }

    /// What every command does that overwrites files: unsaved work becomes a version of its own.
    fn save(&mut self) {
        if self.versions.last() != Some(&self.workspace) {
            self.versions.push(self.workspace.clone());
        }
    }

    fn apply(&mut self, sandbox: &Sandbox, operation: &Operation) -> Checked<()> {
        match *operation {
            Operation::Push => self.push(sandbox),
            Operation::Rollback { version } => self.rollback(sandbox, self.version(version)),
            Operation::Undo => self.undo(sandbox),
            Operation::Promote { version } => self.promote(sandbox, self.version(version)),
            Operation::Restore { version } => {
                let version = self.version(version);
                state_of(&self.versions[version - 1]).same(&sandbox.try_tree_of(version as u64)?)
            }
            Operation::RestorePath { version, path } => self.restore_path(sandbox, self.version(version), PATHS[path]),
            Operation::Label { version, label } => self.label(sandbox, self.version(version), LABELS[label]),
            Operation::Pin { version } => self.pin(sandbox, self.version(version)),
            Operation::Check { passes } => self.push_with_check(sandbox, passes),
            Operation::Prune { last } => self.prune(sandbox, last),
            _ => {
                self.edit(sandbox, operation);
                Ok(())
            }
        }
    }

    fn edit(&mut self, sandbox: &Sandbox, operation: &Operation) {
        match *operation {
            Operation::Write { path, content: index } => {
                let mode = FILE_MODES[index % 2];
                put(&mut self.workspace, PATHS[path], Item::File { content: index, mode });
                clear(sandbox, PATHS[path]);
                fs::write(sandbox.path(PATHS[path]), content(index)).expect("a file of the workspace");
                chmod(&sandbox.path(PATHS[path]), mode);
            }
            Operation::Remove { path } if self.workspace.contains_key(PATHS[path]) => {
                take(&mut self.workspace, PATHS[path]);
                remove(&sandbox.path(PATHS[path]));
            }
            Operation::ChangeBits { path, mode: number } => match self.workspace.get_mut(PATHS[path]) {
                Some(Item::File { mode, .. }) => {
                    *mode = FILE_MODES[number % FILE_MODES.len()];
                    chmod(&sandbox.path(PATHS[path]), *mode);
                }
                Some(Item::Folder { mode }) => {
                    *mode = FOLDER_MODES[number % FOLDER_MODES.len()];
                    chmod(&sandbox.path(PATHS[path]), *mode);
                }
                _ => {}
            },
            Operation::MakeFolder { path } if !matches!(self.workspace.get(PATHS[path]), Some(Item::Folder { .. })) => {
                put(&mut self.workspace, PATHS[path], Item::Folder { mode: 0o755 });
                clear(sandbox, PATHS[path]);
                fs::create_dir(sandbox.path(PATHS[path])).expect("a folder of the workspace");
            }
            Operation::Link { path, target } => {
                put(&mut self.workspace, PATHS[path], Item::Link { target });
                clear(sandbox, PATHS[path]);
                symlink(TARGETS[target], sandbox.path(PATHS[path])).expect("a link in the workspace");
            }
            _ => {}
        }
    }

    fn push(&mut self, sandbox: &Sandbox) -> Checked<()> {
        let run = sandbox.lua_json(&["push"]);
        succeeded(&run)?;
        self.pushed(sandbox, &run.stdout)?;
        self.check(sandbox)
    }

    fn pushed(&mut self, sandbox: &Sandbox, answer: &str) -> Checked<()> {
        let pushed = common::contract::push(answer)?;
        let changed = self.versions.last() != Some(&self.workspace);
        self.save();
        if changed {
            self.active = self.versions.len();
            self.before_rollback = None;
        }
        let expected = (self.versions.len() as u64, changed);
        if (pushed.version, pushed.changed) != expected {
            return Err(format!("expected {expected:?}: {pushed:?}"));
        }
        state_of(&self.workspace).same(&sandbox.tree())
    }

    fn push_with_check(&mut self, sandbox: &Sandbox, passes: bool) -> Checked<()> {
        let run = sandbox.lua_json(&["push", "--check", if passes { "true" } else { "false" }]);
        if run.code != if passes { exit::OK } else { exit::CHECK_FAILED } {
            return Err(run.to_string());
        }
        self.pushed(sandbox, &run.stdout)?;
        self.passed.insert(self.versions.len(), passes);
        self.check(sandbox)?;
        let green = self.living().into_iter().rev().find(|version| self.passed.get(version) == Some(&true));
        let plan = sandbox.lua_json(&["source", "rollback", "--last-green", "--dry-run"]);
        let found = (plan.code == exit::OK).then(|| plan.value()["target"].as_u64().unwrap_or_default() as usize);
        if found == green && plan.code == green.map_or(exit::NO_SUCH_VERSION, |_| exit::OK) { Ok(()) } else { Err(plan.to_string()) }
    }

    fn label(&mut self, sandbox: &Sandbox, version: usize, label: &'static str) -> Checked<()> {
        succeeded(&sandbox.lua_json(&["label", &version.to_string(), label, "--move"]))?;
        self.labels.insert(label, version);
        self.check(sandbox)
    }

    fn pin(&mut self, sandbox: &Sandbox, version: usize) -> Checked<()> {
        let unpins = self.pinned.remove(&version);
        let number = version.to_string();
        let arguments = if unpins { vec!["pin", "--remove", &number] } else { vec!["pin", &number] };
        succeeded(&sandbox.lua_json(&arguments))?;
        if !unpins {
            self.pinned.insert(version);
        }
        self.check(sandbox)
    }

    fn prune(&mut self, sandbox: &Sandbox, last: usize) -> Checked<()> {
        succeeded(&sandbox.lua_json(&["prune", "--keep-last", &last.to_string(), "--force"]))?;
        let older: Vec<usize> = self.living().into_iter().rev().skip(last).collect();
        let is_kept = |version: &usize| {
            *version == self.active || self.pinned.contains(version) || self.labels.values().any(|labelled| labelled == version)
        };
        self.pruned.extend(older.into_iter().filter(|version| !is_kept(version)).collect::<Vec<_>>());
        self.before_rollback = self.before_rollback.filter(|version| !self.pruned.contains(version));
        self.check(sandbox)
    }

    fn rollback(&mut self, sandbox: &Sandbox, version: usize) -> Checked<()> {
        let label = self.labels.iter().find(|(_, labelled)| **labelled == version);
        let target = label.map_or_else(|| version.to_string(), |(label, _)| (*label).to_owned());
        succeeded(&sandbox.lua_json(&["rollback", &target, "--force"]))?;
        self.rolled_back_to(sandbox, version)
    }

    fn undo(&mut self, sandbox: &Sandbox) -> Checked<()> {
        let Some(version) = self.before_rollback else { return Ok(()) };
        succeeded(&sandbox.lua_json(&["undo", "--force"]))?;
        self.rolled_back_to(sandbox, version)?;
        // What an undo of an undo means is for the user to find out; the model does not say.
        self.before_rollback = None;
        Ok(())
    }

    fn rolled_back_to(&mut self, sandbox: &Sandbox, version: usize) -> Checked<()> {
        let target = self.versions[version - 1].clone();
        self.save();
        let before = self.versions.len();
        self.workspace = target.clone();
        // A rollback to what is there already may, but need not, be a version of its own.
        let listed = sandbox.try_versions()?.len();
        if self.versions.last() != Some(&target) || listed > before {
            self.versions.push(target);
            self.active = self.versions.len();
            self.before_rollback = Some(before);
        } else {
            self.active = sandbox.try_versions()?.iter().find(|row| row.active).map_or(0, |row| row.version as usize);
            self.before_rollback = None;
        }
        self.check(sandbox)
    }

    fn promote(&mut self, sandbox: &Sandbox, version: usize) -> Checked<()> {
        succeeded(&sandbox.lua_json(&["version", "promote", &version.to_string()]))?;
        self.active = version;
        self.before_rollback = None;
        self.check(sandbox)
    }

    /// Restores one path into the workspace. Whether that makes a version of the result is not the model's concern; it must
    /// hold the unsaved work first, change nothing beside the path, and bring the path back exactly.
    fn restore_path(&mut self, sandbox: &Sandbox, version: usize, path: &str) -> Checked<()> {
        let source = &self.versions[version - 1];
        let conflicts = folders_of(path).any(|folder| !matches!(self.workspace.get(folder), Some(Item::Folder { .. })));
        if !source.contains_key(path) || conflicts {
            return Ok(());
        }
        let restored: Tree =
            source.iter().filter(|(other, _)| *other == path || is_below(other, path)).map(|(p, item)| (p.clone(), item.clone())).collect();
        succeeded(&sandbox.lua_json(&["source", "restore", "--version", &version.to_string(), path]))?;
        let unsaved = self.workspace.clone();
        // What else stands in a folder that is restored stays, unless something else takes its place.
        restored.into_iter().for_each(|(path, item)| put(&mut self.workspace, &path, item));
        state_of(&self.workspace).same(&sandbox.tree())?;
        // Learn which versions were made: each must hold the work before or after.
        for row in sandbox.try_versions()?.iter().rev().skip(self.versions.len()) {
            let tree = sandbox.try_tree_of(row.version)?;
            let known = [&unsaved, &self.workspace].into_iter().find(|known| state_of(known) == tree);
            self.versions.push(known.ok_or_else(|| format!("v{} holds neither the work before nor after", row.version))?.clone());
        }
        if unsaved != self.workspace && !self.versions.contains(&unsaved) {
            return Err("the work before is in no version".to_owned());
        }
        self.active = sandbox.try_versions()?.iter().find(|row| row.active).map_or(0, |row| row.version as usize);
        self.before_rollback = None;
        self.check(sandbox)
    }

    /// The workspace is as it must be, the list has its length and its mark, and equal trees have equal ids.
    fn check(&self, sandbox: &Sandbox) -> Checked<()> {
        state_of(&self.workspace).same(&sandbox.tree())?;
        let rows = sandbox.try_versions()?;
        let active: Vec<usize> = rows.iter().filter(|row| row.active).map(|row| row.version as usize).collect();
        if rows.len() != self.versions.len() || active != [self.active] {
            return Err(format!("expected {} versions, v{} active: {}", self.versions.len(), self.active, in_short(&rows)));
        }
        for row in &rows {
            let expected = self.marks_of(row.version as usize);
            if row.marks != expected {
                return Err(format!("expected {expected:?}: {row:?}"));
            }
        }
        let oldest_first: Vec<&str> = rows.iter().rev().map(|row| row.tree.as_str()).collect();
        for (first, second) in (1..rows.len()).flat_map(|second| (0..second).map(move |first| (first, second))) {
            if (oldest_first[first] == oldest_first[second]) != (self.versions[first] == self.versions[second]) {
                return Err(format!("the ids of v{} and v{} do not tell whether they are equal", first + 1, second + 1));
            }
        }
        Ok(())
    }

    fn marks_of(&self, version: usize) -> Marks {
        let labels = self.labels.iter().filter(|(_, labelled)| **labelled == version);
        Marks {
            deleted: self.pruned.contains(&version),
            pruned: self.pruned.contains(&version).then(|| "prune".to_owned()),
            labels: labels.map(|(label, _)| (*label).to_owned()).collect(),
            pinned: self.pinned.contains(&version),
            passed: self.passed.get(&version).copied(),
        }
    }

    fn check_everything(&self, sandbox: &Sandbox) -> Checked<()> {
        self.check(sandbox)?;
        let clean = self.versions.last() == Some(&self.workspace);
        if sandbox.try_status()?.clean != clean {
            return Err(format!("the status must say that clean is {clean}"));
        }
        for (tree, version) in self.versions.iter().zip(1..) {
            if self.pruned.contains(&version) {
                let refused = sandbox.rollback(version as u64);
                if refused.code != exit::NO_SUCH_VERSION {
                    return Err(format!("v{version} was pruned: {refused}"));
                }
            } else {
                state_of(tree).same(&sandbox.try_tree_of(version as u64)?).map_err(|error| format!("v{version}: {error}"))?;
            }
        }
        sandbox.check_verify()
    }
}

fn run(operations: &[Operation]) -> Checked<()> {
    let sandbox = Sandbox::new();
    let mut model = Model::default();
    model.apply(&sandbox, &Operation::Write { path: 0, content: 1 })?;
    model.apply(&sandbox, &Operation::Push)?;
    for (number, operation) in operations.iter().enumerate() {
        model.apply(&sandbox, operation).map_err(|error| format!("operation {number}, {operation:?}: {error}"))?;
    }
    model.check_everything(&sandbox)
}

#[test]
fn random_operations_agree_with_the_model() {
    let cases = number_from_env("LUA_MODEL_CASES", CASES_DEFAULT) as u32;
    let config = Config { cases, max_shrink_iters: SHRINKS_MAX, failure_persistence: None, ..Config::default() };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&(number_from_env("LUA_MODEL_SEED", 1) as u64).to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let sequences = proptest::collection::vec(operation(), 1..=OPERATIONS);
    let result = runner.run(&sequences, |operations| run(&operations).map_err(TestCaseError::fail));
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The model's own rules, without the program: otherwise both could be wrong in the same way.
#[test]
fn the_model_moves_files_as_a_disk_does() {
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 50, failure_persistence: None, ..Config::default() },
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    let sequences = proptest::collection::vec(operation(), 40);
    let result = runner.run(&sequences, |operations| {
        let (sandbox, mut model) = (Sandbox::new(), Model::default());
        operations.iter().for_each(|operation| model.edit(&sandbox, operation));
        state_of(&model.workspace).same(&sandbox.tree()).map_err(TestCaseError::fail)
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
