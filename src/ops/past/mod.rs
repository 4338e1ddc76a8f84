//! Looking back: commands that read versions and change nothing. What several of them need stands here.

mod ahead;
mod at;
mod bisect;
mod blame;
mod cat;
mod entries;
mod follow;
mod grep;
mod log;
mod range;
mod scratch;
mod show;
mod trees;
mod when;

use std::sync::atomic::Ordering;

pub use at::{AtOptions, at};
pub use bisect::{BisectOptions, BisectOutcome, Culprit, TestVerdict, bisect};
pub use blame::{BlameLine, BlameOutcome, blame};
pub use cat::{VersionPath, cat};
pub use entries::{EntriesOutcome, Entry, entries};
pub use grep::{GrepMatch, GrepOptions, GrepOutcome, HitLine, Matched, Query, VersionSpan, Wanted, grep};
pub(super) use grep::{Stay, stays_of};
pub use log::{LogEntry, LogOptions, log};
pub use range::RevisionRange;
pub use scratch::{CommandLine, Ended, VersionRun};
pub use show::{ShowOptions, ShowOutcome, show};
pub use when::{Presence, PresenceEnd, WhenOptions, WhenOutcome, when};

use super::{Host, OpsError, OpsResult, Workspace};
use crate::format::record::VersionNumber;
use crate::path::RelPath;
use crate::tree::{OwnedNode, TreeSource, lookup};
use crate::version_log::VersionRow;

/// The versions whose contents can be read, newest first.
fn readable_versions(workspace: &Workspace) -> OpsResult<Vec<VersionRow>> {
    let mut rows = workspace.log.versions_newest_first(None)?;
    rows.retain(|row| !row.deleted);
    Ok(rows)
}

/// The version before this one whose contents can be read.
fn readable_before(workspace: &Workspace, number: VersionNumber) -> OpsResult<Option<VersionRow>> {
    for earlier in (1..number.0).rev() {
        if let Some(row) = workspace.log.version(VersionNumber(earlier))?.filter(|row| !row.deleted) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// What stands at a path of a version. The root of the workspace is a directory.
fn node_at<S: TreeSource>(trees: &S, row: &VersionRow, path: &RelPath) -> OpsResult<OwnedNode>
where
    OpsError: From<S::Error>,
{
    lookup(trees, &row.record.root, path)?.ok_or_else(|| OpsError::NotInVersion { number: row.record.number, path: path.clone() })
}

fn kind_name(node: &OwnedNode) -> &'static str {
    match node {
        OwnedNode::File { .. } => "file",
        OwnedNode::Directory { .. } => "folder",
        OwnedNode::Symlink { .. } => "symbolic link",
    }
}

fn stop_if_cancelled(host: &dyn Host) -> OpsResult<()> {
    if host.cancel_flag().load(Ordering::Relaxed) { Err(OpsError::Cancelled) } else { Ok(()) }
}
