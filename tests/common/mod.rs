//! What the tests share: a sealed place to run the program in, exact pictures of directory trees, faults at system calls, and
//! the one place that knows the form of the program's answers.

#![allow(dead_code)] // Every file in `tests/` is a program of its own and uses a part of this.

pub mod contract;
pub mod far;
pub mod fault_proxy;
pub mod files;
pub mod grow;
pub mod history;
pub mod inject;
pub mod power_cut;
pub mod random;
pub mod sandbox;
pub mod scenarios;
pub mod scrub;
pub mod sweep;
pub mod terminal;
pub mod tree_state;
pub mod volume;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Says that a test, or a part of one, does not run here, by its name and with the reason. Where the machine promises to have
/// all that the tests need (the variable `CI` is set), it is a failure: nothing goes untested unnoticed.
pub fn skip(test: &str, reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{test} must run in CI, but: {reason}");
    println!("SKIPPED {test}: {reason}");
}

/// As [`skip`], for tests that need devices, mounts or the rights of root, which no machine promises.
pub fn skip_for_lack_of_devices(test: &str, reason: &str) {
    println!("SKIPPED {test}: {reason}");
}

/// A number from the environment, for tests that run longer when they are told to.
pub fn number_from_env(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
        Err(_) => default,
    }
}

/// Checks many cases on all processors, and gives what was found wrong in any of them, with the names of the cases.
pub fn check_all<T: Sync>(cases: &[T], name: impl Fn(&T) -> String + Sync, check: impl Fn(&T) -> Result<(), String> + Sync) -> Findings {
    let next = AtomicUsize::new(0);
    let findings = Mutex::new(Findings::default());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = check(case);
            findings.lock().expect("no other thread has panicked").check(&name(case), result);
        }
    };
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| drop(scope.spawn(work)));
    });
    findings.into_inner().expect("no thread has panicked")
}

/// Does something over and over, each in a thread of its own, until `work` ends or fails.
pub fn while_repeating<T>(repeated: &[&(dyn Fn() + Sync)], work: impl FnOnce() -> T) -> T {
    struct StopAtEnd<'a>(&'a AtomicBool);
    impl Drop for StopAtEnd<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for repeat in repeated {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    repeat();
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        work()
    })
}

/// What a test found wrong, all of it: a sweep goes on after a failure, since the pattern of failures says more than the first.
#[derive(Default)]
pub struct Findings(Vec<String>);

/// Findings that are shown in full; of the rest only the number.
const FINDINGS_SHOWN_MAX: usize = 20;

impl Findings {
    /// Adds a finding.
    pub fn add(&mut self, finding: String) {
        self.0.push(finding);
    }

    /// Adds the error, if it is one, with the place where it was found.
    pub fn check(&mut self, place: &str, result: Result<(), String>) {
        if let Err(error) = result {
            self.0.push(format!("{place}: {error}"));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds all findings of another part.
    pub fn extend(&mut self, other: Findings) {
        self.0.extend(other.0);
    }

    /// Fails the test if anything was found.
    pub fn assert_none(self, what: &str) {
        let shown = self.0.iter().take(FINDINGS_SHOWN_MAX).map(|finding| format!("- {finding}\n")).collect::<String>();
        assert!(self.0.is_empty(), "{what}: {} findings\n{shown}", self.0.len());
    }
}
