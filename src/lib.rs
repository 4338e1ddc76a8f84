//! `lua_store`: the version history of a workspace in its own folder, as a library.
//!
//! The modules form layers; each may use only those above it in this list (`tests/tidy.rs` holds them to it):
//!
//! | rank | module | owns |
//! |---|---|---|
//! | 0 | [`limits`] | every bound and default |
//! | 1 | [`id`], [`path`] | ids and hashing; names and relative paths that are safe |
//! | 2 | [`mod@format`] | the bytes of everything on disk |
//! | 3 | [`disk`] | the only writes to files of the store |
//! | 4 | [`tree`] | trees of a whole workspace: walk, compare |
//! | 5 | [`store`] | objects by id: segments, index, deltas, chunks |
//! | 5 | [`version_log`] | the index of the version log, in SQLite |
//! | 6 | [`workspace`] | the workspace: ignore rules, scan, stat cache, checkout |
//! | 6 | [`patch`] | changes as people see them: renames, patches, counted lines |
//! | 6 | `git` | git repositories and git's stream format (feature `git`) |
//! | 6 | [`remote`] | a history in object storage: log, packs (network: feature `remote`) |
//! | 7 | [`ops`] | what a user can do: push, rollback, promote, list, diff, restore, verify … |
//!
//! `fuzzing` (feature `fuzzing`) is for the fuzzer alone and no part of the interface.
//!
//! Nothing here prints, prompts or reads the environment: that is the business of the program `lua`.

pub mod disk;
pub mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(feature = "git")]
pub mod git;
pub mod id;
pub mod limits;
pub mod ops;
pub mod patch;
pub mod path;
pub mod remote;
pub mod store;
pub mod tree;
pub mod version_log;
pub mod workspace;
