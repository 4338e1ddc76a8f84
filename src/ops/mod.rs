//! What a user can do with a workspace: one file for each operation, a function in it that does it, and plain values in
//! and out. Nothing here prints or asks; see [`Host`] for what an operation needs of its surroundings.
//!
//! Errors say what is true of the workspace or its history, not which call failed. Whatever fails, versions that were made
//! stay, and the workspace is what it was or what it was to become.

mod check_ignore;
mod checkout;
mod diff;
mod error;
mod host;
mod init;
mod list;
mod mark;
mod past;
mod present_rules;
mod promote;
mod push;
mod restore;
mod revision;
mod rollback;
mod select;
mod settings;
mod snapshot;
mod status;
mod verify;
mod workspace;

pub use check_ignore::{Explanation, check_ignore};
pub use diff::{DiffForm, DiffOptions, DiffOutcome, DiffSide, diff};
pub use error::{OpsError, OpsResult};
pub use host::{Host, Notice, Phase, QuietHost};
pub use init::{InitOptions, InitOutcome, init};
pub use list::{list, newest, version};
pub use mark::delete;
pub use past::{
    AtOptions, BisectOptions, BisectOutcome, BlameLine, BlameOutcome, CommandLine, Culprit, Ended, EntriesOutcome, Entry, GrepMatch,
    GrepOptions, GrepOutcome, HitLine, LogEntry, LogOptions, Matched, Presence, PresenceEnd, Query, RevisionRange, ShowOptions,
    ShowOutcome, Verdict, VersionPath, VersionRun, VersionSpan, Wanted, WhenOptions, WhenOutcome, at, bisect, blame, cat, entries, grep,
    log, show, when,
};
pub use promote::{PromoteOutcome, promote, promotions};
pub use push::{LeftOutByRule, PushOptions, PushOutcome, PushReport, SkippedPath, push};
pub use restore::{RestoreOptions, RestoreOutcome, RestoreTarget, restore};
pub use revision::{Revision, RevisionError};
pub use rollback::{RollbackOptions, RollbackOutcome, RollbackPlan, rollback, rollback_plan, undo_target};
pub use settings::Settings;
pub use status::{Status, StatusOptions, status};
pub use verify::{DamagedPath, RepairOutcome, VerifyOptions, VerifyOutcome, repair, verify};
pub use workspace::Workspace;
