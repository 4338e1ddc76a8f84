//! The answer of `prune`.

use std::borrow::Cow;

use lua_store::ops::{KeepReason, Period, PruneOutcome, VersionVerdict};

use super::count::{counted, number};
use super::escape;
use super::page::Page;
use super::table::{Column, Table};
use super::time::LocalClock;

const COLUMNS: [Column; 5] = [
    Column { title: "VERSION", columns_min: None, importance: 5 },
    Column { title: "CREATED", columns_min: None, importance: 2 },
    Column { title: "", columns_min: None, importance: 4 },
    Column { title: "BECAUSE", columns_min: Some(12), importance: 3 },
    Column { title: "MESSAGE", columns_min: Some(10), importance: 1 },
];

/// Shows what would be dropped, and why the others are kept.
pub fn put_plan(page: &mut Page, plan: &PruneOutcome, clock: &LocalClock) {
    let rows: Vec<_> = plan.verdicts.iter().map(|verdict| cells(verdict, clock)).collect();
    if !rows.is_empty() {
        Table { columns: COLUMNS, rows }.put(page);
    }
    let (dropped, all) = (plan.dropped().count() as u64, plan.verdicts.len() as u64);
    page.line(format_args!("{} of {} would be pruned", number(dropped), counted(all, "version")));
}

/// Says what was dropped.
pub fn put(page: &mut Page, outcome: &PruneOutcome) {
    let (dropped, all) = (outcome.dropped().count() as u64, outcome.verdicts.len() as u64);
    match dropped {
        0 => page.line(format_args!("the rules keep {}; nothing was pruned", counted(all, "version"))),
        _ => page.line(format_args!("{} of {} pruned; their entries stay in the list", number(dropped), counted(all, "version"))),
    }
}

fn cells<'a>(verdict: &'a VersionVerdict, clock: &LocalClock) -> [Cow<'a, str>; COLUMNS.len()] {
    let row = &verdict.row;
    let reasons: Vec<String> = verdict.reasons.iter().map(reason).collect();
    [
        row.record.number.to_string().into(),
        clock.show(row.created_ms).into(),
        if reasons.is_empty() { "prune".into() } else { "keep".into() },
        reasons.join(", ").into(),
        escape::text(row.record.message.lines().next().unwrap_or_default()),
    ]
}

/// Why a version is kept, in a word or two.
pub fn reason(reason: &KeepReason) -> String {
    match reason {
        KeepReason::Active => "active".to_owned(),
        KeepReason::Newest => "newest".to_owned(),
        KeepReason::Pinned => "pinned".to_owned(),
        KeepReason::Label(name) => format!("label {}", escape::text(name)),
        KeepReason::Last => "last".to_owned(),
        KeepReason::NewestOf(period) => word_of(*period).to_owned(),
        KeepReason::OldestOf(period) => format!("oldest {}", word_of(*period)),
        KeepReason::Within => "within".to_owned(),
    }
}

fn word_of(period: Period) -> &'static str {
    match period {
        Period::Hour => "hourly",
        Period::Day => "daily",
        Period::Week => "weekly",
        Period::Month => "monthly",
        Period::Year => "yearly",
    }
}
