//! The answer of `source list`.

use std::borrow::Cow;

use lua_store::format::record::VersionNumber;
use lua_store::ops::MarkedVersion;

use super::count::{changes, number};
use super::escape;
use super::marks;
use super::page::{FAINT, Page};
use super::table::{Column, Table};
use super::time::LocalClock;

const COLUMNS: [Column; 8] = [
    Column { title: "VERSION", columns_min: None, importance: 9 },
    Column { title: "CREATED", columns_min: None, importance: 8 },
    Column { title: "BY", columns_min: Some(6), importance: 4 },
    Column { title: "TRIGGERED BY", columns_min: Some(12), importance: 3 },
    Column { title: "HASH", columns_min: None, importance: 5 },
    Column { title: "CHANGES", columns_min: None, importance: 7 },
    Column { title: "MARKS", columns_min: Some(8), importance: 6 },
    Column { title: "MESSAGE", columns_min: Some(10), importance: 1 },
];

/// Shows versions, newest first.
pub fn put(page: &mut Page, versions: &[MarkedVersion], active: Option<VersionNumber>, clock: &LocalClock) {
    if versions.is_empty() {
        return page.line("no versions yet");
    }
    put_table(page, versions, active, clock);
    put_how_many(page, versions);
}

/// Shows versions whose last check passed, newest first.
pub fn put_green(page: &mut Page, versions: &[MarkedVersion], active: Option<VersionNumber>, clock: &LocalClock) {
    match versions.is_empty() {
        true => page.line("no version has passed its last check"),
        false => put_table(page, versions, active, clock),
    }
}

fn put_table(page: &mut Page, versions: &[MarkedVersion], active: Option<VersionNumber>, clock: &LocalClock) {
    let rows = versions.iter().map(|version| cells(version, active, clock)).collect();
    Table { columns: COLUMNS, rows }.put(page);
    if versions.iter().any(|version| !version.row.deleted && version.row.record.left_out > 0) {
        page.line(page.paint(FAINT, "! some paths could not be recorded"));
    }
}

fn cells<'a>(version: &'a MarkedVersion, active: Option<VersionNumber>, clock: &LocalClock) -> [Cow<'a, str>; COLUMNS.len()] {
    let row = &version.row;
    let record = &row.record;
    let star = if active == Some(record.number) { " *" } else { "" };
    [
        format!("{}{star}", record.number).into(),
        clock.show(row.created_ms).into(),
        escape::text(&record.by),
        escape::text(&record.triggered_by),
        record.root.short().into(),
        what_changed(version).into(),
        marks::in_short(version).into(),
        escape::text(record.message.lines().next().unwrap_or_default()),
    ]
}

fn what_changed(version: &MarkedVersion) -> String {
    let row = &version.row;
    if row.deleted {
        return marks::deleted_in_words(version);
    }
    let incomplete = if row.record.left_out > 0 { " !" } else { "" };
    changes(&row.record.changes) + incomplete
}

fn put_how_many(page: &mut Page, versions: &[MarkedVersion]) {
    // Numbers have no gaps, so the newest one says how many there are.
    let (newest, oldest) = (versions.first(), versions.last());
    if let (Some(newest), Some(oldest)) = (newest, oldest)
        && oldest.row.record.number.0 > 1
    {
        let total = number(newest.row.record.number.0);
        page.line(page.paint(FAINT, format_args!("{} of {total} versions; --all shows all", number(versions.len() as u64))));
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use lua_store::format::record::{ChangeCounts, VersionRecord};
    use lua_store::id::ObjectId;
    use lua_store::version_log::VersionRow;

    use super::super::page::Paint;
    use super::super::width::columns;
    use super::*;

    fn row(number: u64, by: &str, message: &str) -> MarkedVersion {
        let record = VersionRecord {
            number: VersionNumber(number),
            root: ObjectId::from_bytes([0xab; 32]),
            by: by.into(),
            triggered_by: "manual lua push".into(),
            message: message.into(),
            changes: ChangeCounts { added: 3, changed: 2, removed: number },
            files: 1,
            bytes: 2,
            left_out: number % 2,
        };
        let row = VersionRow { record, sequence: number, created_ms: 1_767_323_045_000, id: ObjectId::ZERO, deleted: number == 2 };
        MarkedVersion { row, labels: Vec::new(), pinned: false, passed: None, pruned: None, purged: Vec::new() }
    }

    fn shown(rows: &[MarkedVersion], room: Option<usize>) -> String {
        let mut page = Page::new(Paint::Plain, room);
        put(&mut page, rows, Some(VersionNumber(3)), &LocalClock::fixed(TimeZone::UTC));
        page.text()
    }

    #[test]
    fn the_active_version_is_starred() {
        let rows = [row(3, "ada", "fix\nit"), row(2, "ada", "")];
        let expected = "\
VERSION  CREATED              BY   TRIGGERED BY     HASH          CHANGES     MESSAGE
v3 *     2026-01-02 03:04:05  ada  manual lua push  abababababab  +3 ~2 -3 !  fix
v2       2026-01-02 03:04:05  ada  manual lua push  abababababab  deleted
! some paths could not be recorded
2 of 3 versions; --all shows all
";
        assert_eq!(shown(&rows, None), expected);
        assert_eq!(shown(&[], None), "no versions yet\n");
    }

    #[test]
    fn marks_have_a_column_when_there_are_any() {
        let mut rows = [row(3, "ada", ""), row(2, "ada", ""), row(1, "ada", "")];
        rows[0].passed = Some(true);
        rows[1].pruned = Some("budget".into());
        (rows[2].labels, rows[2].pinned, rows[2].passed) = (vec!["a\u{1b}b".into(), "c".into()], true, Some(false));
        let expected = "\
VERSION  CREATED              BY   TRIGGERED BY     HASH          CHANGES          MARKS
v3 *     2026-01-02 03:04:05  ada  manual lua push  abababababab  +3 ~2 -3 !       passed
v2       2026-01-02 03:04:05  ada  manual lua push  abababababab  pruned (budget)
v1       2026-01-02 03:04:05  ada  manual lua push  abababababab  +3 ~2 -1 !       a\\x1bb, c, pinned, failed
! some paths could not be recorded
";
        assert_eq!(shown(&rows, None), expected);
    }

    #[test]
    fn a_list_fits_the_terminal() {
        let rows = [row(3, "名前\u{1b}[2J of some length", "a message that takes much room, more than there is"), row(1, "ada", "")];
        for room in [60, 79, 80, 100, 132] {
            let shown = shown(&rows, Some(room));
            assert!(shown.lines().all(|line| columns(line) <= room), "{room}:\n{shown}");
            assert!(!shown.contains('\u{1b}'));
        }
    }
}
