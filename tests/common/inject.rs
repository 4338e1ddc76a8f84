//! Fault injection: runs a program with all its threads and children, counts every system call that changes a file system
//! with one counter over all of them, and lets something go wrong at the call of a given ordinal.
//!
//! A seccomp program in the traced processes (see [`calls`]) stops them at these calls only, so that a run costs a few
//! microseconds per counted call and nothing for the others. The tracer sees the calls of all threads in the order in which
//! the kernel reports them; with one thread, or threads that do the same work, ordinals mean the same in every run.
//!
//! Linux on x86_64 only; elsewhere [`unavailable`] says so. Nothing outlives a run: a process that is still there when the
//! run ends, for whatever reason, is killed.

#![allow(unsafe_code)] // ptrace, prctl and waitpid are foreign functions; no library among the dependencies wraps them.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod calls;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tracer;

use std::io::{self, Read, Seek};
use std::process::Command;
use std::time::Duration;

/// A run that takes longer than this hangs, and is killed.
pub const RUN_MS_MAX: u64 = 60_000;

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// All processes are killed; the call is not executed.
    Kill,
    /// The call is executed, then all processes are killed.
    KillAfter,
    /// The call is not executed and fails with this `errno`.
    Errno(i32),
    /// A write is cut to half of its bytes. Calls that cannot be cut are executed as they are.
    Short,
}

/// At which calls it goes wrong. The first counted call has the ordinal 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// At none: only count.
    Count,
    /// At one call.
    At(usize, Fault),
    /// At this call and all that follow.
    From(usize, Fault),
}

impl Plan {
    /// What happens at the call with this ordinal.
    fn fault_at(self, ordinal: usize) -> Option<Fault> {
        match self {
            Plan::At(at, fault) if ordinal == at => Some(fault),
            Plan::From(from, fault) if ordinal >= from => Some(fault),
            _ => None,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal that the tracer did not send.
    Signalled(i32),
    /// By the fault.
    Killed,
    /// It took longer than [`RUN_MS_MAX`].
    TimedOut,
}

/// What happened in a run.
#[derive(Debug)]
pub struct Traced {
    /// Names of the counted calls, in order.
    pub calls: Vec<&'static str>,
    /// The first call that a fault was applied to: its name.
    pub struck: Option<&'static str>,
    /// How the program itself ended, whatever its children did.
    pub end: End,
    /// All that it and its children wrote to standard output.
    pub stdout: Vec<u8>,
    /// All that they wrote to standard error.
    pub stderr: Vec<u8>,
}

impl Traced {
    /// The exit code, if the program ended by itself.
    pub fn code(&self) -> Option<i32> {
        match self.end {
            End::Exited(code) => Some(code),
            _ => None,
        }
    }
}

/// Why programs cannot be traced here; `None` where they can.
pub fn unavailable() -> Option<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Some("the fault injector knows Linux on x86_64 only".to_owned());
    }
    // A container may forbid ptrace or seccomp.
    match run(Command::new("true"), Plan::Count) {
        Ok(Traced { end: End::Exited(0), .. }) => None,
        Ok(traced) => Some(format!("a traced `true` ended with {:?}", traced.end)),
        Err(error) => Some(format!("`true` cannot be traced: {error}")),
    }
}

/// How many calls that change a file system the program makes.
pub fn count(command: Command) -> io::Result<usize> {
    run(command, Plan::Count).map(|traced| traced.calls.len())
}

/// Runs a program under a plan and waits for it and for all its children.
pub fn run(command: Command, plan: Plan) -> io::Result<Traced> {
    run_within(command, plan, Duration::from_millis(RUN_MS_MAX))
}

/// As [`run`], with another limit on the time.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn run_within(mut command: Command, plan: Plan, time_max: Duration) -> io::Result<Traced> {
    // Files instead of pipes: nobody needs to read while the program runs, so nothing can block.
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(std::process::Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let (calls, struck, end) = tracer::trace(command, plan, time_max)?;
    let stdout = read_all(&mut stdout)?;
    let stderr = read_all(&mut stderr)?;
    Ok(Traced { calls, struck, end, stdout, stderr })
}

/// As [`run`], with another limit on the time.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn run_within(_: Command, _: Plan, _: Duration) -> io::Result<Traced> {
    Err(io::ErrorKind::Unsupported.into())
}

fn read_all(file: &mut std::fs::File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
