//! checkout

mod access;
mod applied;
mod apply;
mod beneath;
mod contents;
mod cursor;
mod journal;
mod keep;
mod known;
mod look;
mod materialize;
mod mounts;
mod moves;
mod plan;
mod pool;
mod recover;
mod settle;
mod space;
mod stage;
mod stage_dir;
mod survey;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod undo;
mod verify;
mod write;

pub use applied::Applied;
pub use apply::{ApplyError, apply};
pub use contents::{CheckoutError, ContentReader, Contents, LeftOut, PlaceError, ReadError, Watch, WriteError};
pub use journal::{JOURNAL_NAME, JournalError, publish_journal, read_journal, remove_journal};
pub use keep::ConflictCopy;
pub use known::SeenLookup;
pub use look::{FileStat, Seen};
pub use materialize::{MaterializeOptions, Materialized, materialize};
pub use plan::{Action, CheckoutPlan, Place, PlanTotals};
pub use recover::{Progress, Recovery, left_alone_rule, recover};
pub use stage::{StagedPlan, stage};
pub use stage_dir::{LOCAL_STAGE_PREFIX, Stage};
pub use survey::{Conflict, SurveyError, SurveyedPlan, survey};
pub use verify::{FileVisitor, Mismatch, Problem, verify};
