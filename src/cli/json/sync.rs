//! Remotes and syncs in JSON.

use std::time::Duration;

use lua_store::ops::{AddOutcome, BringOutcome, Drift, InitOutcome, KeyChange, RemoteReport, RemoteRow, SyncOutcome};
use serde::Serialize;

use super::rollback::{OtherThanRecorded, other_than_recorded};
use super::workspace::{self, Init};
use super::{Answer, milliseconds};

/// A remote.
#[derive(Debug, Serialize)]
pub struct Remote<'a> {
    name: &'a str,
    url: &'a str,
    repository: &'a str,
    /// Number of the last entry of its log that was seen.
    entry: u64,
    single_writer: bool,
    encrypted: bool,
    /// Whether a push is followed by a sync.
    syncs_after_push: bool,
}

impl<'a> From<&'a RemoteRow> for Remote<'a> {
    fn from(row: &'a RemoteRow) -> Self {
        let RemoteRow { name, url, repository, entry, single_writer, syncs_after_push, encrypted } = row;
        let [single_writer, syncs_after_push, encrypted] = [*single_writer, *syncs_after_push, *encrypted];
        Self { name, url, repository, entry: *entry, single_writer, encrypted, syncs_after_push }
    }
}

/// A remote, and what opens it without its passphrase.
#[derive(Debug, Serialize)]
pub struct WithCode<'a> {
    #[serde(flatten)]
    remote: Remote<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_code: Option<&'a str>,
}

/// The answer of `remote add`.
pub fn added(outcome: &AddOutcome) -> Answer<WithCode<'_>> {
    Answer::new(WithCode { remote: (&outcome.remote).into(), recovery_code: outcome.recovery_code.as_deref() })
}

/// The answer of `remote key show`.
pub fn recovery_code<'a>(row: &'a RemoteRow, code: &'a str) -> Answer<WithCode<'a>> {
    Answer::new(WithCode { remote: row.into(), recovery_code: Some(code) })
}

/// A remote with another passphrase.
#[derive(Debug, Serialize)]
pub struct Changed<'a> {
    #[serde(flatten)]
    remote: Remote<'a>,
    /// Number of the wrapped key that counts now.
    key: u64,
}

/// The answer of `remote key change`.
pub fn key_change(change: &KeyChange) -> Answer<Changed<'_>> {
    Answer::new(Changed { remote: (&change.remote).into(), key: change.number })
}

/// The answer of `remote remove`.
pub fn remote(row: &RemoteRow) -> Answer<Remote<'_>> {
    Answer::new(row.into())
}

/// All remotes.
#[derive(Debug, Serialize)]
pub struct Remotes<'a> {
    remotes: Vec<Remote<'a>>,
}

/// The answer of `remote list`.
pub fn remotes(rows: &[RemoteRow]) -> Answer<Remotes<'_>> {
    Answer::new(Remotes { remotes: rows.iter().map(Remote::from).collect() })
}

/// Whether a push is followed by a sync.
#[derive(Debug, Serialize)]
pub struct Auto<'a> {
    name: &'a str,
    syncs_after_push: bool,
}

/// The answer of `remote auto`.
pub fn auto(name: &str, syncs_after_push: bool) -> Answer<Auto<'_>> {
    Answer::new(Auto { name, syncs_after_push })
}

/// What a check found.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    #[serde(flatten)]
    remote: Remote<'a>,
    new_entries: u64,
    /// Whether the storage keeps two writers apart.
    keeps_apart: bool,
}

/// The answer of `remote check`.
pub fn report(report: &RemoteReport) -> Answer<Report<'_>> {
    Answer::new(Report { remote: (&report.remote).into(), new_entries: report.new_entries, keeps_apart: report.keeps_apart })
}

/// What a sync did.
#[derive(Debug, Serialize)]
pub struct Sync<'a> {
    remote: &'a str,
    url: &'a str,
    /// Versions that came.
    received: u64,
    /// Versions that went.
    sent: u64,
    /// Versions of this machine that have other numbers now.
    renumbered: Vec<Renumbered>,
    /// Marks of this machine that contradicted others', in words.
    left_out_marks: &'a [String],
    newest: Option<u64>,
    active: Option<u64>,
    /// Contents of former versions that were fetched besides.
    contents: u64,
    requests: u64,
    received_bytes: u64,
    sent_bytes: u64,
    /// What became of the workspace; `null` when its files were not touched.
    brought: Option<Brought<'a>>,
    elapsed_ms: u64,
}

#[derive(Debug, Serialize)]
struct Renumbered {
    before: u64,
    now: u64,
}

#[derive(Debug, Serialize)]
struct Brought<'a> {
    version: u64,
    /// The version that holds what was unsaved.
    saved: Option<u64>,
    written: u64,
    removed: u64,
    bytes: u64,
    #[serde(flatten)]
    other: OtherThanRecorded<'a>,
}

/// The answer of `sync`, `pull` and `fetch`.
pub fn sync<'a>(outcome: &'a SyncOutcome, brought: Option<&'a BringOutcome>, elapsed: Duration) -> Answer<Sync<'a>> {
    Answer::new(of_sync(outcome, brought, elapsed))
}

fn of_sync<'a>(outcome: &'a SyncOutcome, brought: Option<&'a BringOutcome>, elapsed: Duration) -> Sync<'a> {
    let renumbered = outcome.renumbered.iter().map(|renumbered| Renumbered { before: renumbered.before.0, now: renumbered.now.0 });
    Sync {
        remote: &outcome.remote,
        url: &outcome.url,
        received: outcome.received,
        sent: outcome.sent,
        renumbered: renumbered.collect(),
        left_out_marks: &outcome.left_out,
        newest: outcome.newest.map(|newest| newest.0),
        active: outcome.active.map(|active| active.0),
        contents: outcome.contents,
        requests: outcome.requests,
        received_bytes: outcome.received_bytes,
        sent_bytes: outcome.sent_bytes,
        brought: brought.map(of_brought),
        elapsed_ms: milliseconds(elapsed),
    }
}

fn of_brought(brought: &BringOutcome) -> Brought<'_> {
    Brought {
        version: brought.version.0,
        saved: brought.saved.map(|saved| saved.0),
        written: brought.done.written,
        removed: brought.done.removed,
        bytes: brought.done.bytes,
        other: other_than_recorded(&brought.done),
    }
}

/// What is not shared.
#[derive(Debug, Serialize)]
pub struct NotShared<'a> {
    remote: &'a str,
    url: &'a str,
    dry_run: bool,
    in_sync: bool,
    /// Versions that would come.
    incoming: u64,
    incoming_marks: u64,
    /// Versions that would go.
    outgoing: u64,
    outgoing_marks: u64,
}

/// The answer of `sync --check` and `sync --dry-run`.
pub fn drift(drift: &Drift, dry_run: bool) -> Answer<NotShared<'_>> {
    let Drift { remote, url, incoming, incoming_marks, outgoing, outgoing_marks } = drift;
    Answer::new(NotShared {
        remote,
        url,
        dry_run,
        in_sync: drift.is_none(),
        incoming: *incoming,
        incoming_marks: *incoming_marks,
        outgoing: *outgoing,
        outgoing_marks: *outgoing_marks,
    })
}

/// What a new machine has now.
#[derive(Debug, Serialize)]
pub struct Restored<'a> {
    init: Init<'a>,
    sync: Sync<'a>,
}

/// The answer of `init --restore-sources`.
pub fn restored<'a>(
    made: &'a InitOutcome,
    outcome: &'a SyncOutcome,
    brought: Option<&'a BringOutcome>,
    elapsed: Duration,
) -> Answer<Restored<'a>> {
    Answer::new(Restored { init: workspace::of_init(made), sync: of_sync(outcome, brought, elapsed) })
}
