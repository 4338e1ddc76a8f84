//! Bringing the workspace from one tree to another, all or nothing, and writing trees into directories of their own.
//!
//! # How
//!
//! 1. [`CheckoutPlan::new`]: what differs between the tree that the workspace was just found equal to and the target, less
//!    what the ignore rules exclude. Pure.
//! 2. [`survey`]: the plan is held against the workspace. What stands in the way and is in no version makes it refused, with a
//!    list. Changes nothing.
//! 3. [`publish_journal`]: what is about to be done, durable, before anything is done.
//! 4. [`stage`]: everything that comes is written in full into the stage, a folder of the store. After an error (a damaged
//!    object, a full disk, the user stopped it) the workspace is as it was and the stage is gone; the journal can go too.
//! 5. [`apply`]: renames, each of which can be taken back, and are when one fails. What comes out of a place goes into the
//!    stage.
//! 6. [`Applied::sync`], and [`verify`]: everything touched is read back.
//! 7. [`Applied::discard`]: what came out goes; unless it is what was recorded there it is kept beside the place as
//!    `NAME.lua-conflict-1`. Then the caller records the new version, then [`remove_journal`].
//!
//! A command that finds a journal calls [`recover`] first. It says how far the checkout got and gives the changes that are left
//! in either direction, which go through the same steps again under the same journal: `CheckoutPlan::new(recovery.forward,
//! &left_alone_rule(&journal))`. When it names foreign paths the workspace must be recorded before.
//!
//! # Why nothing is lost
//!
//! Nothing is ever written into a file of the workspace, or over one. A rename either exchanges two things, or puts one
//! where nothing is, so whatever stood at a place is in the stage afterwards, even if it was made a moment ago; and from the
//! stage nothing is removed unless its content is that of one of the two trees, both of which are in the store. Directories
//! are only removed empty, by the kernel's own judgement.
//!
//! # What happens at a crash
//!
//! | killed | the next command finds | it |
//! |---|---|---|
//! | before the journal is published | leftovers in the folder for temporary files at most | sweeps them |
//! | while staging | the journal; every place as before | empties the stage, removes the journal |
//! | while applying | the journal; some places old, some new | settles the stage, finishes (or undoes) |
//! | before the version is recorded | the journal; every place new | records the version |
//! | after that | the journal, and a log that is further than it says; or the stage alone | removes both |
//!
//! After a power cut renames may have reached the disk in any number and files may be torn: a place is then neither old nor
//! new, is recorded like an edit unless it holds nothing but zeros, and becomes what it should.
//!
//! # How it stays inside
//!
//! Every folder is opened from the handle of the root, through no link (`openat2` with `RESOLVE_BENEATH` and
//! `RESOLVE_NO_SYMLINKS`, or component by component); every change is made by such a handle and one name; permission bits are
//! set by the handle of the thing itself. Paths may be longer than `PATH_MAX`, and nothing recurses.
//!
//! # Limits
//!
//! - Owner, group, times, access control lists and extended attributes are not recorded: a file that is written anew gets those
//!   that a new file in the store's folder gets.
//! - A folder that somebody moves out of the workspace while a file is put into it takes that file along.
//! - On a file system that knows neither `RENAME_NOREPLACE` nor hard links (some FUSE), a file that is made in the moment
//!   between a look and a rename is lost.
//! - A writer that held a file open from before it was replaced until after [`Applied::discard`] writes into the void.
//! - Directories that their owner may not enter cannot be read back by other users than root; [`verify`] says so.

mod access;
mod applied;
mod apply;
mod beneath;
mod contents;
mod cursor;
mod done;
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
pub use apply::apply;
pub use contents::{CheckoutError, ContentReader, Contents, LeftOut, PlaceError, ReadError, Watch, WriteError};
pub use done::ApplyError;
pub use journal::{JOURNAL_NAME, JournalError, publish_journal, read_journal, remove_journal};
pub use keep::ConflictCopy;
pub use look::FileStat;
pub use materialize::{MaterializeOptions, Materialized, materialize};
pub use plan::{Action, CheckoutPlan, Place, PlanTotals};
pub use recover::{Progress, Recovery, left_alone_rule, recover};
pub use stage::{StagedPlan, stage};
pub use stage_dir::{LOCAL_STAGE_PREFIX, Stage};
pub use survey::{Conflict, SurveyError, SurveyedPlan, survey};
pub use verify::{FileVisitor, Mismatch, Problem, forget_cached, read_whole_back, verify};
