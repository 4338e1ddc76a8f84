//! The answer of `blame`.

use lua_store::ops::BlameOutcome;
use lua_store::path::RelPath;

use super::page::{FAINT, Page};
use super::time::LocalClock;
use super::width::{columns, cut, pad};
use super::{change, escape};

/// Widest name of an author, in columns.
const BY_COLUMNS_MAX: usize = 16;

/// Shows lines, each after the version that last changed it; with the file's name there, where any had another than now.
pub fn put(page: &mut Page, path: &RelPath, outcome: &BlameOutcome, clock: &LocalClock) {
    let was_renamed = outcome.lines.iter().any(|line| line.path != *path);
    let heads: Vec<Vec<String>> = outcome
        .lines
        .iter()
        .map(|line| {
            let row = &outcome.versions[line.version];
            let by = cut(&escape::text(&row.record.by), BY_COLUMNS_MAX).into_owned();
            let mut head = vec![row.record.number.to_string(), clock.show(row.created_ms), by];
            head.extend(was_renamed.then(|| change::path_alone(&line.path)));
            head
        })
        .collect();
    let widths: Vec<usize> =
        (0..4).map(|index| heads.iter().filter_map(|head| head.get(index)).map(|cell| columns(cell)).max().unwrap_or(0)).collect();
    let number_columns = outcome.lines.len().to_string().len();
    for (index, (line, head)) in outcome.lines.iter().zip(&heads).enumerate() {
        let cells: Vec<String> = head.iter().zip(&widths).map(|(cell, width)| pad(cell, *width)).collect();
        let text = line.text.strip_suffix(b"\n").unwrap_or(&line.text);
        let head = page.paint(FAINT, format_args!("{}  {:>number_columns$})", cells.join("  "), index + 1));
        page.line(format!("{head} {}", escape::line(text)).trim_end());
    }
}
