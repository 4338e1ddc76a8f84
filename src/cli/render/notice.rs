//! What the user should hear about while an operation runs.

use lua_store::ops::Notice;
use lua_store::patch::readable_size;

use super::escape;

/// A notice in one line.
pub fn line(notice: &Notice) -> String {
    match notice {
        Notice::WaitingForPublish => "waiting for another process that is publishing a version".to_owned(),
        Notice::WaitingForCheckout => "waiting for another process that is at work on the workspace".to_owned(),
        Notice::WaitingForSync => "waiting for another process that is at work with a remote".to_owned(),
        Notice::LogRebuilt => "the version log was missing or damaged, and has been made anew; no version is lost".to_owned(),
        Notice::UnfinishedPushRemoved { bytes } => {
            format!("a push that was interrupted left {} behind, which have been removed; no version is affected", readable_size(*bytes))
        }
        Notice::RollbackFinished { what } => format!("{}: it was interrupted and has been finished now", escape::text(what)),
        Notice::RollbackDropped { what } => {
            format!("{}: it was interrupted and has been undone; the workspace is as it was before", escape::text(what))
        }
        Notice::NewestDamaged { why } => {
            format!("the newest version is damaged ({}); what the workspace still has is stored again", escape::text(why))
        }
        Notice::ConflictCopy { path } => {
            format!("somebody wrote to the workspace meanwhile; their bytes are in {}", escape::path(path.as_bytes()))
        }
    }
}
