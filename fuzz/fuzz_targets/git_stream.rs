//! What goes into git's stream: see `lua_store::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lua_store::fuzzing::run("git_stream", bytes));
