//! Which removed file an added one was: first by equal content, then by similar content.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use super::similarity::{SpanIndex, spans};
use super::{Contents, Place, RENAME_CONTENT_BYTES_MAX, RENAME_PAIRS_MAX, RENAME_SIMILARITY_PERCENT_MIN, Side};
use crate::id::ObjectId;
use crate::limits::DIFF_FILE_BYTES_MAX;
use crate::tree::OwnedNode;

/// Where an added file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Which of the removed files.
    pub removed_index: usize,
    /// How much of the content is shared; 100 only when all of it is.
    pub similarity_percent: u8,
}

/// Pairs of removed and added files. Always true: no file is in two pairs.
pub(super) struct Matching {
    origins: Vec<Option<Origin>>,
    is_taken: Vec<bool>,
}

impl Matching {
    /// No pairs yet.
    pub(super) fn new(removed_count: usize, added_count: usize) -> Self {
        Self { origins: vec![None; added_count], is_taken: vec![false; removed_count] }
    }

    /// Where this added file comes from, as far as it is known.
    pub(super) fn origin(&self, added_index: usize) -> Option<Origin> {
        self.origins[added_index]
    }

    fn is_open(&self, removed_index: usize, added_index: usize) -> bool {
        !self.is_taken[removed_index] && self.origins[added_index].is_none()
    }

    fn join(&mut self, added_index: usize, origin: Origin) {
        self.is_taken[origin.removed_index] = true;
        self.origins[added_index] = Some(origin);
    }
}

/// Pairs files of equal content and links of equal target: those of the same name first, otherwise in the order of paths.
pub(super) fn match_equal(removed: &[Place], added: &[Place], matching: &mut Matching) {
    match_by_key(removed, added, matching, |place| Some((content_key(place)?, base_name(place))));
    match_by_key(removed, added, matching, content_key);
}

#[derive(PartialEq, Eq, Hash)]
enum ContentKey<'a> {
    File(ObjectId),
    Link(&'a [u8]),
}

/// What two files or links of equal content have in common; `None` for a directory.
fn content_key(place: &Place) -> Option<ContentKey<'_>> {
    match &place.node {
        OwnedNode::File { id, .. } => Some(ContentKey::File(*id)),
        OwnedNode::Symlink { target } => Some(ContentKey::Link(target)),
        OwnedNode::Directory { .. } => None,
    }
}

fn base_name(place: &Place) -> Option<&[u8]> {
    place.path.components().last()
}

fn match_by_key<'a, K: Eq + Hash>(removed: &'a [Place], added: &'a [Place], matching: &mut Matching, key: impl Fn(&'a Place) -> Option<K>) {
    let mut open: HashMap<K, VecDeque<usize>> = HashMap::new();
    for (index, place) in removed.iter().enumerate().filter(|(index, _)| !matching.is_taken[*index]) {
        if let Some(key) = key(place) {
            open.entry(key).or_default().push_back(index);
        }
    }
    for (added_index, place) in added.iter().enumerate() {
        if matching.origins[added_index].is_some() {
            continue;
        }
        if let Some(removed_index) = key(place).and_then(|key| open.get_mut(&key)?.pop_front()) {
            matching.join(added_index, Origin { removed_index, similarity_percent: 100 });
        }
    }
}

/// Pairs files of similar content, the most similar first. Reads the contents of files that have a counterpart of a size
/// that could be similar, within the bounds named at [`RenameDetection::Similar`](super::RenameDetection::Similar).
pub(super) fn match_similar<C: Contents>(
    removed: &[Place],
    added: &[Place],
    contents: &C,
    matching: &mut Matching,
) -> Result<(), C::Error> {
    let is_there = |side, place: &Place| !contents.is_gone(side, &place.node);
    let open_removed = candidates(removed, |index| !matching.is_taken[index] && is_there(Side::Old, &removed[index]));
    let open_added = candidates(added, |index| matching.origins[index].is_none() && is_there(Side::New, &added[index]));
    let (open_removed, open_added) = (with_counterpart(&open_removed, &open_added), with_counterpart(&open_added, &open_removed));
    let pairs_max = open_removed.len().saturating_mul(open_added.len());
    // With nothing to compare, not even the tables for comparing need be made.
    if pairs_max == 0 || pairs_max > RENAME_PAIRS_MAX {
        return Ok(());
    }
    let file_bytes_max = largest_within_budget(open_removed.iter().chain(&open_added));
    let within_budget = |files: Vec<Candidate>| files.into_iter().filter(|file| file.bytes <= file_bytes_max).collect::<Vec<_>>();
    let (open_removed, open_added) = (within_budget(open_removed), within_budget(open_added));
    let mut pairs = similar_pairs(removed, &open_removed, added, &open_added, contents)?;
    // The order of paths decides last, and the indices are in that order.
    pairs.sort_by_key(|pair| (std::cmp::Reverse((pair.similarity_percent, pair.has_same_name)), pair.added_index, pair.removed_index));
    for Pair { removed_index, added_index, similarity_percent, .. } in pairs {
        if matching.is_open(removed_index, added_index) {
            matching.join(added_index, Origin { removed_index, similarity_percent });
        }
    }
    Ok(())
}

/// A file that may have a similar counterpart.
#[derive(Clone, Copy)]
struct Candidate {
    index: usize,
    bytes: u64,
}

/// Files with a content that can be read, among the open ones.
fn candidates(places: &[Place], is_open: impl Fn(usize) -> bool) -> Vec<Candidate> {
    let bytes_of = |place: &Place| match place.node {
        OwnedNode::File { bytes, .. } => Some(bytes),
        OwnedNode::Directory { .. } | OwnedNode::Symlink { .. } => None,
    };
    let open = places.iter().enumerate().filter(|(index, _)| is_open(*index));
    open.filter_map(|(index, place)| Some(Candidate { index, bytes: bytes_of(place)? }))
        .filter(|file| (1..=DIFF_FILE_BYTES_MAX).contains(&file.bytes))
        .collect()
}

/// The files for which some file on the other side is near enough in size to be similar: two files share at most what the
/// smaller one has, so the smaller must have the least share of the larger.
fn with_counterpart(files: &[Candidate], others: &[Candidate]) -> Vec<Candidate> {
    let mut sizes: Vec<u64> = others.iter().map(|other| other.bytes).collect();
    sizes.sort_unstable();
    let least = u64::from(RENAME_SIMILARITY_PERCENT_MIN);
    let has_counterpart = |file: &&Candidate| {
        let first = sizes.partition_point(|size| size * 100 < file.bytes * least);
        sizes.get(first).is_some_and(|size| size * least <= file.bytes * 100)
    };
    files.iter().filter(has_counterpart).copied().collect()
}

/// The size up to which files can be read, smallest first, without reading more than [`RENAME_CONTENT_BYTES_MAX`] in all.
fn largest_within_budget<'c>(files: impl Iterator<Item = &'c Candidate>) -> u64 {
    let mut sizes: Vec<u64> = files.map(|file| file.bytes).collect();
    sizes.sort_unstable();
    let mut total_bytes = 0;
    // Files of the size that breaks the budget are all left out, so that none of them is preferred.
    let breaking = sizes.iter().find(|size| {
        total_bytes += **size;
        total_bytes > RENAME_CONTENT_BYTES_MAX
    });
    breaking.map_or(u64::MAX, |size| size - 1)
}

/// Two similar files.
struct Pair {
    removed_index: usize,
    added_index: usize,
    similarity_percent: u8,
    has_same_name: bool,
}

fn similar_pairs<C: Contents>(
    removed: &[Place],
    open_removed: &[Candidate],
    added: &[Place],
    open_added: &[Candidate],
    contents: &C,
) -> Result<Vec<Pair>, C::Error> {
    let mut removed_bytes = Vec::with_capacity(open_removed.len());
    let index = SpanIndex::build(open_removed.iter().map(|file| {
        let place = &removed[file.index];
        let content = contents.read(Side::Old, &place.path, &place.node)?;
        removed_bytes.push(content.len());
        Ok(spans(&content))
    }))?;
    let mut pairs = Vec::new();
    let mut shared_bytes = vec![0; open_removed.len()];
    for file in open_added {
        let place = &added[file.index];
        let content = contents.read(Side::New, &place.path, &place.node)?;
        index.share(&spans(&content), &mut shared_bytes);
        for (number, origin) in open_removed.iter().enumerate() {
            let similarity_percent = percent(shared_bytes[number], content.len().max(removed_bytes[number]) as u64);
            if similarity_percent >= RENAME_SIMILARITY_PERCENT_MIN {
                let has_same_name = base_name(&removed[origin.index]) == base_name(place);
                pairs.push(Pair { removed_index: origin.index, added_index: file.index, similarity_percent, has_same_name });
            }
        }
    }
    Ok(pairs)
}

/// The share in whole percent. Files that are not equal are never wholly similar, even when they have the same lines in
/// another order.
fn percent(shared_bytes: u64, all_bytes: u64) -> u8 {
    (shared_bytes * 100).checked_div(all_bytes).unwrap_or(0).min(99) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_keeps_the_smallest() {
        let files = [RENAME_CONTENT_BYTES_MAX, 10, 20].map(|bytes| Candidate { index: 0, bytes });
        assert_eq!(largest_within_budget(files.iter()), RENAME_CONTENT_BYTES_MAX - 1);
        assert_eq!(largest_within_budget(files[1..].iter()), u64::MAX);
    }

    #[test]
    fn sizes_rule_out_what_cannot_be_similar() {
        let files = |sizes: &[u64]| sizes.iter().map(|&bytes| Candidate { index: 0, bytes }).collect::<Vec<_>>();
        let kept =
            |one: &[u64], other: &[u64]| with_counterpart(&files(one), &files(other)).iter().map(|file| file.bytes).collect::<Vec<_>>();
        assert_eq!(kept(&[49, 50, 100, 200, 201], &[100]), [50, 100, 200]);
        assert!(kept(&[1, 2], &[]).is_empty());
    }
}
