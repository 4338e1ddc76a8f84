//! Which content stood at which path from which version to which. Found by comparing neighbours, so that only trees that
//! changed are opened.

use std::collections::HashMap;

use super::super::stop_if_cancelled;
use super::super::trees::PastTrees;
use crate::id::ObjectId;
use crate::ops::select::PathSelection;
use crate::ops::{Host, OpsResult};
use crate::path::RelPath;
use crate::store::Store;
use crate::tree::{OwnedNode, diff_selected};
use crate::version_log::VersionRow;

/// A content at a path, in versions one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The path.
    pub path: RelPath,
    /// The content.
    pub id: ObjectId,
    /// Its length in bytes.
    pub bytes: u64,
    /// The first of the versions, as its place among those searched.
    pub first: usize,
    /// The last of them.
    pub last: usize,
}

/// All stays of files in these versions, oldest first; in the order of path and version.
pub fn stays(trees: &PastTrees<'_>, rows: &[VersionRow], selection: &PathSelection, host: &dyn Host) -> OpsResult<Vec<Stay>> {
    stays_where(trees, rows, selection, &|_| true, host)
}

/// As [`stays`], of contents that are wanted.
pub fn stays_of(
    store: &Store,
    rows: &[VersionRow],
    selection: &PathSelection,
    is_wanted: &dyn Fn(&ObjectId) -> bool,
    host: &dyn Host,
) -> OpsResult<Vec<Stay>> {
    stays_where(&PastTrees::new(store), rows, selection, is_wanted, host)
}

fn stays_where(
    trees: &PastTrees<'_>,
    rows: &[VersionRow],
    selection: &PathSelection,
    is_wanted: &dyn Fn(&ObjectId) -> bool,
    host: &dyn Host,
) -> OpsResult<Vec<Stay>> {
    let mut present: HashMap<RelPath, Stay> = HashMap::new();
    let mut ended = Vec::new();
    let mut before = None;
    for (place, row) in rows.iter().enumerate() {
        stop_if_cancelled(host)?;
        let root = &row.record.root;
        diff_selected(trees, before, Some(root), selection, &mut |change| {
            let (from, to) = (content(change.from.as_ref()), content(change.to.as_ref()));
            if from == to {
                return;
            }
            ended.extend(from.and_then(|_| present.remove(&change.path)).map(|stay| Stay { last: place.saturating_sub(1), ..stay }));
            if let Some((id, bytes)) = to.filter(|(id, _)| is_wanted(id)) {
                present.insert(change.path.clone(), Stay { path: change.path, id, bytes, first: place, last: place });
            }
        })?;
        before = Some(root);
    }
    let last = rows.len().saturating_sub(1);
    ended.extend(present.into_values().map(|stay| Stay { last, ..stay }));
    ended.sort_unstable_by(|one, other| one.path.cmp(&other.path).then(one.first.cmp(&other.first)));
    Ok(ended)
}

fn content(node: Option<&OwnedNode>) -> Option<(ObjectId, u64)> {
    match node {
        Some(OwnedNode::File { id, bytes, .. }) => Some((*id, *bytes)),
        _ => None,
    }
}
