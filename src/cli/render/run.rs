//! The answers of `at` and `bisect`.

use std::borrow::Cow;

use lua_store::ops::{BisectOutcome, Culprit, Ended, TestVerdict, VersionRun};

use super::page::{Page, STRONG};
use super::table::{Column, Table};
use super::time::{LocalClock, duration};
use super::{change, escape, show};
use crate::cli::bounds::PATHS_SHOWN_MAX;

const COLUMNS: [Column; 5] = [
    Column { title: "VERSION", columns_min: None, importance: 9 },
    Column { title: "EXIT", columns_min: None, importance: 8 },
    Column { title: "VERDICT", columns_min: None, importance: 7 },
    Column { title: "TIME", columns_min: None, importance: 6 },
    Column { title: "LAST LINE", columns_min: Some(10), importance: 5 },
];

/// Shows what became of a command in many versions.
pub fn put(page: &mut Page, runs: &[VersionRun]) {
    put_table(page, runs.iter().map(|run| (run, None)));
}

/// Shows the tests of a search, and what it found.
pub fn put_bisect(page: &mut Page, outcome: &BisectOutcome, clock: &LocalClock) {
    if !outcome.tests.is_empty() {
        put_table(page, outcome.tests.iter().map(|(run, verdict)| (run, Some(*verdict))));
        page.line("");
    }
    match &outcome.culprit {
        Culprit::First(shown) => {
            page.line(format_args!("{} is the first bad version", page.paint(STRONG, shown.version.row.record.number)));
            show::put_entry(page, shown, clock);
            shown.diff.files.iter().take(PATHS_SHOWN_MAX).for_each(|file| change::put(page, file));
            if shown.diff.files.len() > PATHS_SHOWN_MAX {
                page.line(format_args!("  … and {} more", shown.diff.files.len() - PATHS_SHOWN_MAX));
            }
        }
        Culprit::OneOf(versions) => {
            let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
            page.line(format_args!("the first bad version is one of {}; of some of them there was no telling", versions.join(", ")));
        }
    }
}

fn put_table<'r>(page: &mut Page, runs: impl Iterator<Item = (&'r VersionRun, Option<TestVerdict>)>) {
    let rows = runs.map(|(run, verdict)| row(run, verdict)).collect();
    Table { columns: COLUMNS, rows }.put(page);
}

fn row(run: &VersionRun, verdict: Option<TestVerdict>) -> [Cow<'static, str>; COLUMNS.len()] {
    let exit = match run.ended {
        Ended::Code(code) => code.to_string(),
        Ended::Signal(signal) => format!("signal {signal}"),
    };
    [
        run.version.to_string().into(),
        exit.into(),
        verdict.map_or("", verdict_name).into(),
        duration(run.duration).into(),
        escape::line(&run.last_line).replace('\t', " ").into(),
    ]
}

/// A verdict in a word.
pub fn verdict_name(verdict: TestVerdict) -> &'static str {
    match verdict {
        TestVerdict::Good => "good",
        TestVerdict::Bad => "bad",
        TestVerdict::Skipped => "skipped",
    }
}
