//! Remotes and syncs in words.

use std::time::Duration;

use lua_store::format::record::VersionNumber;
use lua_store::ops::{AddOutcome, BackgroundResult, BringOutcome, Drift, FetchOutcome, KeyChange, RemoteReport, RemoteRow, SyncOutcome};
use lua_store::patch::readable_size;

use super::count::counted;
use super::page::{Page, STRONG};
use super::time::{ago, duration};
use super::{escape, rollback};

/// Says which remote there is now.
pub fn put_added(page: &mut Page, outcome: &AddOutcome) {
    let row = &outcome.remote;
    let (name, url) = (page.paint(STRONG, escape::text(&row.name)), escape::text(&row.url));
    let how = if row.encrypted { "encrypted" } else { "not encrypted" };
    page.line(format_args!("{name}: the history is shared with {url} from the next sync on; what is sent is {how}"));
    if let Some(code) = &outcome.recovery_code {
        put_recovery_code(page, code);
    }
}

/// Says what opens a remote without its passphrase.
pub fn put_recovery_code(page: &mut Page, code: &str) {
    page.line("Keep this recovery code where nobody else finds it. It opens the remote without the passphrase; without both nothing does:");
    // In two lines, so that it fits everywhere.
    let (first, second) = code.split_at(code.match_indices('-').nth(6).map_or(code.len(), |(at, _)| at + 1));
    [first, second].into_iter().for_each(|line| page.line(format_args!("  {}", page.paint(STRONG, line))));
}

/// Says that another passphrase counts.
pub fn put_key_change(page: &mut Page, change: &KeyChange) {
    let name = page.paint(STRONG, escape::text(&change.remote.name));
    page.line(format_args!("{name} has another passphrase; the former one opens it no more, the recovery code still does"));
}

/// Says which remote is gone.
pub fn put_removed(page: &mut Page, row: &RemoteRow) {
    page.line(format_args!("{} is forgotten; what lies at {} stays", escape::text(&row.name), escape::text(&row.url)));
}

/// Says whether pushes are followed by a sync.
pub fn put_auto(page: &mut Page, name: &str, is_on: bool) {
    let words = if is_on { "is followed by a sync in the background with" } else { "is no longer followed by a sync with" };
    page.line(format_args!("a push {words} {}", escape::text(name)));
}

/// Says how the last sync behind a push ended.
pub fn put_background(page: &mut Page, result: &BackgroundResult, age_ms: u64) {
    let (remote, ago) = (escape::text(&result.remote).into_owned(), ago(age_ms));
    if let Some(why) = &result.error {
        return page.line(format_args!("the last sync with {remote}, {ago}, failed: {}", escape::text(why)));
    }
    let (sent, received) = (counted(result.sent, "version"), counted(result.received, "version"));
    page.line(format_args!("the last sync with {remote}, {ago}: {sent} sent, {received} received"));
    for (before, now) in &result.renumbered {
        page.line(format_args!("v{before} of this machine is v{now} now: others were faster"));
    }
}

/// Lists remotes.
pub fn put_remotes(page: &mut Page, rows: &[RemoteRow]) {
    if rows.is_empty() {
        page.line("there is no remote");
    }
    for row in rows {
        let alone = if row.single_writer { ", for one writer only" } else { "" };
        let sealed = if row.encrypted { ", encrypted" } else { "" };
        let (name, url) = (page.paint(STRONG, escape::text(&row.name)), escape::text(&row.url));
        let auto = if row.syncs_after_push { ", synced after each push" } else { "" };
        page.line(format_args!("{name}  {url}  ({} seen{alone}{sealed}{auto})", counted(row.entry, "log entry")));
    }
}

/// Says what a check found.
pub fn put_report(page: &mut Page, report: &RemoteReport) {
    let (name, url) = (page.paint(STRONG, escape::text(&report.remote.name)), escape::text(&report.remote.url));
    page.line(format_args!(
        "{name}: {url} can be reached and its log is sound; {} behind what was seen",
        counted(report.new_entries, "entry")
    ));
    if report.keeps_apart {
        page.line("its storage keeps two writers apart");
    } else {
        page.line("its storage does NOT keep two writers apart: only one machine may write to it");
    }
}

/// Says what came of a sync.
pub fn put(page: &mut Page, outcome: &SyncOutcome, brought: Option<&BringOutcome>, elapsed: Duration) {
    let remote = escape::text(&outcome.remote).into_owned();
    if outcome.contents > 0 {
        let (contents, came) = (counted(outcome.contents, "content"), readable_size(outcome.received_bytes));
        let (requests, took) = (counted(outcome.requests, "request"), duration(elapsed));
        page.line(format_args!("{remote}: {contents} fetched ({came}); {requests}, {took}"));
    } else if outcome.received + outcome.sent == 0 && outcome.renumbered.is_empty() {
        page.line(format_args!("nothing to exchange with {remote}, {}", duration(elapsed)));
    } else {
        let (came, went) = (readable_size(outcome.received_bytes), readable_size(outcome.sent_bytes));
        let (received, sent) = (counted(outcome.received, "version"), counted(outcome.sent, "version"));
        let (requests, took) = (counted(outcome.requests, "request"), duration(elapsed));
        page.line(format_args!("{remote}: {received} received ({came}), {sent} sent ({went}); {requests}, {took}"));
    }
    for renumbered in &outcome.renumbered {
        let now = page.paint(STRONG, renumbered.now);
        page.line(format_args!("{} of this machine is {now} now: others were faster", renumbered.before));
    }
    let Some(brought) = brought else { return };
    if let Some(saved) = brought.saved {
        page.line(format_args!("{saved} holds what was unsaved"));
    }
    let version = page.paint(STRONG, brought.version);
    let (written, removed) = (counted(brought.done.written, "file"), counted(brought.done.removed, "path"));
    page.line(format_args!("the workspace is {version}; {written} written ({}), {removed} removed", readable_size(brought.done.bytes)));
}

/// That what others did is not in the files, of which the next push makes a version; `{lua}` stands for the program's name.
pub fn untouched(outcome: &SyncOutcome) -> Option<String> {
    let newest = outcome.newest.filter(|_| outcome.received > 0)?;
    let theirs = VersionNumber(newest.0.saturating_sub(outcome.sent));
    Some(format!(
        "the files here are as they were, without what came: `{{lua}} diff {theirs}` compares, `{{lua}} pull --version {theirs}` brings it"
    ))
}

/// One line for contents that had to be fetched first.
pub fn fetched_lines(fetched: &FetchOutcome) -> Vec<String> {
    if fetched.contents == 0 {
        return Vec::new();
    }
    let (contents, came) = (counted(fetched.contents, "content"), readable_size(fetched.received_bytes));
    let (remotes, requests) = (escape::text(&fetched.remotes.join(", ")).into_owned(), counted(fetched.requests, "request"));
    vec![format!("fetched from {remotes}: {contents} ({came}), {requests}")]
}

/// One line for everything that was left out or is not as the version has it.
pub fn lines(outcome: &SyncOutcome, brought: Option<&BringOutcome>) -> Vec<String> {
    let mut lines: Vec<String> = outcome.left_out.iter().map(|left_out| format!("left out: {}", escape::text(left_out))).collect();
    lines.extend(brought.iter().flat_map(|brought| rollback::lines(&brought.done)));
    lines
}

/// Says what is not shared.
pub fn put_drift(page: &mut Page, drift: &Drift) {
    let remote = escape::text(&drift.remote).into_owned();
    if drift.is_none() {
        return page.line(format_args!("{remote} and this workspace have the same history"));
    }
    page.line(format_args!(
        "to receive from {remote}: {} and {}",
        counted(drift.incoming, "version"),
        counted(drift.incoming_marks, "mark")
    ));
    page.line(format_args!("to send to {remote}: {} and {}", counted(drift.outgoing, "version"), counted(drift.outgoing_marks, "mark")));
}
