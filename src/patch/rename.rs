//! Changes of single paths put together to what happened to files: a removed and an added file with the same or nearly the
//! same content are one file under another name.

use std::collections::HashSet;

use super::matching::{Matching, match_equal, match_similar};
use super::{Contents, FileChange, Place};
use crate::path::RelPath;
use crate::tree::{Change, OwnedNode};

/// How far renames are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RenameDetection {
    /// Not at all.
    Off,
    /// Files whose content is the same. Reads nothing.
    Exact,
    /// Also files that share at least [`RENAME_SIMILARITY_PERCENT_MIN`](super::RENAME_SIMILARITY_PERCENT_MIN) of their
    /// content. Beyond [`RENAME_PAIRS_MAX`](super::RENAME_PAIRS_MAX) this is [`Self::Exact`], and files beyond
    /// [`RENAME_CONTENT_BYTES_MAX`](super::RENAME_CONTENT_BYTES_MAX) are left out, the largest first.
    #[default]
    Similar,
}

/// What people see as changes, sorted by path as bytes. Each removed path is the origin of at most one renamed file; where
/// several come into question, the most similar is taken, then one of the same name, then the first.
///
/// A directory is listed when its mode changed, and when it came or went and nothing in it did.
pub fn file_changes<C: Contents>(changes: Vec<Change>, contents: &C, detection: RenameDetection) -> Result<Vec<FileChange>, C::Error> {
    let Sorted { removed, added, mut others } = sort(without_implied_directories(changes));
    let mut matching = Matching::new(removed.len(), added.len());
    if detection != RenameDetection::Off {
        match_equal(&removed, &added, &mut matching);
    }
    if detection == RenameDetection::Similar {
        match_similar(&removed, &added, contents, &mut matching)?;
    }
    others.extend(join(removed, added, &matching));
    // A removal comes before an addition at the same path: a file that gives way to a directory, or the other way round.
    others.sort_by(|one, other| one.path().cmp(other.path()).then_with(|| one.after().is_some().cmp(&other.after().is_some())));
    Ok(others)
}

/// Leaves out directories that came or went together with something in them: the path of that says it.
fn without_implied_directories(changes: Vec<Change>) -> Vec<Change> {
    let parents = |side: fn(&Change) -> bool| -> HashSet<RelPath> {
        changes.iter().filter(|change| side(change)).filter_map(|change| Some(change.path.split_last()?.0)).collect()
    };
    let parents_of_gone = parents(|change| change.from.is_some());
    let parents_of_new = parents(|change| change.to.is_some());
    let clear = |node: Option<OwnedNode>, path: &RelPath, parents: &HashSet<RelPath>| {
        node.filter(|node| !(node.is_directory() && parents.contains(path)))
    };
    let mut kept = Vec::with_capacity(changes.len());
    for Change { path, from, to } in changes {
        let is_mode_change = from.as_ref().zip(to.as_ref()).is_some_and(|(from, to)| from.is_directory() && to.is_directory());
        let (from, to) = match is_mode_change {
            true => (from, to),
            false => (clear(from, &path, &parents_of_gone), clear(to, &path, &parents_of_new)),
        };
        kept.push(Change { path, from, to });
    }
    kept
}

/// Changes by what can become of them.
#[derive(Default)]
struct Sorted {
    /// Gone; may turn out to be the origin of something added. Sorted by path.
    removed: Vec<Place>,
    /// New; may turn out to be renamed. Sorted by path.
    added: Vec<Place>,
    /// Settled.
    others: Vec<FileChange>,
}

fn sort(changes: Vec<Change>) -> Sorted {
    let mut sorted = Sorted::default();
    for Change { path, from, to } in changes {
        match (from, to) {
            (Some(from), Some(to)) if is_same_kind(&from, &to) => sorted.others.push(FileChange::Modified { path, from, to }),
            (Some(from), Some(to)) if !from.is_directory() && !to.is_directory() => {
                sorted.others.push(FileChange::Retyped { path, from, to });
            }
            (from, to) => {
                sorted.removed.extend(from.map(|node| Place { path: path.clone(), node }));
                sorted.added.extend(to.map(|node| Place { path, node }));
            }
        }
    }
    sorted.removed.sort_by(|one, other| one.path.cmp(&other.path));
    sorted.added.sort_by(|one, other| one.path.cmp(&other.path));
    sorted
}

fn is_same_kind(one: &OwnedNode, other: &OwnedNode) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Renames of what is matched; what is not stays removed or added.
fn join(removed: Vec<Place>, added: Vec<Place>, matching: &Matching) -> Vec<FileChange> {
    let mut removed: Vec<Option<Place>> = removed.into_iter().map(Some).collect();
    let mut joined = Vec::with_capacity(removed.len() + added.len());
    for (index, to) in added.into_iter().enumerate() {
        let origin = matching.origin(index).and_then(|origin| Some((removed[origin.removed_index].take()?, origin.similarity_percent)));
        joined.push(match origin {
            Some((from, similarity_percent)) => FileChange::Renamed { from, to, similarity_percent },
            None => FileChange::Added(to),
        });
    }
    joined.extend(removed.into_iter().flatten().map(FileChange::Removed));
    joined
}

#[cfg(test)]
#[path = "rename_tests.rs"]
mod tests;
