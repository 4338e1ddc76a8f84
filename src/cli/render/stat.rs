//! `diff --stat`: how much changed in each file, as git lays it out.

use lua_store::patch::{Extent, FileChange, LineCounts, NotText, StatTotals, readable_size};

use super::change;
use super::count::counted;
use super::page::{ADDED, Page, REMOVED};
use super::width::{columns, cut_front, pad};
use crate::cli::bounds::{COLUMNS_DEFAULT, STAT_GRAPH_COLUMNS_MAX};

/// Columns of ` name | count `, without name and count.
const FRAME_COLUMNS: usize = 5;
/// A name is cut only to make room for this many columns of signs.
const GRAPH_COLUMNS_MIN: usize = 10;

/// Shows the numbers of each change, and their sums.
pub fn put(page: &mut Page, changes: &[FileChange], extents: &[Extent]) {
    let names: Vec<String> = changes.iter().map(change::name).collect();
    let counts: Vec<String> = extents.iter().map(count).collect();
    let lines_max = extents.iter().map(lines).max().unwrap_or(0);
    let count_columns =
        counts.iter().zip(extents).filter(|(_, extent)| is_counted(extent)).map(|(count, _)| columns(count)).max().unwrap_or(0);
    let room = page.columns().unwrap_or(COLUMNS_DEFAULT).saturating_sub(FRAME_COLUMNS + count_columns);
    let longest = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    let name_columns = longest.min(room.saturating_sub(GRAPH_COLUMNS_MIN)).max(1);
    let graph_columns = room.saturating_sub(name_columns).min(STAT_GRAPH_COLUMNS_MAX);
    for ((name, count), extent) in names.iter().zip(&counts).zip(extents) {
        let name = pad(&cut_front(name, name_columns), name_columns);
        let indent = " ".repeat(count_columns.saturating_sub(columns(count)));
        let graph = graph(page, extent, lines_max, graph_columns);
        page.line(format!(" {name} | {indent}{count} {graph}").trim_end());
    }
    put_totals(page, extents);
}

fn is_counted(extent: &Extent) -> bool {
    matches!(extent, Extent::Lines(_))
}

fn lines(extent: &Extent) -> u64 {
    match extent {
        Extent::Lines(LineCounts { insertions, deletions }) => insertions.saturating_add(*deletions),
        Extent::Sizes { .. } => 0,
    }
}

fn count(extent: &Extent) -> String {
    match extent {
        Extent::Lines(_) => lines(extent).to_string(),
        Extent::Sizes { why: NotText::Purged, .. } => "purged".to_owned(),
        Extent::Sizes { old_bytes, new_bytes, .. } => format!("{} → {}", readable_size(*old_bytes), readable_size(*new_bytes)),
    }
}

fn graph(page: &Page, extent: &Extent, lines_max: u64, columns_max: usize) -> String {
    let Extent::Lines(LineCounts { insertions, deletions }) = extent else { return String::new() };
    let signs = |lines: u64, sign: &str| sign.repeat(scaled(lines, lines_max, columns_max));
    format!("{}{}", page.paint(ADDED, signs(*insertions, "+")), page.paint(REMOVED, signs(*deletions, "-")))
}

/// As many signs as lines, or their share of the room; at least one for any line at all.
fn scaled(lines: u64, lines_max: u64, columns_max: usize) -> usize {
    let room = columns_max as u64;
    let signs = if lines_max <= room { lines } else { (u128::from(lines) * u128::from(room) / u128::from(lines_max)) as u64 };
    signs.max(u64::from(lines > 0)) as usize
}

fn put_totals(page: &mut Page, extents: &[Extent]) {
    let mut totals = StatTotals::default();
    extents.iter().for_each(|extent| totals.add(extent));
    let LineCounts { insertions, deletions } = totals.lines;
    page.line(format_args!(
        " {} changed, {}(+), {}(-)",
        counted(totals.paths, "path"),
        counted(insertions, "insertion"),
        counted(deletions, "deletion")
    ));
}

#[cfg(test)]
mod tests {
    use lua_store::id::ObjectId;
    use lua_store::patch::NotText;
    use lua_store::path::RelPath;
    use lua_store::tree::OwnedNode;

    use super::super::page::Paint;
    use super::*;

    fn modified(path: &str) -> FileChange {
        let file = OwnedNode::File { mode: 0o644, bytes: 1, id: ObjectId::ZERO };
        FileChange::Modified { path: RelPath::new(path.as_bytes()).unwrap(), from: file.clone(), to: file }
    }

    fn shown(room: usize) -> String {
        let changes = [modified("src/a.rs"), modified("a rather long name of a file.txt"), modified("image.png")];
        let extents = [
            Extent::Lines(LineCounts { insertions: 3, deletions: 1 }),
            Extent::Lines(LineCounts { insertions: 400, deletions: 0 }),
            Extent::Sizes { why: NotText::Binary, old_bytes: 3000, new_bytes: 4000 },
        ];
        let mut page = Page::new(Paint::Plain, Some(room));
        put(&mut page, &changes, &extents);
        page.text()
    }

    #[test]
    fn numbers_stand_below_each_other() {
        let expected = " src/a.rs                         |   4 +-
 a rather long name of a file.txt | 400 ++++++++++++++++++++
 image.png                        | 3.0 kB → 4.0 kB
 3 paths changed, 403 insertions(+), 1 deletion(-)
";
        assert_eq!(shown(60), expected);
    }

    #[test]
    fn long_names_lose_their_beginning() {
        let shown = shown(36);
        assert!(shown.contains(" … name of a file.txt") || shown.contains("of a file.txt"), "{shown}");
        assert!(shown.lines().take(2).all(|line| columns(line) <= 36), "{shown}");
    }

    #[test]
    fn every_change_has_a_sign() {
        assert_eq!([scaled(0, 1000, 10), scaled(1, 1000, 10), scaled(1000, 1000, 10), scaled(7, 7, 10)], [0, 1, 10, 7]);
        assert_eq!(scaled(u64::MAX, u64::MAX, 40), 40);
    }
}
