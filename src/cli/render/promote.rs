//! Answers about the active mark.

use lua_store::format::record::VersionNumber;
use lua_store::ops::PromoteOutcome;
use lua_store::version_log::ActiveChange;

use super::page::{FAINT, Page, STRONG};
use super::table::{Column, Table};
use super::time::LocalClock;

const COLUMNS: [Column; 3] = [
    Column { title: "VERSION", columns_min: None, importance: 3 },
    Column { title: "ACTIVE SINCE", columns_min: None, importance: 2 },
    Column { title: "BECAUSE IT WAS", columns_min: None, importance: 1 },
];

/// Says which version is active now.
pub fn put(page: &mut Page, outcome: &PromoteOutcome) {
    let version = page.paint(STRONG, outcome.version);
    match (outcome.changed, outcome.before) {
        (false, _) => page.line(format_args!("{version} is the active version already")),
        (true, None) => page.line(format_args!("{version} is the active version now")),
        (true, Some(before)) => page.line(format_args!("{version} is the active version now; before it was {before}")),
    }
}

/// Shows the newest moves of the active mark; `are_all`: there are no others.
pub fn put_history(page: &mut Page, active: Option<VersionNumber>, moves: &[ActiveChange], are_all: bool, clock: &LocalClock) {
    let Some(active) = active else { return page.line("no versions yet") };
    page.line(format_args!("{} is the active version", page.paint(STRONG, active)));
    let because = |change: &ActiveChange| if change.promoted { "promoted" } else { "pushed" };
    let row = |change: &ActiveChange| [change.version.to_string().into(), clock.show(change.created_ms).into(), because(change).into()];
    Table { columns: COLUMNS, rows: moves.iter().map(row).collect() }.put(page);
    if !are_all {
        page.line(page.paint(FAINT, "older moves are not shown; --all shows all"));
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use lua_store::id::ObjectId;

    use super::super::page::Paint;
    use super::*;

    #[test]
    fn the_history_of_the_mark_is_a_table() {
        let change =
            |number, promoted| ActiveChange { version: VersionNumber(number), promoted, sequence: 1, created_ms: 0, id: ObjectId::ZERO };
        let moves = [change(1, true), change(2, false), change(1, false)];
        let mut page = Page::new(Paint::Plain, None);
        put_history(&mut page, Some(VersionNumber(1)), &moves[..2], false, &LocalClock::fixed(TimeZone::UTC));
        let expected = "\
v1 is the active version
VERSION  ACTIVE SINCE         BECAUSE IT WAS
v1       1970-01-01 00:00:00  promoted
v2       1970-01-01 00:00:00  pushed
older moves are not shown; --all shows all
";
        assert_eq!(page.text(), expected);
    }
}
