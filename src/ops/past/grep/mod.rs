//! Searching contents of many versions. Each distinct content is read and searched once, however many versions hold it.
//!
//! [`stays`] says which contents stand at which paths in which versions, [`search`] looks into each of them, and here the two
//! are put together: equal lines of a path are one match, with all versions in which they stood.

mod search;
mod stays;

use std::collections::HashMap;

pub(super) use search::{Found, searched};
pub use search::{HitLine, Wanted};
pub(super) use stays::stays;
pub use stays::{Stay, stays_of};

use super::super::select::PathSelection;
use super::super::{Host, OpsError, OpsResult, Purged, RevisionRange, Workspace};
use super::trees::PastTrees;
use crate::format::record::VersionNumber;
use crate::id::ObjectId;
use crate::path::RelPath;
use crate::version_log::VersionRow;

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// A regular expression of Rust's `regex`, or a text.
    pub pattern: String,
    /// Whether the pattern is a text and no expression.
    pub fixed: bool,
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
    /// Whether only whole words count.
    pub word: bool,
}

/// Where to look, and what to say.
#[derive(Clone, Debug)]
pub struct GrepOptions {
    /// What to look for.
    pub query: Query,
    /// In which versions; `None` for the newest that was not deleted.
    pub versions: Option<RevisionRange>,
    /// Only in these paths and what is below them, or that match these patterns; empty means all.
    pub paths: Vec<Vec<u8>>,
    /// What is wanted of each match.
    pub wanted: Wanted,
}

/// Versions one after the other, among those that were searched; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionSpan {
    /// The oldest.
    pub first: VersionNumber,
    /// The newest.
    pub last: VersionNumber,
}

/// What was found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matched {
    /// A line, and the lines around it that were asked for. Their numbers are those of the newest of the versions.
    Lines(Vec<HitLine>),
    /// So many lines.
    Count(u64),
    /// At least one line.
    File,
    /// Something in a content that is no text.
    Binary,
}

/// A match, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrepMatch {
    /// The path.
    pub path: RelPath,
    /// In which versions, the oldest first.
    pub versions: Vec<VersionSpan>,
    /// What was found.
    pub matched: Matched,
}

/// The result of a search.
#[derive(Clone, Debug, Default)]
pub struct GrepOutcome {
    /// The versions that were searched, the oldest first.
    pub versions: Vec<VersionNumber>,
    /// What was found, by path; at one path in the order of lines.
    pub matches: Vec<GrepMatch>,
    /// Distinct contents that were searched.
    pub contents: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Paths with contents that were too large to be searched.
    pub too_large: Vec<RelPath>,
    /// Paths with contents that were purged.
    pub purged: Vec<RelPath>,
}

/// Searches contents of files. Links and names are not searched. Changes nothing.
///
/// # Errors
/// [`OpsError::BadExpression`] for a pattern that cannot be understood, [`OpsError::TooManyMatches`] for one that fits so much
/// that the answer would not fit into memory.
pub fn grep(workspace: &Workspace, options: &GrepOptions, host: &dyn Host) -> OpsResult<GrepOutcome> {
    let selection = PathSelection::new(&options.paths)?;
    let rows = match &options.versions {
        Some(range) => workspace.versions_of(range)?,
        None => newest_readable(workspace)?,
    };
    let (stays, purged) = without_purged(workspace, stays(&PastTrees::new(&workspace.store), &rows, &selection, host)?)?;
    let searched = searched(&workspace.store, &stays, &options.query, options.wanted, host)?;
    Ok(GrepOutcome {
        matches: put_together(&rows, &stays, &searched.found),
        versions: rows.iter().map(|row| row.record.number).collect(),
        contents: searched.contents,
        bytes: searched.bytes,
        too_large: searched.too_large,
        purged,
    })
}

/// The stays whose contents are there, and the paths of the others.
pub(super) fn without_purged(workspace: &Workspace, mut stays: Vec<Stay>) -> OpsResult<(Vec<Stay>, Vec<RelPath>)> {
    let purged = Purged::of(workspace)?;
    let mut paths: Vec<RelPath> = stays.iter().filter(|stay| purged.has(&stay.id)).map(|stay| stay.path.clone()).collect();
    paths.dedup();
    stays.retain(|stay| !purged.has(&stay.id));
    Ok((stays, paths))
}

fn newest_readable(workspace: &Workspace) -> OpsResult<Vec<VersionRow>> {
    let newest = super::readable_versions(workspace)?.into_iter().next();
    Ok(vec![newest.ok_or(OpsError::NoVersion)?])
}

/// A match while its versions are gathered.
struct Gathered<'f> {
    piece: Piece<'f>,
    /// The newest version it stood in, as its place among those searched.
    newest: usize,
    places: Vec<(usize, usize)>,
}

/// A part of what was found in a content.
#[derive(Clone, Copy)]
enum Piece<'f> {
    Hit(&'f [HitLine]),
    Count(u64),
    File,
    Binary,
}

/// What makes two pieces at one path the same: their words without their numbers, and which of several equal ones in a content.
#[derive(PartialEq, Eq, Hash)]
enum Key<'f> {
    Hit(Vec<(&'f [u8], bool)>, usize),
    Count(u64),
    File,
    Binary,
}

/// Joins what was found in contents with where they stood. Equal lines at one path become one match.
fn put_together(rows: &[VersionRow], stays: &[Stay], found: &HashMap<ObjectId, Found>) -> Vec<GrepMatch> {
    let mut matches = Vec::new();
    for same_path in stays.chunk_by(|one, other| one.path == other.path) {
        let mut by_key: HashMap<Key<'_>, Gathered<'_>> = HashMap::new();
        for (stay, found) in same_path.iter().filter_map(|stay| Some((stay, found.get(&stay.id)?))) {
            for (key, piece) in pieces(found) {
                let gathered = by_key.entry(key).or_insert(Gathered { piece, newest: stay.last, places: Vec::new() });
                // Stays come from the oldest to the newest, so the last one has the numbers of today.
                (gathered.piece, gathered.newest) = (piece, stay.last);
                gathered.places.push((stay.first, stay.last));
            }
        }
        let mut gathered: Vec<Gathered<'_>> = by_key.into_values().collect();
        gathered.sort_by_key(|gathered| (first_line(gathered.piece), std::cmp::Reverse(gathered.newest)));
        matches.extend(gathered.into_iter().map(|Gathered { piece, places, .. }| GrepMatch {
            path: same_path[0].path.clone(),
            versions: spans(places).into_iter().map(|(first, last)| span(rows, first, last)).collect(),
            matched: piece.into(),
        }));
    }
    matches
}

fn pieces(found: &Found) -> Vec<(Key<'_>, Piece<'_>)> {
    let hits = match found {
        Found::Binary => return vec![(Key::Binary, Piece::Binary)],
        Found::File => return vec![(Key::File, Piece::File)],
        Found::Count(count) => return vec![(Key::Count(*count), Piece::Count(*count))],
        Found::Hits(hits) => hits,
    };
    let mut times: HashMap<Vec<(&[u8], bool)>, usize> = HashMap::new();
    let mut pieces = Vec::with_capacity(hits.len());
    for hit in hits {
        let words: Vec<(&[u8], bool)> = hit.iter().map(|line| (&line.text[..], line.is_match)).collect();
        let nth = times.entry(words.clone()).or_default();
        *nth += 1;
        pieces.push((Key::Hit(words, *nth), Piece::Hit(hit)));
    }
    pieces
}

impl From<Piece<'_>> for Matched {
    fn from(piece: Piece<'_>) -> Self {
        match piece {
            Piece::Hit(hit) => Self::Lines(hit.to_vec()),
            Piece::Count(count) => Self::Count(count),
            Piece::File => Self::File,
            Piece::Binary => Self::Binary,
        }
    }
}

fn first_line(piece: Piece<'_>) -> u64 {
    match piece {
        Piece::Hit(hit) => hit.first().map_or(0, |line| line.number),
        Piece::Count(_) | Piece::File | Piece::Binary => 0,
    }
}

/// Places that touch or overlap become one.
pub(super) fn spans(mut places: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    places.sort_unstable();
    let mut joined: Vec<(usize, usize)> = Vec::with_capacity(places.len());
    for (first, last) in places {
        match joined.last_mut() {
            Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined
}

fn span(rows: &[VersionRow], first: usize, last: usize) -> VersionSpan {
    VersionSpan { first: rows[first].record.number, last: rows[last].record.number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_touch_are_joined() {
        assert_eq!(spans(vec![(4, 5), (0, 1), (2, 2), (7, 9), (8, 8)]), [(0, 2), (4, 5), (7, 9)]);
        assert_eq!(spans(Vec::new()), []);
    }
}
