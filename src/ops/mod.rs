//! What a user can do with a workspace: one file for each operation, a function in it that does it, and plain values in
//! and out. Nothing here prints or asks; see [`Host`] for what an operation needs of its surroundings.
//!
//! Errors say what is true of the workspace or its history, not which call failed. Whatever fails, versions that were made
//! stay, and the workspace is what it was or what it was to become.

mod budget;
mod check;
mod check_ignore;
mod checkout;
mod diff;
mod drill;
mod du;
mod error;
#[cfg(feature = "git")]
mod export_git;
mod export_tar;
mod file_content;
mod files_below;
mod footprint;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod garbage;
mod gc;
mod host;
#[cfg(feature = "git")]
mod import_git;
mod init;
mod label;
mod list;
mod mark;
mod past;
mod path_tree;
mod present_rules;
mod promote;
mod prune;
mod purge;
mod purged;
mod push;
mod reach;
mod records;
mod restore;
mod retention;
mod revision;
mod rollback;
mod select;
mod settings;
mod snapshot;
mod status;
mod sync;
mod verify;
mod workspace;

pub use budget::{BudgetOutcome, keep_budget, set_budget};
pub use check::{CheckOptions, check};
pub use check_ignore::{Explanation, check_ignore};
pub use checkout::CheckedOut;
pub use diff::{DiffForm, DiffOptions, DiffOutcome, DiffSide, diff};
pub use drill::{DrillOptions, DrillVersions, DrilledVersion, drill};
pub use du::{DuOptions, DuOutcome, DuTotals, PathCost, VersionCost, du};
pub use error::{OpsError, OpsResult};
#[cfg(feature = "git")]
pub use export_git::{ExportGitOptions, ExportGitOutcome, export_git, export_git_to};
pub use export_tar::{ExportTarOptions, ExportTarOutcome, export_tar, export_tar_to};
pub use footprint::history_bytes;
pub use garbage::collection_is_wanted;
pub use gc::{GcOptions, GcOutcome, gc};
pub use host::{Host, Notice, Phase, QuietHost};
#[cfg(feature = "git")]
pub use import_git::{ImportGitOptions, ImportGitOutcome, ImportGitPlan, UnheldPath, UnheldWhy, import_git, plan_git_import};
pub use init::{InitOptions, InitOutcome, init};
pub use label::{LabelOutcome, is_label, label, unlabel};
pub use list::{MarkedVersion, green_versions, last_green, list, marked, newest, peek, version, with_marks};
pub use mark::{delete, set_pin};
pub use past::{
    AtOptions, BisectOptions, BisectOutcome, BlameLine, BlameOutcome, CommandLine, Culprit, Ended, EntriesOutcome, Entry, GrepMatch,
    GrepOptions, GrepOutcome, HitLine, LogEntry, LogOptions, Matched, Presence, PresenceEnd, Query, RevisionRange, ShowOptions,
    ShowOutcome, TestVerdict, VersionPath, VersionRun, VersionSpan, Wanted, WhenOptions, WhenOutcome, at, bisect, blame, cat, entries,
    grep, log, show, when,
};
pub use promote::{PromoteOutcome, promote, promotions};
pub use prune::{PruneOptions, PruneOutcome, VersionVerdict, prune, pruned_in_words};
pub use purge::{PurgeOptions, PurgeOutcome, PurgePlace, PurgePlan, PurgeProof, PurgedContent, purge, purge_plan};
pub use purged::{Purged, purged_paths};
pub use push::{LeftOutByRule, PushOptions, PushOutcome, PushReport, SkippedPath, push};
pub use restore::{RestoreOptions, RestoreOutcome, RestoreTarget, restore};
pub use retention::{Calendar, Candidate, KeepReason, KeepSpan, LocalTime, Period, Policy, Verdict, decide};
pub use revision::{Revision, RevisionError};
pub use rollback::{RollbackOptions, RollbackOutcome, RollbackPlan, rollback, rollback_plan, undo_target};
pub use settings::Settings;
pub use snapshot::LikelySecret;
pub use status::{Status, StatusOptions, status};
pub use sync::{
    AddOptions, AddOutcome, BackgroundResult, BringOutcome, Drift, FetchOutcome, FetchWhat, KeyChange, NotFetched, PullOptions,
    RemoteAccess, RemoteGcOptions, RemoteGcOutcome, RemoteReport, RemoteRow, RemoteSecret, RemoteVerifyOptions, RemoteVerifyOutcome,
    Renumbered, SyncDirection, SyncOptions, SyncOutcome, background_remotes, background_results, background_sync, fetch_contents,
    has_everything, missing_or_not_here, pull, remote_add, remote_check, remote_gc, remote_key_change, remote_list, remote_recovery_code,
    remote_remove, remote_verify, restore_sources, set_background_sync, sync, sync_check,
};
pub use verify::{DamagedPath, RepairOutcome, VerifyOptions, VerifyOutcome, repair, verify};
pub use workspace::Workspace;
