//! Where a text went: in which versions it appeared and vanished, path by path.

use super::super::select::PathSelection;
use super::super::{Host, OpsResult, Workspace};
use super::grep::{Found, Query, Stay, Wanted, searched, spans, stays, without_purged};
use super::readable_versions;
use super::trees::PastTrees;
use crate::path::RelPath;
use crate::version_log::VersionRow;

/// What to look for.
#[derive(Clone, Debug)]
pub struct WhenOptions {
    /// The text.
    pub query: Query,
    /// Only in these paths and what is below them, or that match these patterns; empty means all.
    pub paths: Vec<Vec<u8>>,
}

/// A time in which a path had the text, without a break.
#[derive(Clone, Debug)]
pub struct Presence {
    /// The path.
    pub path: RelPath,
    /// The version in which it appeared.
    pub appeared: VersionRow,
    /// The last version that has it.
    pub last: VersionRow,
    /// How it ended; `None` when the newest version has it.
    pub end: Option<PresenceEnd>,
}

/// How a text went away.
#[derive(Clone, Debug)]
pub struct PresenceEnd {
    /// The first version without it.
    pub vanished: VersionRow,
    /// Whether the file went, and the text with it.
    pub with_file: bool,
    /// Another path in which the text appeared in the same version.
    pub now_in: Option<RelPath>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct WhenOutcome {
    /// By path and version.
    pub presences: Vec<Presence>,
    /// Paths with contents that were too large to be searched.
    pub too_large: Vec<RelPath>,
    /// Paths with contents that were purged.
    pub purged: Vec<RelPath>,
}

/// Searches all versions, but for deleted ones. Changes nothing. Errors are those of [`grep`](super::grep()).
pub fn when(workspace: &Workspace, options: &WhenOptions, host: &dyn Host) -> OpsResult<WhenOutcome> {
    let selection = PathSelection::new(&options.paths)?;
    let mut rows = readable_versions(workspace)?;
    rows.reverse();
    let stays = stays(&PastTrees::new(&workspace.store), &rows, &selection, host)?;
    let (stays, purged) = without_purged(workspace, stays)?;
    let searched = searched(&workspace.store, &stays, &options.query, Wanted::Files, host)?;
    let times = times(&stays, |stay| matches!(searched.found.get(&stay.id), Some(Found::File | Found::Binary)));
    let presences = times.iter().map(|time| presence(time, &times, &stays, &rows)).collect();
    Ok(WhenOutcome { presences, too_large: searched.too_large, purged })
}

/// Versions one after the other in which a path has the text, by their places.
struct Time<'s> {
    path: &'s RelPath,
    first: usize,
    last: usize,
}

fn times<'s>(stays: &'s [Stay], has_text: impl Fn(&Stay) -> bool) -> Vec<Time<'s>> {
    let mut times = Vec::new();
    for same_path in stays.chunk_by(|one, other| one.path == other.path) {
        let places = same_path.iter().filter(|stay| has_text(stay)).map(|stay| (stay.first, stay.last)).collect();
        times.extend(spans(places).into_iter().map(|(first, last)| Time { path: &same_path[0].path, first, last }));
    }
    times
}

fn presence(time: &Time<'_>, all: &[Time<'_>], stays: &[Stay], rows: &[VersionRow]) -> Presence {
    let after = time.last + 1;
    let end = rows.get(after).map(|vanished| PresenceEnd {
        vanished: vanished.clone(),
        with_file: !is_there(stays, time.path, after),
        now_in: all.iter().find(|other| other.first == after && other.path != time.path).map(|other| other.path.clone()),
    });
    Presence { path: time.path.clone(), appeared: rows[time.first].clone(), last: rows[time.last].clone(), end }
}

/// Whether a path is a file in the version at this place. Stays are in the order of path and version.
fn is_there(stays: &[Stay], path: &RelPath, place: usize) -> bool {
    let upto = stays.partition_point(|stay| (&stay.path, stay.first) <= (path, place));
    upto.checked_sub(1).is_some_and(|index| stays[index].path == *path && stays[index].last >= place)
}
