//! A machine that exists only in memory: disk, clock, locks, and a scheduler of processes. Everything in it follows from one number, so
//! what went wrong once goes wrong again. It stands below all of `disk`: what runs on it is the program's own code.
//!
//! **Disk.** What was not synced survives a power cut in any part, torn at sectors, and lengths may be there without their bytes (`file`);
//! names need a sync of their folder (`names`). A sync that fails may lose what it was for, and the next one succeeds all the same. Calls
//! fail for want of room or handles, writes do a part.
//!
//! **Processes.** Each has a seat, which is a thread; only the one whose turn it is runs, and the turn may pass at each call. A process that
//! is killed, and all of them when the power goes, unwind at their next call with the payload [`Gone`]; their locks are free at once.
//!
//! Not in it: SQLite, which makes calls of its own; `io_uring` and the like, which nobody uses; bus errors of maps whose file was cut.

mod file;
mod handle;
mod machine;
mod names;
mod random;
#[cfg(test)]
mod tests;

pub use handle::{Handle, Map, Process};
pub use machine::{Faults, Gone, Machine, SEATS_MAX, Sabotage};
pub use random::Random;
