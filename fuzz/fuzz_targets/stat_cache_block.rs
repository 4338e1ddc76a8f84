//! Blocks of stat caches: see `lua_store::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lua_store::fuzzing::run("stat_cache_block", bytes));
