//! What a version holds: the entries of one folder, or all that is below it.

use super::super::{OpsResult, Purged, Workspace};
use super::{VersionPath, node_at};
use crate::path::RelPath;
use crate::tree::{OwnedNode, Selection, walk};

/// A path of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path, relative to the root of the workspace.
    pub path: RelPath,
    /// What it is.
    pub node: OwnedNode,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct EntriesOutcome {
    /// The folder that the entries are in; for something else that was named, the one that holds it.
    pub folder: RelPath,
    /// The entries. A folder comes right before what is below it, and names are in the order of their bytes.
    pub entries: Vec<Entry>,
    /// What was purged.
    pub purged: Purged,
}

/// Lists a folder of a version, `recursive` with everything below it, or the one entry that was named if it is no folder.
pub fn entries(workspace: &Workspace, place: &VersionPath, recursive: bool) -> OpsResult<EntriesOutcome> {
    let row = workspace.usable_version(place.version)?;
    let path = &place.path;
    let purged = Purged::of(workspace)?;
    let id = match node_at(&workspace.store, &row, path)? {
        OwnedNode::Directory { id, .. } => id,
        node => {
            let folder = path.split_last().map_or_else(RelPath::root, |(folder, _)| folder);
            return Ok(EntriesOutcome { folder, entries: vec![Entry { path: path.clone(), node }], purged });
        }
    };
    let mut entries = Vec::new();
    walk(&workspace.store, &id, &Depth { recursive }, &mut |below, node| {
        entries.extend(joined(path, below).map(|path| Entry { path, node }));
    })?;
    entries.sort_by(|one, other| one.path.components().cmp(other.path.components()));
    Ok(EntriesOutcome { folder: path.clone(), entries, purged })
}

struct Depth {
    recursive: bool,
}

impl Selection for Depth {
    fn enters(&self, _: &RelPath) -> bool {
        self.recursive
    }

    fn selects(&self, _: &RelPath) -> bool {
        true
    }
}

/// A path below a folder, from the root. One that grew too long cannot be joined; no push records one.
fn joined(folder: &RelPath, below: &RelPath) -> Option<RelPath> {
    below.components().try_fold(folder.clone(), |path, name| path.join(name).ok())
}
