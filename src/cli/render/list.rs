//! The answer of `source list`.

use std::borrow::Cow;

use lua_store::format::record::VersionNumber;
use lua_store::version_log::VersionRow;

use super::count::{changes, number};
use super::escape;
use super::page::{FAINT, Page};
use super::table::{Column, Table};
use super::time::LocalClock;

const COLUMNS: [Column; 7] = [
    Column { title: "VERSION", columns_min: None, importance: 9 },
    Column { title: "CREATED", columns_min: None, importance: 8 },
    Column { title: "BY", columns_min: Some(6), importance: 4 },
    Column { title: "TRIGGERED BY", columns_min: Some(12), importance: 3 },
    Column { title: "HASH", columns_min: None, importance: 5 },
    Column { title: "CHANGES", columns_min: None, importance: 7 },
    Column { title: "MESSAGE", columns_min: Some(10), importance: 1 },
];

/// Shows versions, newest first.
pub fn put(page: &mut Page, rows: &[VersionRow], active: Option<VersionNumber>, clock: &LocalClock) {
    if rows.is_empty() {
        return page.line("no versions yet");
    }
    let rows_shown = rows.iter().map(|row| cells(row, active, clock)).collect();
    Table { columns: COLUMNS, rows: rows_shown }.put(page);
    put_remarks(page, rows);
}

fn cells<'a>(row: &'a VersionRow, active: Option<VersionNumber>, clock: &LocalClock) -> [Cow<'a, str>; COLUMNS.len()] {
    let record = &row.record;
    let star = if active == Some(record.number) { " *" } else { "" };
    [
        format!("{}{star}", record.number).into(),
        clock.show(row.created_ms).into(),
        escape::text(&record.by),
        escape::text(&record.triggered_by),
        record.root.short().into(),
        what_changed(row).into(),
        escape::text(record.message.lines().next().unwrap_or_default()),
    ]
}

fn what_changed(row: &VersionRow) -> String {
    if row.deleted {
        return "deleted".to_owned();
    }
    let incomplete = if row.record.left_out > 0 { " !" } else { "" };
    changes(&row.record.changes) + incomplete
}

fn put_remarks(page: &mut Page, rows: &[VersionRow]) {
    if rows.iter().any(|row| !row.deleted && row.record.left_out > 0) {
        page.line(page.paint(FAINT, "! some paths could not be recorded"));
    }
    // Numbers have no gaps, so the newest one says how many there are.
    let (newest, oldest) = (rows.first(), rows.last());
    if let (Some(newest), Some(oldest)) = (newest, oldest)
        && oldest.record.number.0 > 1
    {
        let total = number(newest.record.number.0);
        page.line(page.paint(FAINT, format_args!("{} of {total} versions; --all shows all", number(rows.len() as u64))));
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use lua_store::format::record::{ChangeCounts, VersionRecord};
    use lua_store::id::ObjectId;

    use super::super::page::Paint;
    use super::super::width::columns;
    use super::*;

    fn row(number: u64, by: &str, message: &str) -> VersionRow {
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
        VersionRow { record, sequence: number, created_ms: 1_767_323_045_000, id: ObjectId::ZERO, deleted: number == 2 }
    }

    fn shown(rows: &[VersionRow], room: Option<usize>) -> String {
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
    fn a_list_fits_the_terminal() {
        let rows = [row(3, "名前\u{1b}[2J of some length", "a message that takes much room, more than there is"), row(1, "ada", "")];
        for room in [60, 79, 80, 100, 132] {
            let shown = shown(&rows, Some(room));
            assert!(shown.lines().all(|line| columns(line) <= room), "{room}:\n{shown}");
            assert!(!shown.contains('\u{1b}'));
        }
    }
}
