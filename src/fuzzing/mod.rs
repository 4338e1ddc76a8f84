//! One function for each parser of bytes that nobody vouches for. Each takes whatever it is given, and panics when the parser panics or
//! when what it took is not what it says: it must come out again as it was, or agree with a plainer way of reading it.
//!
//! For the fuzzer (`fuzz/`), which builds the library with the feature `fuzzing`, and for the tests of the library, which run the
//! corpus. No part of the interface: everything here may change or go at any time.
//!
//! What checks need of a module's inside stands beside the module, in a file `fuzzing.rs`.

#[cfg(test)]
mod tests;
mod words;

use crate::format::fuzzing as format;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the names under which `fuzz/fuzz_targets` and `fuzz/corpus` have them.
pub const TARGETS: &[(&str, Target)] = &[
    ("chunk_list", format::chunk_list),
    ("collection_journal", format::collection_journal),
    ("frame", format::frame),
    #[cfg(feature = "git")]
    ("git_object", crate::git::fuzzing::object),
    #[cfg(feature = "git")]
    ("git_stream", crate::git::fuzzing::stream),
    ("ignore_rules", crate::workspace::rules::fuzzing::ignore_rules),
    ("index_run", format::index_run),
    ("index_tail", format::index_tail),
    ("journal", format::journal),
    ("log_head", crate::version_log::fuzzing::log_head),
    ("pack", format::pack),
    ("pack_taken_in", crate::store::fuzzing::pack_taken_in),
    ("patch", crate::patch::fuzzing::patch),
    ("path", words::path),
    ("payload", crate::store::fuzzing::payload),
    ("record", format::record),
    ("remote_entry", format::remote_entry),
    ("remote_format", format::remote_format),
    ("remote_state", crate::ops::fuzzing::remote_state),
    ("round_trip", crate::store::fuzzing::round_trip),
    ("secrets", crate::ops::fuzzing::secrets),
    ("segment", crate::store::fuzzing::segment),
    ("segment_header", format::segment_header),
    ("settings", crate::ops::fuzzing::settings),
    ("stat_cache", format::stat_cache),
    ("stat_cache_block", format::stat_cache_block),
    ("tree", format::tree),
    ("words", words::words),
];

/// Runs the target of this name.
///
/// # Panics
/// When there is none, and when the target finds something wrong.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("there is no target {name}")).1(bytes);
}
