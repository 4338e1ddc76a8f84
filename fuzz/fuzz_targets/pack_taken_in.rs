//! Packs that come into a store: see `lua_store::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lua_store::fuzzing::run("pack_taken_in", bytes));
