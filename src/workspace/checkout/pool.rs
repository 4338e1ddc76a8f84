//! Threads that work off jobs and may add more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::limits;

/// How many threads a checkout uses.
pub(super) fn thread_count() -> u16 {
    limits::thread_count() as u16
}

struct State<J> {
    /// The newest job is taken first: of a tree that keeps the jobs that wait, and so the memory, few.
    jobs: Vec<J>,
    busy_threads: usize,
}

/// Jobs that wait.
pub(super) struct Jobs<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
    failed: AtomicBool,
}

impl<J> Jobs<J> {
    /// Adds jobs.
    pub(super) fn add(&self, jobs: impl IntoIterator<Item = J>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.jobs.len();
        state.jobs.extend(jobs);
        if state.jobs.len() > before {
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Option<J> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.failed.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(job) = state.jobs.pop() {
                state.busy_threads += 1;
                return Some(job);
            }
            if state.busy_threads == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self) {
        if std::thread::panicking() {
            self.failed.store(true, Ordering::Relaxed);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.busy_threads -= 1;
        if state.busy_threads == 0 || self.failed.load(Ordering::Relaxed) {
            self.changed.notify_all();
        }
    }

    fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
        // Under the lock, so that no thread misses it between looking and waiting.
        let _state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.changed.notify_all();
    }
}

/// A job in work. Whether its thread returns or panics, the others are told.
struct Busy<'a, J>(&'a Jobs<J>);

impl<J> Drop for Busy<'_, J> {
    fn drop(&mut self) {
        self.0.done();
    }
}

/// Works off one job with a thread's own state; may add more.
type Work<'a, J, S, E> = dyn Fn(&mut S, J, &Jobs<J>) -> Result<(), E> + Sync + 'a;

/// Works off jobs on `threads` threads. Each begins with `start(its number)` and ends with `finish`, whose results come back in
/// that order. The first error ends all of them after the job at hand.
pub(super) fn run<J, S, R, E>(
    threads: u16,
    jobs: Vec<J>,
    start: &(dyn Fn(u16) -> S + Sync),
    work: &Work<'_, J, S, E>,
    finish: &(dyn Fn(S) -> R + Sync),
) -> Result<Vec<R>, E>
where
    J: Send,
    R: Send,
    E: Send,
{
    let jobs = Jobs { state: Mutex::new(State { jobs, busy_threads: 0 }), changed: Condvar::new(), failed: AtomicBool::new(false) };
    let one_thread = |number: u16| -> Result<R, E> {
        let mut own = start(number);
        while let Some(job) = jobs.next() {
            let _busy = Busy(&jobs);
            work(&mut own, job, &jobs).inspect_err(|_| jobs.fail())?;
        }
        Ok(finish(own))
    };
    if threads <= 1 {
        return Ok(vec![one_thread(0)?]);
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|number| {
                scope.spawn({
                    let one_thread = &one_thread;
                    move || one_thread(number)
                })
            })
            .collect();
        let mut results = vec![one_thread(0)];
        for other in others {
            results.push(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results.into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn jobs_may_add_jobs() {
        for threads in [1, 2, 7] {
            let sums = run(
                threads,
                vec![12u32],
                &|_| 0,
                &|sum, job, jobs| {
                    *sum += 1;
                    jobs.add((0..2).filter(|_| job > 0).map(|_| job - 1));
                    Ok::<(), ()>(())
                },
                &|sum: u64| sum,
            );
            assert_eq!(sums.unwrap().iter().sum::<u64>(), (1 << 13) - 1);
        }
    }

    #[test]
    fn the_first_error_ends_all() {
        let done = AtomicU64::new(0);
        let work = |(): &mut (), job: u32, _: &Jobs<u32>| {
            done.fetch_add(1, Ordering::Relaxed);
            if job == 99_990 { Err("stop") } else { Ok(()) }
        };
        let result = run(4, (0..100_000).collect(), &|_| (), &work, &|()| ());
        assert_eq!(result, Err("stop"));
        assert!(done.load(Ordering::Relaxed) < 100_000);
    }
}
