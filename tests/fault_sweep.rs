//! Faults at every mutating system call of every command that writes: kill, kill after the call, EIO, ENOSPC once and from then
//! on, EINTR, EMFILE, short writes. After each: nothing is lost (promise 1), the next command finds the old or the new state,
//! whole (2), what was printed is true (4), every version is readable (6), and the next push needs no manual step.
//!
//! `LUA_SWEEP_STEP=1` runs all of it; the default is a sample that fits into a run of all tests.

mod common;

use common::inject;
use common::sandbox::Sandbox;
use common::scenarios::for_each_scenario;
use common::sweep::sweep;

for_each_scenario!(sweep);

/// A kill cannot show it, and a power cut only sometimes: what comes first is durable first.
#[test]
fn each_step_of_a_rollback_is_durable_before_the_next() {
    if let Some(reason) = inject::unavailable() {
        return common::skip("each_step_of_a_rollback_is_durable_before_the_next", &reason);
    }
    let sandbox = Sandbox::new();
    sandbox.json(&["init"]);
    for content in ["one", "two"] {
        sandbox.write("file", content);
        sandbox.json(&["push"]);
    }
    let rollback = sandbox.command(&["rollback", "1", "--force"]);
    let traced = inject::run(rollback, inject::Plan::Count).expect("a traced rollback");
    assert_eq!((traced.code(), std::fs::read(sandbox.path("file")).unwrap()), (Some(0), b"one".to_vec()));
    let tells = ["fdatasync", "fsync", "syncfs", "renameat", "renameat2"];
    let told: Vec<&str> = traced.calls.into_iter().filter(|call| tells.contains(call)).collect();
    let journal = ["fdatasync", "renameat", "fsync"];
    let exchange = ["renameat2", "syncfs"];
    let record = ["fdatasync"];
    let journal_goes = ["fsync"];
    assert_eq!(told, [&journal[..], &exchange, &record, &journal_goes].concat());
}
