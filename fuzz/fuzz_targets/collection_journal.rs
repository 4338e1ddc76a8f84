//! Journals of collections: see `lua_store::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lua_store::fuzzing::run("collection_journal", bytes));
