//! The ignore rules as they are before the workspace is changed, remembered folder by folder.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use super::{OpsResult, Workspace};
use crate::disk::DiskError;
use crate::limits::IGNORE_FILE_BYTES_MAX;
use crate::path::RelPath;
use crate::workspace::rules::{RuleSettings, Rules, Verdict};
use crate::workspace::scan::WorkspaceRoot;

/// Answers whether a path is excluded. Once frozen it reads no more ignore files: what it has not seen by then has no rules
/// but those of the folders above.
pub struct PresentRules {
    root: WorkspaceRoot,
    state: Mutex<State>,
}

struct State {
    folders: HashMap<RelPath, Arc<Rules>>,
    frozen: bool,
}

impl PresentRules {
    /// The rules of a workspace as it is now.
    pub fn new(workspace: &Workspace) -> OpsResult<Self> {
        let root = WorkspaceRoot::open(workspace.root()).map_err(|error| DiskError::new("open", workspace.root(), error))?;
        let above = Rules::new(RuleSettings { include_git: workspace.settings().include_git });
        let rules = enter(&above, &root, &RelPath::root());
        Ok(Self { root, state: Mutex::new(State { folders: HashMap::from([(RelPath::root(), rules)]), frozen: false }) })
    }

    /// Whether the rules exclude a path, asked about before what is below it.
    pub fn excludes(&self, path: &RelPath, is_directory: bool) -> bool {
        let Some((folder, name)) = path.split_last() else { return false };
        self.rules_in(&folder).verdict(folder.as_bytes(), name, is_directory) != Verdict::Record
    }

    /// Reads no more ignore files from here on: the workspace is about to change.
    pub fn freeze(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).frozen = true;
    }

    fn rules_in(&self, folder: &RelPath) -> Arc<Rules> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unknown = Vec::new();
        let mut at = folder.clone();
        while !state.folders.contains_key(&at) {
            let above = at.split_last().map(|(above, _)| above).unwrap_or_default();
            unknown.push(at);
            at = above;
        }
        let mut rules = state.folders[&at].clone();
        while let Some(folder) = unknown.pop() {
            if !state.frozen {
                rules = enter(&rules, &self.root, &folder);
            }
            state.folders.insert(folder, rules.clone());
        }
        rules
    }
}

fn enter(above: &Arc<Rules>, root: &WorkspaceRoot, folder: &RelPath) -> Arc<Rules> {
    let read = |name: &[u8]| {
        let open = root.open_file(&folder.join(name).ok()?).ok()?;
        let mut content = Vec::new();
        open.file.take(IGNORE_FILE_BYTES_MAX).read_to_end(&mut content).ok()?;
        Some(content)
    };
    above.enter(folder.as_bytes(), read(b".gitignore").as_deref(), read(b".luaignore").as_deref())
}
