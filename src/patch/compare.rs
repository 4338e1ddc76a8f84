//! The two contents of one change, as far as they must be read.

use std::borrow::Cow;

use super::change::PlaceRef;
use super::{Contents, NotText, Side, TextPair};
use crate::limits::DIFF_FILE_BYTES_MAX;
use crate::tree::OwnedNode;

/// What a comparison of two contents can say.
pub(super) enum Comparison<'a> {
    /// Nothing differs.
    Equal,
    /// Something differs, line by line.
    Lines(TextPair<'a>),
    /// Something differs; only the sizes can be named.
    Sizes {
        /// Why not the lines.
        why: NotText,
        /// Size of the old content; 0 when there is none.
        old_bytes: u64,
        /// Size of the new content; 0 when there is none.
        new_bytes: u64,
    },
}

/// Compares what stands on the two sides. What is not there, and a directory, counts as empty. Contents of equal ids and
/// contents that are too large are not read.
pub(super) fn compare<'a, C: Contents>(
    contents: &C,
    old: Option<PlaceRef<'a>>,
    new: Option<PlaceRef<'a>>,
) -> Result<Comparison<'a>, C::Error> {
    if let (Some((_, old)), Some((_, new))) = (old, new)
        && has_equal_content(old, new)
    {
        return Ok(Comparison::Equal);
    }
    let (old_bytes, new_bytes) = (recorded_bytes(old), recorded_bytes(new));
    let is_gone = |side, place: Option<PlaceRef<'_>>| place.is_some_and(|(_, node)| contents.is_gone(side, node));
    if is_gone(Side::Old, old) || is_gone(Side::New, new) {
        return Ok(Comparison::Sizes { why: NotText::Purged, old_bytes, new_bytes });
    }
    if old_bytes.max(new_bytes) > DIFF_FILE_BYTES_MAX {
        return Ok(Comparison::Sizes { why: NotText::TooLarge, old_bytes, new_bytes });
    }
    let (old, new) = (load(contents, Side::Old, old)?, load(contents, Side::New, new)?);
    // A file of the workspace may have changed since its node was made, so the sizes are those of what was read.
    let (old_bytes, new_bytes) = (old.len() as u64, new.len() as u64);
    Ok(match TextPair::new(old, new) {
        Ok(pair) if pair.is_equal() => Comparison::Equal,
        Ok(pair) => Comparison::Lines(pair),
        Err(why) => Comparison::Sizes { why, old_bytes, new_bytes },
    })
}

/// Whether two nodes have the same content, told without reading it.
fn has_equal_content(old: &OwnedNode, new: &OwnedNode) -> bool {
    match (old, new) {
        (OwnedNode::File { id: old, .. }, OwnedNode::File { id: new, .. }) => old == new,
        (OwnedNode::Symlink { target: old }, OwnedNode::Symlink { target: new }) => old == new,
        (OwnedNode::Directory { .. }, OwnedNode::Directory { .. }) => true,
        _ => false,
    }
}

fn recorded_bytes(place: Option<PlaceRef<'_>>) -> u64 {
    match place {
        Some((_, OwnedNode::File { bytes, .. })) => *bytes,
        Some((_, OwnedNode::Symlink { target })) => target.len() as u64,
        Some((_, OwnedNode::Directory { .. })) | None => 0,
    }
}

fn load<'a, C: Contents>(contents: &C, side: Side, place: Option<PlaceRef<'a>>) -> Result<Cow<'a, [u8]>, C::Error> {
    match place {
        Some((path, node @ OwnedNode::File { .. })) => contents.read(side, path, node).map(Cow::Owned),
        Some((_, OwnedNode::Symlink { target })) => Ok(Cow::Borrowed(target)),
        Some((_, OwnedNode::Directory { .. })) | None => Ok(Cow::Borrowed(&[])),
    }
}
