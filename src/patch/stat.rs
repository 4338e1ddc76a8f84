//! How large a change is: the numbers behind `--stat`. How they are laid out is the business of `cli`.

use super::change::FileChange;
use super::compare::{Comparison, compare};
use super::{Contents, LineCounts, NotText};

/// How much of one path changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many lines; none when only the name or the mode changed, and for directories.
    Lines(LineCounts),
    /// Contents that are not compared line by line.
    Sizes {
        /// Why not.
        why: NotText,
        /// Size of the old content in bytes; 0 when there is none.
        old_bytes: u64,
        /// Size of the new content in bytes; 0 when there is none.
        new_bytes: u64,
    },
}

/// Measures one change.
pub fn count<C: Contents>(change: &FileChange, contents: &C) -> Result<Extent, C::Error> {
    if let FileChange::Retyped { .. } = change {
        let going = extent_of(compare(contents, change.before(), None)?);
        let coming = extent_of(compare(contents, None, change.after())?);
        return Ok(together(going, coming));
    }
    compare(contents, change.before(), change.after()).map(extent_of)
}

fn extent_of(comparison: Comparison<'_>) -> Extent {
    match comparison {
        Comparison::Equal => Extent::Lines(LineCounts::default()),
        Comparison::Lines(text) => Extent::Lines(text.counts()),
        Comparison::Sizes { why, old_bytes, new_bytes } => Extent::Sizes { why, old_bytes, new_bytes },
    }
}

/// The extent of something that goes and something that comes in its place.
fn together(going: Extent, coming: Extent) -> Extent {
    match (going, coming) {
        (Extent::Lines(LineCounts { deletions, .. }), Extent::Lines(LineCounts { insertions, .. })) => {
            Extent::Lines(LineCounts { insertions, deletions })
        }
        (Extent::Sizes { .. }, _) => going,
        (_, Extent::Sizes { .. }) => coming,
    }
}

/// Sums over many changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StatTotals {
    /// Paths that changed; a rename is one.
    pub paths: u64,
    /// Lines that came and went.
    pub lines: LineCounts,
    /// Paths among them whose lines are not counted.
    pub uncounted_paths: u64,
}

impl StatTotals {
    /// Adds one path.
    pub fn add(&mut self, extent: &Extent) {
        self.paths += 1;
        match extent {
            Extent::Lines(counts) => {
                self.lines.insertions += counts.insertions;
                self.lines.deletions += counts.deletions;
            }
            Extent::Sizes { .. } => self.uncounted_paths += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{MemoryContents, link};
    use super::*;
    use crate::patch::FileChange;

    #[test]
    fn lines_sizes_and_sums() {
        let mut contents = MemoryContents::default();
        let changes = [
            contents.modified("text", b"1\n2\n", b"1\n3\n4\n"),
            contents.modified("data", b"\0\0", b"\0"),
            contents.modified("only mode", b"x", b"x"),
            contents.retyped("turns", b"1\n2\n", link(b"text")),
        ];
        let extents = changes.each_ref().map(|change: &FileChange| count(change, &contents).unwrap());
        let lines = |insertions, deletions| Extent::Lines(LineCounts { insertions, deletions });
        let sizes = Extent::Sizes { why: NotText::Binary, old_bytes: 2, new_bytes: 1 };
        assert_eq!(extents, [lines(2, 1), sizes, lines(0, 0), lines(1, 2)]);
        let mut totals = StatTotals::default();
        extents.iter().for_each(|extent| totals.add(extent));
        assert_eq!(totals, StatTotals { paths: 4, lines: LineCounts { insertions: 3, deletions: 3 }, uncounted_paths: 1 });
    }

    #[test]
    fn a_large_file_is_not_read() {
        let contents = MemoryContents::default();
        let change = MemoryContents::unreadable_added("big", crate::limits::DIFF_FILE_BYTES_MAX + 1);
        let Extent::Sizes { why, .. } = count(&change, &contents).unwrap() else { panic!("sizes were expected") };
        assert_eq!(why, NotText::TooLarge);
    }
}
