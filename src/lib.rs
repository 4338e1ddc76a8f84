//! `lua_store`: the version history of a workspace in its own folder, as a library.
//!
//! The modules form layers; each may use only those above it in this list (`tests/tidy.rs` holds them to it):
//!
//! | rank | module | owns |
//! |---|---|---|
//! | 0 | [`limits`] | every bound and default |
//! | 1 | [`id`], [`path`] | ids and hashing; names and relative paths that are safe |
//! | 2 | [`format`] | the bytes of everything on disk |
//! | 3 | [`disk`] | the only writes to files of the store |
//! | 4 | [`tree`] | trees of a whole workspace: walk, compare |
//! | 5 | [`store`] | objects by id: segments, index, deltas, chunks |
//!
//! Nothing here prints, prompts or reads the environment: that is the business of the program `lua`.

pub mod disk;
pub mod format;
pub mod id;
pub mod limits;
pub mod path;
pub mod store;
pub mod tree;
