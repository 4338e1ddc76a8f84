//! The answer of `du`.

use lua_store::ops::DuOutcome;
use lua_store::patch::readable_size;

use super::count::counted;
use super::page::{FAINT, Page, STRONG};
use super::{change, escape};

/// Columns of the longest size.
const SIZE_COLUMNS: usize = 8;

/// Shows what paths cost, those that cost most first.
pub fn put_paths(page: &mut Page, outcome: &DuOutcome, limit: usize) {
    for cost in outcome.paths.iter().take(limit) {
        let (first, last) = cost.versions;
        let versions = if first == last { first.to_string() } else { format!("{first}–{last}") };
        let (size, contents) = (readable_size(cost.bytes), counted(cost.contents, "content"));
        page.line(format_args!("{size:>SIZE_COLUMNS$}  {}  {contents} of {versions}", change::path_alone(&cost.path)));
    }
    put_more(page, outcome.paths.len().saturating_sub(limit), "path");
    put_totals(page, outcome);
}

/// Shows what versions cost, those that dropping gives back most first.
pub fn put_versions(page: &mut Page, outcome: &DuOutcome, limit: usize) {
    let mut versions: Vec<_> = outcome.versions.iter().collect();
    versions.sort_by_key(|cost| std::cmp::Reverse(cost.own_bytes));
    page.line(page.paint(FAINT, format_args!("{:>SIZE_COLUMNS$}  {:>SIZE_COLUMNS$}", "OWN", "ADDED")));
    for cost in versions.iter().take(limit) {
        let (own, added, record) = (readable_size(cost.own_bytes), readable_size(cost.added_bytes), &cost.row.record);
        let message = escape::text(record.message.lines().next().unwrap_or_default());
        page.line(format!("{own:>SIZE_COLUMNS$}  {added:>SIZE_COLUMNS$}  {}  {message}", record.number).trim_end());
    }
    put_more(page, versions.len().saturating_sub(limit), "version");
    put_totals(page, outcome);
}

fn put_more(page: &mut Page, more: usize, what: &str) {
    if more > 0 {
        page.line(page.paint(FAINT, format_args!("… and {}", counted(more as u64, &format!("more {what}")))));
    }
}

fn put_totals(page: &mut Page, outcome: &DuOutcome) {
    let totals = &outcome.totals;
    let size = readable_size;
    page.line(format_args!(
        "{}: contents {}, folders {}, log {}, unreachable {}, indexes and caches {}",
        page.paint(STRONG, format_args!("{} in all", size(totals.all()))),
        size(totals.contents),
        size(totals.trees),
        size(totals.records),
        size(totals.dead),
        size(totals.other)
    ));
}
