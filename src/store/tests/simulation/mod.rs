//! The store on a simulated machine: power cuts, kills, failing calls and processes beside each other, all from one number. What is broken
//! for a seed once is broken again.
//!
//! `LUA_SIMULATION_SEEDS=N` tries N seeds, `LUA_SIMULATION_FIRST` says from which on; `LUA_SIMULATION_SEED=N` runs one and prints every call.
//!
//! Only what is below `ops` is here: the version log is one of its own (`oracle`), since SQLite cannot be put on a simulated disk.

mod found;
mod oracle;
mod scenario;
mod session;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::disk::simulated::Sabotage;
use scenario::{Outcome, run};

/// Seeds in every run of the tests.
const SEEDS: u64 = 400;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The first seed of a range for which a promise is broken, and all calls that were made.
fn first_broken(seeds: std::ops::Range<u64>, sabotage: Sabotage) -> (Option<(u64, String)>, u64) {
    let (next, calls) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let found = std::sync::Mutex::new(None::<(u64, String)>);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || found.lock().unwrap().is_some() {
                return;
            }
            let outcome = run(seed, sabotage, false);
            calls.fetch_add(outcome.calls, Ordering::Relaxed);
            if let Some(broken) = outcome.broken {
                found.lock().unwrap().get_or_insert((seed, broken));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    (found.into_inner().unwrap(), calls.into_inner())
}

#[test]
fn every_promise_holds_for_every_seed() {
    if let Some(seed) = number("LUA_SIMULATION_SEED") {
        let Outcome { broken, told, .. } = run(seed, Sabotage::None, true);
        println!("{}", told.join("\n"));
        assert_eq!(broken, None);
        return;
    }
    let first = number("LUA_SIMULATION_FIRST").unwrap_or(0);
    let seeds = first..first + number("LUA_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let (broken, calls) = first_broken(seeds.clone(), Sabotage::None);
    println!("{} simulations, {calls} calls", seeds.end - seeds.start);
    if let Some((seed, broken)) = broken {
        panic!("{broken}\nto see it again: LUA_SIMULATION_SEED={seed} cargo test --lib every_promise_holds -- --nocapture");
    }
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in 0..60 {
        let (first, second) = (run(seed, Sabotage::None, false), run(seed, Sabotage::None, false));
        assert_eq!((first.trace, first.calls, first.broken), (second.trace, second.calls, second.broken), "seed {seed}");
    }
    let traces: std::collections::HashSet<u64> = (0..20).map(|seed| run(seed, Sabotage::None, false).trace).collect();
    assert_eq!(traces.len(), 20, "every seed does something else");
}

#[test]
fn a_disk_that_lies_is_found_out() {
    for sabotage in [Sabotage::FileSync, Sabotage::FolderSync, Sabotage::Locks] {
        let (broken, _) = first_broken(0..2000, sabotage);
        let (seed, broken) = broken.unwrap_or_else(|| panic!("{sabotage:?} is not noticed: the simulation is broken"));
        println!("{sabotage:?}: seed {seed}: {broken}");
    }
}
