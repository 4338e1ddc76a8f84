//! Tables that fit the terminal.
//!
//! When a table is too wide, its columns give way, the least important first: they are cut, down to what is still of use. When that
//! is not enough, the least important column is dropped, and the others begin anew.

use std::borrow::Cow;

use super::page::{Page, STRONG};
use super::width::{columns, cut, pad_into};

/// Columns between two columns of a table.
const GAP_COLUMNS: usize = 2;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// It is never cut to less than this; `None`: it is never cut.
    pub columns_min: Option<usize>,
    /// The higher, the longer it stays as it is. No two columns have the same.
    pub importance: u8,
}

/// A table.
#[derive(Debug)]
pub struct Table<'a, const N: usize> {
    /// Its columns, from the left.
    pub columns: [Column; N],
    /// Its rows.
    pub rows: Vec<[Cow<'a, str>; N]>,
}

impl<const N: usize> Table<'_, N> {
    /// Writes the table. A column without any content is left out.
    pub fn put(&self, page: &mut Page) {
        let widths = fit(self.natural_widths(), &self.columns, page.columns());
        let titles = self.columns.map(|column| Cow::Borrowed(column.title));
        let heading = line(&titles, &widths);
        page.line(page.paint(STRONG, heading));
        for row in &self.rows {
            page.line(line(row, &widths));
        }
    }

    /// How wide each column would like to be; 0 for one without content.
    fn natural_widths(&self) -> [usize; N] {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = columns(cell).max(*width);
            }
        }
        for (width, column) in widths.iter_mut().zip(&self.columns) {
            if *width > 0 {
                *width = columns(column.title).max(*width);
            }
        }
        widths
    }
}

/// The widths that the columns get; 0 for one that is not shown.
fn fit<const N: usize>(natural: [usize; N], columns: &[Column; N], room: Option<usize>) -> [usize; N] {
    let Some(room) = room else { return natural };
    let mut least_important_first: [usize; N] = std::array::from_fn(|index| index);
    least_important_first.sort_by_key(|&index| columns[index].importance);
    let mut kept = natural;
    for &dropped in &least_important_first {
        let widths = cut_down(kept, columns, &least_important_first, room);
        let is_last = kept.iter().filter(|&&width| width > 0).count() <= 1;
        if total(&widths) <= room || is_last {
            return widths;
        }
        kept[dropped] = 0;
    }
    kept
}

/// The widths after each column, in this order, has given what it can until all fit.
fn cut_down<const N: usize>(mut widths: [usize; N], columns: &[Column; N], order: &[usize; N], room: usize) -> [usize; N] {
    for &index in order {
        let excess = total(&widths).saturating_sub(room);
        if let Some(columns_min) = columns[index].columns_min
            && widths[index] > columns_min
        {
            widths[index] = widths[index].saturating_sub(excess).max(columns_min);
        }
    }
    widths
}

fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|&&width| width > 0);
    (shown.clone().sum::<usize>() + shown.count() * GAP_COLUMNS).saturating_sub(GAP_COLUMNS)
}

fn line(cells: &[Cow<'_, str>], widths: &[usize]) -> String {
    let mut line = String::with_capacity(total(widths) + GAP_COLUMNS);
    for (cell, &width) in cells.iter().zip(widths).filter(|(_, width)| **width > 0) {
        pad_into(&mut line, &cut(cell, width), width + GAP_COLUMNS);
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::super::page::Paint;
    use super::*;

    fn column(title: &'static str, columns_min: Option<usize>, importance: u8) -> Column {
        Column { title, columns_min, importance }
    }

    fn shown(room: Option<usize>) -> String {
        let columns = [column("ID", None, 9), column("NAME", Some(4), 5), column("NONE", None, 8), column("NOTE", Some(6), 1)];
        let row = |id, name, note| [id, name, "", note].map(Cow::Borrowed);
        let rows = vec![row("v1", "a long name", "a remark"), row("v2", "名前", "")];
        let mut page = Page::new(Paint::Plain, room);
        Table { columns, rows }.put(&mut page);
        page.text()
    }

    #[test]
    fn a_table_takes_what_it_needs() {
        let natural = "ID  NAME         NOTE\nv1  a long name  a remark\nv2  名前\n";
        assert_eq!(shown(None), natural);
        assert_eq!(shown(Some(25)), natural);
    }

    #[test]
    fn the_least_important_gives_way_first() {
        assert_eq!(shown(Some(23)), "ID  NAME         NOTE\nv1  a long name  a rem…\nv2  名前\n");
        assert_eq!(shown(Some(19)), "ID  NAME     NOTE\nv1  a long…  a rem…\nv2  名前\n");
        assert_eq!(shown(Some(12)), "ID  NAME\nv1  a long …\nv2  名前\n");
        assert_eq!(shown(Some(9)), "ID  NAME\nv1  a lo…\nv2  名前\n");
        assert_eq!(shown(Some(5)), "ID\nv1\nv2\n");
    }

    #[test]
    fn no_line_is_wider_than_the_room() {
        for room in 2..30 {
            assert!(shown(Some(room)).lines().all(|line| columns(line) <= room), "{room}: {}", shown(Some(room)));
        }
    }
}
