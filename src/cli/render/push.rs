//! The answer of `push`: one short paragraph.

use std::time::Duration;

use lua_store::format::record::VersionNumber;
use lua_store::ops::{PushOutcome, PushReport};
use lua_store::patch::readable_size;

use super::change;
use super::count::{changes_in_words, counted};
use super::left_out;
use super::page::{Page, STRONG};
use super::time::duration;
use crate::cli::bounds::RULES_SHOWN_MAX;

/// Says what a push did.
pub fn put(page: &mut Page, outcome: &PushOutcome, elapsed: Duration) {
    let took = duration(elapsed);
    match outcome {
        PushOutcome::Made { version, report, .. } => put_made(page, &page.paint(STRONG, version), report, &took),
        PushOutcome::WouldMake { version, report } => put_would_make(page, *version, report),
        PushOutcome::Unchanged { newest: Some(newest), report } => {
            page.line(format_args!("nothing changed since {newest} ({}, {took}); no version was made", whole(report)));
            if report.stored_again > 0 {
                let objects = counted(report.stored_again, "object");
                page.line(format_args!("{objects} of it had been damaged or lost, and are stored again"));
            }
        }
        PushOutcome::Unchanged { newest: None, .. } => page.line("there is nothing to record; no version was made"),
    }
    let (PushOutcome::Made { report, .. } | PushOutcome::WouldMake { report, .. } | PushOutcome::Unchanged { report, .. }) = outcome;
    left_out::put_rules(page, &report.by_rules, Some(RULES_SHOWN_MAX));
}

fn put_made(page: &mut Page, version: &str, report: &PushReport, took: &str) {
    let changes = changes_in_words(&report.changes);
    let (new, stored) = (readable_size(report.new_bytes), readable_size(report.stored_bytes));
    page.line(format_args!("{version}: {changes}; {new} new, {stored} stored, {took}"));
    page.line(format_args!("{version} holds {}", whole(report)));
}

fn put_would_make(page: &mut Page, version: VersionNumber, report: &PushReport) {
    page.line(format_args!("{} would be made: {}", page.paint(STRONG, version), changes_in_words(&report.changes)));
    report.changed_paths.iter().for_each(|changed| change::put_plain(page, changed));
}

fn whole(report: &PushReport) -> String {
    format!("{}, {}", counted(report.files, "file"), readable_size(report.bytes))
}

#[cfg(test)]
mod tests {
    use lua_store::format::record::ChangeCounts;
    use lua_store::id::ObjectId;

    use super::super::page::Paint;
    use super::*;

    fn shown(outcome: &PushOutcome) -> String {
        let mut page = Page::new(Paint::Plain, None);
        put(&mut page, outcome, Duration::from_millis(120));
        page.text()
    }

    #[test]
    fn a_push_says_what_it_did() {
        let changes = ChangeCounts { added: 3, changed: 2, removed: 1 };
        let report =
            PushReport { changes, files: 1234, bytes: 5_000_000, new_bytes: 1_200_000, stored_bytes: 340_000, ..PushReport::default() };
        let version = VersionNumber(13);
        let made = shown(&PushOutcome::Made { version, root: ObjectId::ZERO, report: report.clone() });
        assert_eq!(made, "v13: 3 files added, 2 changed, 1 removed; 1.2 MB new, 340 kB stored, 120 ms\nv13 holds 1,234 files, 5.0 MB\n");
        let would_make = shown(&PushOutcome::WouldMake { version, report: report.clone() });
        assert_eq!(would_make, "v13 would be made: 3 files added, 2 changed, 1 removed\n");
        let unchanged = shown(&PushOutcome::Unchanged { newest: Some(version), report });
        assert_eq!(unchanged, "nothing changed since v13 (1,234 files, 5.0 MB, 120 ms); no version was made\n");
        let empty = shown(&PushOutcome::Unchanged { newest: None, report: PushReport::default() });
        assert_eq!(empty, "there is nothing to record; no version was made\n");
    }
}
