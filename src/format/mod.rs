//! The bytes of everything that is kept on disk: encoding and checked decoding, no I/O.
//!
//! `format.md` beside this file specifies every structure byte by byte; a test holds it against the constants here.
//! Whatever is decoded may come from a damaged or hostile store: nothing panics, and nothing is sized by a number that
//! has not been held against the bytes at hand.

pub mod bytes;
pub mod catalog;
pub mod chunk_list;
pub mod collection;
pub mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod index;
pub mod journal;
pub mod pack;
pub mod record;
pub mod remote;
pub mod seal;
pub mod stat_cache;
pub mod summary;
pub mod tree;

pub use bytes::FormatError;

/// Version of the store's format. A store with a higher one is refused.
pub const FORMAT_VERSION: u16 = 1;
