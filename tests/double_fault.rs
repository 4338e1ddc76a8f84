//! Two faults in a row: a command is killed at a call, and the command that brings its remains in order meets a fault at one of its
//! own calls. After that everything must hold that holds after one fault.
//!
//! `LUA_DOUBLE_PAIRS` says how many pairs are tried of each command; the default is a sample that fits into a run of all tests.

mod common;

use common::contract::exit;
use common::history::Checked;
use common::inject::{self, End, Fault, Plan};
use common::random::Random;
use common::sandbox::{Sandbox, crashed};
use common::scenarios::{self, for_each_scenario};
use common::sweep::{Expected, Scenario, check_aftermath, expected_and_calls, run_command};
use common::{check_all, number_from_env, skip};

const PAIRS_DEFAULT: usize = 10;
/// How many second faults are tried on what one first fault left.
const SECONDS_EACH: usize = 5;
/// What a user does next, as often as not: to look.
const NEXT: [&str; 2] = ["status", "--json"];

/// A kind of fault: its name, and the plan that puts it at the call of an ordinal.
type Kind = (&'static str, fn(usize) -> Plan);

const SECOND_FAULTS: [Kind; 7] = [
    ("kill", |at| Plan::At(at, Fault::Kill)),
    ("kill after", |at| Plan::At(at, Fault::KillAfter)),
    ("EIO", |at| Plan::At(at, Fault::Errno(libc::EIO))),
    ("ENOSPC from then on", |at| Plan::From(at, Fault::Errno(libc::ENOSPC))),
    ("EINTR", |at| Plan::At(at, Fault::Errno(libc::EINTR))),
    ("EMFILE", |at| Plan::At(at, Fault::Errno(libc::EMFILE))),
    ("short write", |at| Plan::At(at, Fault::Short)),
];

fn pairs(scenario: &Scenario) {
    let name = format!("double_fault {}", scenario.name);
    if let Some(reason) = inject::unavailable().or_else(|| scenarios::unavailable(scenario.name)) {
        return skip(&name, &reason);
    }
    let (expected, calls) = expected_and_calls(scenario);
    let mut random = Random::new(calls.len() as u64);
    let firsts = number_from_env("LUA_DOUBLE_PAIRS", PAIRS_DEFAULT).div_ceil(SECONDS_EACH);
    let firsts: Vec<(usize, u64)> = (0..firsts).map(|_| (1 + random.below(calls.len()), random.next())).collect();
    let describe = |(first, _): &(usize, u64)| format!("killed at call {first} ({})", calls[first - 1]);
    let findings = check_all(&firsts, describe, |(first, seed)| check_first(scenario, &expected, *first, *seed));
    println!("{name}: {} pairs", firsts.len() * SECONDS_EACH);
    findings.assert_none(&name);
}

/// Kills the command at a call, and tries second faults on what that left.
fn check_first(scenario: &Scenario, expected: &Expected, first: usize, seed: u64) -> Checked<()> {
    let killed = Sandbox::copy_of(&scenario.before);
    let fault = if seed.is_multiple_of(2) { Fault::Kill } else { Fault::KillAfter };
    run_command(scenario, &killed, Plan::At(first, fault))?;
    let calls = {
        let copy = Sandbox::copy_of(&killed);
        inject::run(copy.command(&NEXT), Plan::Count).map_err(|error| error.to_string())?.calls
    };
    let mut random = Random::new(seed);
    for _ in 0..SECONDS_EACH {
        let (name, plan) = SECOND_FAULTS[random.below(SECOND_FAULTS.len())];
        let second = 1 + random.below(calls.len().max(1));
        check_second(scenario, expected, &killed, plan(second))
            .map_err(|error| format!("then {name} at call {second} of {} of {NEXT:?}: {error}", calls.len()))?;
    }
    Ok(())
}

fn check_second(scenario: &Scenario, expected: &Expected, killed: &Sandbox, plan: Plan) -> Checked<()> {
    let sandbox = Sandbox::copy_of(killed);
    let traced = inject::run(sandbox.command(&NEXT), plan).map_err(|error| error.to_string())?;
    match traced.end {
        End::Killed => {}
        End::Exited(code) if !crashed(code) && (code == exit::OK || exit::is_refusal(code) || code == exit::DAMAGED) => {}
        end => return Err(format!("it ended with {end:?}: {}", String::from_utf8_lossy(&traced.stderr))),
    }
    check_aftermath(scenario, expected, &sandbox, None, "nothing: it was killed")
}

for_each_scenario!(pairs);

/// A rollback is killed before its last step, and whatever the next command does to finish it fails at some call: forward, back, or
/// after it had all been done. An error that came after everything was in place was once taken for one that had been undone.
#[test]
fn a_rollback_that_is_finished_with_faults_is_whole() {
    if let Some(reason) = inject::unavailable() {
        return skip("a_rollback_that_is_finished_with_faults_is_whole", &reason);
    }
    let scenario = scenarios::rollback_of_saved_work();
    let (expected, calls) = expected_and_calls(&scenario);
    // Only permission bits are left to be set: then both ways can be gone to their ends.
    let all_is_synced = calls.iter().position(|call| *call == "syncfs").expect("the workspace is synced");
    let bits = calls[..all_is_synced].iter().rposition(|call| *call == "fchmod").expect("permission bits are set") + 1;
    let killed = Sandbox::copy_of(&scenario.before);
    run_command(&scenario, &killed, Plan::At(bits, Fault::Kill)).expect("it was killed");
    let copy = Sandbox::copy_of(&killed);
    let calls = inject::run(copy.command(&NEXT), Plan::Count).expect("it can be traced").calls;
    // All is in place when the workspace is synced: from there on every call fails once, before it some do.
    let synced = calls.iter().position(|call| *call == "syncfs").expect("the workspace is synced");
    let points: Vec<usize> = (1..=synced).step_by(number_from_env("LUA_SWEEP_STEP", 9).max(1)).chain(synced + 1..=calls.len()).collect();
    let points: Vec<(usize, i32)> = points.into_iter().flat_map(|at| [(at, libc::EIO), (at, libc::EMFILE)]).collect();
    let describe = |(at, errno): &(usize, i32)| format!("errno {errno} at call {at} ({})", calls[at - 1]);
    let check = |(at, errno): &(usize, i32)| check_second(&scenario, &expected, &killed, Plan::At(*at, Fault::Errno(*errno)));
    check_all(&points, describe, check).assert_none("finishing a rollback");
}
