//! The program's commands as tests use them, and the promises of the tool as checks of a workspace with its history.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::contract::{self, Marks, Push, Row, Status, exit, in_short};
use super::files::remove_deep;
use super::sandbox::{Run, Sandbox};
use super::tree_state::{Node, TreeState};

/// What a check found wrong.
pub type Checked<T> = Result<T, String>;

impl Sandbox {
    /// Records the workspace, all of it.
    #[track_caller]
    pub fn push(&self) -> Push {
        let run = self.lua_json(&["push"]).expect(exit::OK);
        contract::push(&run.stdout).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Records the workspace, of which something must be left out.
    #[track_caller]
    pub fn push_in_part(&self) -> Push {
        let run = self.lua_json(&["push"]).expect(exit::LEFT_OUT);
        contract::push(&run.stdout).unwrap_or_else(|error| panic!("{error}"))
    }

    /// All versions, newest first.
    pub fn try_versions(&self) -> Checked<Vec<Row>> {
        let run = self.lua_json(&["source", "list", "--all"]);
        succeeded(&run)?;
        contract::list(&run.stdout)
    }

    /// All versions, newest first; without a list the test fails.
    #[track_caller]
    pub fn versions(&self) -> Vec<Row> {
        self.try_versions().unwrap_or_else(|error| panic!("{error}"))
    }

    /// What the program says about the workspace.
    pub fn try_status(&self) -> Checked<Status> {
        let run = self.lua_json(&["status"]);
        succeeded(&run)?;
        contract::status(&run.stdout)
    }

    /// Brings a version back.
    pub fn rollback(&self, version: u64) -> Run {
        self.lua_json(&["source", "rollback", "--version", &version.to_string(), "--force"])
    }

    /// Writes a version into a folder outside the workspace.
    pub fn restore(&self, version: u64, to: &Path) -> Run {
        let to = to.to_str().expect("temporary folders have UTF-8 names");
        self.lua_json(&["source", "restore", "--version", &version.to_string(), "--to", to])
    }

    /// A version's tree as the program gives it back.
    pub fn try_tree_of(&self, version: u64) -> Checked<TreeState> {
        let folder = tempfile::tempdir_in(self.root()).map_err(|error| error.to_string())?;
        let to = folder.path().join("version");
        succeeded(&self.restore(version, &to))?;
        Ok(TreeState::capture(&to))
    }

    /// A version's tree, which has as many files as the list says.
    fn try_tree_of_row(&self, row: &Row) -> Checked<TreeState> {
        let tree = self.try_tree_of(row.version)?;
        let files = tree.iter().filter(|(_, node)| !matches!(node, Node::Directory { .. })).count() as u64;
        if files == row.files { Ok(tree) } else { Err(format!("{row} has {files} files, and is listed with {}", row.files)) }
    }

    /// A version's tree as the program gives it back; without it the test fails.
    #[track_caller]
    pub fn tree_of(&self, version: u64) -> TreeState {
        self.try_tree_of(version).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The workspace as it is on disk.
    pub fn tree(&self) -> TreeState {
        TreeState::capture(&self.workspace())
    }

    /// Everything that the workspace and its history hold now.
    pub fn try_holdings(&self) -> Checked<Holdings> {
        let rows = self.try_versions()?;
        let living = rows.iter().filter(|row| !row.marks.deleted);
        let trees = living.map(|row| Ok((row.version, self.try_tree_of_row(row)?))).collect::<Checked<_>>()?;
        Ok(Holdings { workspace: self.tree(), rows, trees })
    }

    /// Everything that the workspace and its history hold now; when it cannot be read, the test fails.
    #[track_caller]
    pub fn holdings(&self) -> Holdings {
        self.try_holdings().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Pushes the workspace, restores the version into a new folder, empties the workspace and rolls back: both must give exactly
    /// what was pushed.
    #[track_caller]
    pub fn assert_round_trip(&self) {
        let pushed = self.tree();
        let version = self.push().version;
        pushed.assert_same(&self.tree_of(version), "restored into a folder");
        let entries = std::fs::read_dir(self.workspace()).expect("the workspace").map(|entry| entry.expect("an entry of the workspace"));
        entries.filter(|entry| entry.file_name() != ".lua").for_each(|entry| remove_deep(&entry.path()));
        self.write("in the place of all", "this");
        self.rollback(version).expect(exit::OK);
        pushed.assert_same(&self.tree(), "after a rollback");
        self.check_verify().unwrap_or_else(|error| panic!("{error}"));
    }

    /// Promise 6: every object of every version reads back.
    pub fn check_verify(&self) -> Checked<()> {
        let run = self.lua_json(&["verify"]);
        succeeded(&run)?;
        contract::verify(&run.stdout).map(drop)
    }

    /// The workspace can be recorded, without a manual step, and what is recorded equals it.
    pub fn check_push_works(&self) -> Checked<()> {
        let run = self.lua_json(&["push"]);
        succeeded(&run)?;
        self.check_printed_version(&run.stdout)
    }

    /// Promise 4: a version that a push has printed is there and holds the workspace.
    pub fn check_printed_version(&self, stdout: &str) -> Checked<()> {
        let push = contract::push(stdout)?;
        let rows = self.try_versions()?;
        let row = rows.first().filter(|row| row.version == push.version);
        let row = row.ok_or_else(|| format!("v{} was printed, but is not the newest of {}", push.version, in_short(&rows)))?;
        if row.tree != push.tree {
            return Err(format!("v{} was printed with tree {}, and is listed with {}", push.version, push.tree, row.tree));
        }
        let recorded = self.try_tree_of(push.version)?;
        recorded.same(&self.tree()).map_err(|error| format!("v{} does not hold the workspace: {error}", push.version))
    }
}

/// An error unless the program did all it was told to.
pub fn succeeded(run: &Run) -> Checked<()> {
    if run.code == exit::OK { Ok(()) } else { Err(run.to_string()) }
}

/// An error if the program panicked or a signal ended it.
pub fn did_not_crash(run: &Run) -> Checked<()> {
    if run.crashed() { Err(run.to_string()) } else { Ok(()) }
}

/// The workspace and all versions, in full.
#[derive(Clone)]
pub struct Holdings {
    /// The workspace's tree.
    pub workspace: TreeState,
    /// The list of versions, newest first.
    pub rows: Vec<Row>,
    /// The trees of the versions that are not deleted.
    pub trees: BTreeMap<u64, TreeState>,
}

impl Holdings {
    /// What a workspace without any version holds.
    pub fn of_workspace(workspace: TreeState) -> Self {
        Self { workspace, rows: Vec::new(), trees: BTreeMap::new() }
    }

    /// All contents of files.
    pub fn contents(&self) -> BTreeSet<[u8; 32]> {
        let mut contents = self.workspace.contents();
        contents.extend(self.trees.values().flat_map(TreeState::contents));
        contents
    }

    /// Promise 1: whatever was in the workspace or in a version before is in the one or the other now, but for versions that were
    /// deleted since.
    pub fn check_nothing_lost(&self, now: &Holdings) -> Checked<()> {
        let contents = now.contents();
        let kept = self.trees.iter().filter(|(number, _)| now.trees.contains_key(number));
        let before = kept.map(|(number, tree)| (format!("v{number}"), tree));
        let before = before.chain([("the workspace".to_owned(), &self.workspace)]);
        let lost = before.flat_map(|(place, tree)| {
            let gone = tree.contents().into_iter().filter(|content| !contents.contains(content)).count();
            (gone > 0).then(|| format!("{gone} contents of {place}"))
        });
        let lost: Vec<String> = lost.collect();
        if lost.is_empty() { Ok(()) } else { Err(format!("lost: {}", lost.join(", "))) }
    }

    /// Promise 5: the log has only grown: every version of before is listed as before (but for its marks)
    /// and has the same tree, unless it was deleted.
    pub fn check_only_grown(&self, now: &Holdings) -> Checked<()> {
        for row in &self.rows {
            let found = now.rows.iter().find(|found| found.version == row.version);
            if found.map(|found| found.clone().without_marks()) != Some(row.clone().without_marks()) {
                return Err(format!("{row} is listed as {}", found.map_or("nothing".to_owned(), ToString::to_string)));
            }
            if let (Some(tree), Some(found)) = (self.trees.get(&row.version), now.trees.get(&row.version)) {
                tree.same(found).map_err(|error| format!("v{}: {error}", row.version))?;
            }
        }
        Ok(())
    }

    /// All marks of versions that have any.
    pub fn marks(&self) -> BTreeMap<u64, Marks> {
        let rows = self.rows.iter().map(|row| (row.version, row.marks.clone()));
        rows.filter(|(_, marks)| *marks != Marks::default()).collect()
    }

    /// The number of the active version.
    pub fn active(&self) -> Option<u64> {
        self.rows.iter().find(|row| row.active).map(|row| row.version)
    }
}
