//! Drops versions that a policy does not keep. Their entries stay in the log, marked; their contents may be collected.

use super::retention::{Calendar, Candidate, KeepReason, Policy, decide};
use super::workspace::Publishing;
use super::{Host, OpsError, OpsResult, Workspace};
use crate::format::record::{PruneRecord, RecordBody, VersionNumber};
use crate::limits::PRUNED_VERSIONS_MAX;
use crate::version_log::{LogHead, Marks, VersionRow};

/// What the log says about versions that were dropped because the user asked for it.
const REASON: &str = "prune";

/// What is said of a version that was dropped: by whatever asked for it, unless the user did.
pub fn pruned_in_words(reason: &str) -> String {
    if reason == REASON { "pruned".to_owned() } else { format!("pruned ({reason})") }
}

/// What to keep.
pub struct PruneOptions<'a> {
    /// The rules.
    pub policy: Policy,
    /// The time zone of the hours, days, weeks, months and years.
    pub calendar: &'a dyn Calendar,
    /// Only say what would be dropped.
    pub dry_run: bool,
}

/// A version with what was decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionVerdict {
    /// The version.
    pub row: VersionRow,
    /// Why it is kept; without a reason it is dropped.
    pub reasons: Vec<KeepReason>,
}

/// What a prune did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PruneOutcome {
    /// The versions that were not deleted before, newest first.
    pub verdicts: Vec<VersionVerdict>,
}

impl PruneOutcome {
    /// The versions that were dropped, newest first.
    pub fn dropped(&self) -> impl Iterator<Item = VersionNumber> {
        self.verdicts.iter().filter(|verdict| verdict.reasons.is_empty()).map(|verdict| verdict.row.record.number)
    }
}

/// Drops the versions that the policy does not keep. The active and the newest version, and those that are pinned or labelled,
/// are always kept.
///
/// # Errors
/// [`OpsError::NoRule`].
///
/// # Durability
/// On return the marks are durable, all of them. After a crash before that there are none, or all; of more than
/// [`PRUNED_VERSIONS_MAX`] versions the oldest may be dropped without the others.
pub fn prune(workspace: &mut Workspace, options: &PruneOptions<'_>, host: &dyn Host) -> OpsResult<PruneOutcome> {
    if options.policy.is_empty() {
        return Err(OpsError::NoRule);
    }
    if options.dry_run {
        let head = workspace.log.head()?;
        return verdicts(workspace, &head, options, host);
    }
    let mut publishing = workspace.begin_publish(host)?;
    let head = publishing.head;
    let outcome = verdicts(publishing.workspace(), &head, options, host)?;
    let mut dropped: Vec<VersionNumber> = outcome.dropped().collect();
    dropped.reverse();
    drop_versions(&mut publishing, &dropped, REASON, host)?;
    Ok(outcome)
}

/// Marks versions, the oldest first, as dropped for a reason.
///
/// # Durability
/// As [`prune`].
pub(super) fn drop_versions(publishing: &mut Publishing<'_>, versions: &[VersionNumber], reason: &str, host: &dyn Host) -> OpsResult<()> {
    for versions in versions.chunks(PRUNED_VERSIONS_MAX) {
        let batch = publishing.workspace().store.batch()?;
        let record = PruneRecord { versions: versions.to_vec(), reason: reason.to_owned() };
        publishing.commit(batch, RecordBody::Prune(record), host)?;
    }
    Ok(())
}

fn verdicts(workspace: &Workspace, head: &LogHead, options: &PruneOptions<'_>, host: &dyn Host) -> OpsResult<PruneOutcome> {
    let mut rows = workspace.log.versions_newest_first(None)?;
    rows.retain(|row| !row.deleted);
    let candidates = candidates(&rows, head, &workspace.log.marks()?);
    let verdicts = decide(&candidates, &options.policy, host.now_ms(), options.calendar);
    let verdicts = rows.into_iter().zip(verdicts).map(|(row, verdict)| VersionVerdict { row, reasons: verdict.reasons });
    Ok(PruneOutcome { verdicts: verdicts.collect() })
}

/// The versions as the policy looks at them, with what keeps them whatever it says.
pub(super) fn candidates(rows: &[VersionRow], head: &LogHead, marks: &Marks) -> Vec<Candidate> {
    let mut labels_of = marks.labels_by_version();
    let candidate = |row: &VersionRow| {
        let number = row.record.number;
        let labels = labels_of.remove(&number).unwrap_or_default();
        let holds = [
            (head.active == Some(number), KeepReason::Active),
            (head.newest == Some(number), KeepReason::Newest),
            (marks.is_pinned(number), KeepReason::Pinned),
        ];
        let mut always: Vec<KeepReason> = holds.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect();
        always.extend(labels.iter().cloned().map(KeepReason::Label));
        Candidate { number, created_ms: row.created_ms, labels, always }
    };
    rows.iter().map(candidate).collect()
}
