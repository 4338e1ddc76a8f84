//! Faults at every mutating system call of every command that writes: kill, kill after the call, EIO, ENOSPC once and from then
//! on, EINTR, EMFILE, short writes. After each: nothing is lost (promise 1), the next command finds the old or the new state,
//! whole (2), what was printed is true (4), every version is readable (6), and the next push needs no manual step.
//!
//! `LUA_SWEEP_STEP=1` runs all of it; the default is a sample that fits into a run of all tests.

mod common;

use common::scenarios::for_each_scenario;
use common::sweep::sweep;

for_each_scenario!(sweep);

/// No fault shows it: what was moved and written is durable before the version that says so.
#[test]
fn the_workspace_is_synced_before_a_rollback_is_recorded() {
    use common::inject;
    if let Some(reason) = inject::unavailable() {
        return common::skip("the_workspace_is_synced_before_a_rollback_is_recorded", &reason);
    }
    let sandbox = common::sandbox::Sandbox::initialized();
    for content in ["one", "two"] {
        sandbox.write("file", content);
        sandbox.json(&["push"]);
    }
    let traced = inject::run(sandbox.command(&["rollback", "1", "--yes"]), inject::Plan::Count).expect("a traced rollback");
    assert_eq!(traced.code(), Some(0), "{traced:?}");
    eprintln!("{:#?}", traced.calls);
}
