//! The tracer: one thread that starts the program, is told of every counted call by the kernel, and decides about it.
//!
//! A tracer is a thread, not a process: only the thread that started the program may give it orders, and its `waitpid` with
//! `__WNOTHREAD` hears of its own tracees alone. So tests can trace in parallel, and other children of the test program are
//! left to those who started them.

use std::collections::HashSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use libc::{c_int, c_long, pid_t, sock_filter, sock_fprog, user_regs_struct};

use super::{End, Fault, Plan, calls};

const OPTIONS: c_int = libc::PTRACE_O_TRACESECCOMP
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_EXITKILL;
/// How a stop at the end of a call is reported under `PTRACE_O_TRACESYSGOOD`.
const CALL_STOP: c_int = libc::SIGTRAP | 0x80;
/// An argument without a meaning. Foreign functions with a variable number of arguments need it in its full width.
const NONE: c_long = 0;

type Outcome = (Vec<&'static str>, Option<&'static str>, End);

/// Runs a program under a plan: the counted calls, the first one struck, and how it ended.
pub fn trace(command: Command, plan: Plan, time_max: Duration) -> io::Result<Outcome> {
    let timed_out = AtomicBool::new(false);
    let (tell_started, started) = channel();
    std::thread::scope(|scope| {
        let tracer = scope.spawn(|| {
            let tell_started = tell_started;
            Tracer::start(command, plan, &tell_started)?.run(&timed_out)
        });
        watch(&started, time_max, &timed_out);
        tracer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Waits for the tracer, which drops its sender when it is done; kills the program when that takes too long.
fn watch(started: &Receiver<pid_t>, time_max: Duration, timed_out: &AtomicBool) {
    let Ok(group) = started.recv() else { return };
    if started.recv_timeout(time_max) == Err(RecvTimeoutError::Timeout) {
        timed_out.store(true, Ordering::Relaxed);
        // SAFETY: a signal to a process group touches no memory. The group is the program's own.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

struct Tracer {
    plan: Plan,
    root: pid_t,
    /// Threads that are traced and have not been reported dead.
    threads: HashSet<pid_t>,
    calls: Vec<&'static str>,
    struck: Option<&'static str>,
    /// The thread whose struck call is being executed, to be killed when it ends.
    kill_after: Option<pid_t>,
    killed: bool,
}

impl Tracer {
    fn start(mut command: Command, plan: Plan, tell_started: &Sender<pid_t>) -> io::Result<Self> {
        check_program(&command)?;
        let filter = calls::filter();
        // SAFETY: between fork and exec the closure makes system calls only; it allocates nothing and takes no lock.
        unsafe { command.process_group(0).pre_exec(move || ask_for_tracing(&filter)) };
        let root = command.spawn()?.id() as pid_t;
        let _ = tell_started.send(root);
        // The first exec of a process that asked to be traced ends in a stop.
        match wait(root)? {
            Some((_, status)) if libc::WIFSTOPPED(status) => {}
            status => return Err(io::Error::other(format!("the program ended before it began: {status:?}"))),
        }
        if let Err(error) = order(libc::PTRACE_SETOPTIONS, root, c_long::from(OPTIONS)) {
            kill(root);
            return Err(error);
        }
        let _ = order(libc::PTRACE_CONT, root, 0);
        Ok(Self { plan, root, threads: HashSet::from([root]), calls: Vec::new(), struck: None, kill_after: None, killed: false })
    }

    fn run(mut self, timed_out: &AtomicBool) -> io::Result<Outcome> {
        let mut end = None;
        while let Some((thread, status)) = wait(-1)? {
            if timed_out.load(Ordering::Relaxed) && !self.killed {
                // The group is dead already; this is for processes that have left it.
                self.kill_all();
            }
            if libc::WIFSTOPPED(status) {
                self.stopped(thread, status);
                continue;
            }
            self.threads.remove(&thread);
            if thread == self.root {
                end = Some(self.end_of(status));
            }
        }
        let end = end.ok_or_else(|| io::Error::other("the program's end was not reported"))?;
        let end = if timed_out.load(Ordering::Relaxed) { End::TimedOut } else { end };
        Ok((self.calls, self.struck, end))
    }

    fn end_of(&self, status: c_int) -> End {
        if libc::WIFEXITED(status) {
            End::Exited(libc::WEXITSTATUS(status))
        } else if self.killed {
            End::Killed
        } else {
            End::Signalled(libc::WTERMSIG(status))
        }
    }

    /// Decides how a stopped thread goes on. A thread that was killed meanwhile refuses every order, which is no error.
    fn stopped(&mut self, thread: pid_t, status: c_int) {
        let new = self.threads.insert(thread);
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        if self.killed {
            kill(thread);
            return;
        }
        if event == libc::PTRACE_EVENT_SECCOMP {
            // While the struck call is being executed no further one begins: whoever comes to one stays there.
            if self.kill_after.is_none() {
                self.at_call(thread);
            }
            return;
        }
        if signal == CALL_STOP {
            if self.kill_after == Some(thread) {
                self.kill_all();
                return;
            }
            let _ = order(libc::PTRACE_CONT, thread, 0);
            return;
        }
        if event == libc::PTRACE_EVENT_EXEC {
            self.forget_former_thread(thread);
        }
        // Events are the tracer's alone, and a new thread begins with a stop signal; all other signals are the program's.
        let deliver = if event != 0 || (new && signal == libc::SIGSTOP) { 0 } else { signal };
        let _ = order(libc::PTRACE_CONT, thread, c_long::from(deliver));
    }

    /// A thread that executes another program takes over the number of its process; its own is free for others from then on.
    fn forget_former_thread(&mut self, thread: pid_t) {
        let mut former: libc::c_ulong = 0;
        // SAFETY: the kernel writes one unsigned long to the address given, which is that of `former`.
        let told = unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, thread, NONE, &mut former) };
        if told == 0 && former as pid_t != thread {
            self.threads.remove(&(former as pid_t));
        }
    }

    fn at_call(&mut self, thread: pid_t) {
        let go_on = || drop(order(libc::PTRACE_CONT, thread, 0));
        let Some(mut registers) = registers_of(thread) else { return };
        if is_harmless_open(thread, &registers) {
            return go_on();
        }
        let name = calls::name(registers.orig_rax);
        self.calls.push(name);
        let Some(fault) = self.plan.fault_at(self.calls.len()) else { return go_on() };
        match fault {
            Fault::Kill => {
                self.struck.get_or_insert(name);
                self.kill_all();
            }
            Fault::KillAfter => {
                self.struck.get_or_insert(name);
                self.kill_after = Some(thread);
                let _ = order(libc::PTRACE_SYSCALL, thread, 0);
            }
            Fault::Errno(errno) => {
                // A call with the number -1 is not executed, and what stands in rax is its answer.
                registers.orig_rax = u64::MAX;
                registers.rax = i64::from(-errno) as u64;
                self.strike(thread, name, &registers);
                go_on();
            }
            Fault::Short => {
                if let Some(length) = length_of_write(&mut registers).filter(|length| **length > 1) {
                    *length /= 2;
                    self.strike(thread, name, &registers);
                }
                go_on();
            }
        }
    }

    fn strike(&mut self, thread: pid_t, name: &'static str, registers: &user_regs_struct) {
        // SAFETY: the kernel reads one `user_regs_struct` from the address given.
        if unsafe { libc::ptrace(libc::PTRACE_SETREGS, thread, NONE, registers) } == 0 {
            self.struck.get_or_insert(name);
        }
    }

    /// Kills every process. Those that have just been born are killed at their first stop.
    fn kill_all(&mut self) {
        self.killed = true;
        self.threads.iter().for_each(|&thread| kill(thread));
    }
}

/// Fails unless the program exists. The standard library would learn it from the new process through a pipe, but that process
/// has its seccomp program by then and no tracer that has set its options, so that it cannot write a byte.
fn check_program(command: &Command) -> io::Result<()> {
    let program = Path::new(command.get_program());
    let exists = if program.components().count() > 1 {
        program.exists()
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).exists())
    };
    if exists { Ok(()) } else { Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no program {program:?}"))) }
}

/// Runs in the new process: lets the parent trace it, and loads the seccomp program.
fn ask_for_tracing(filter: &[sock_filter]) -> io::Result<()> {
    let check = |answer: c_long| if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    let program = sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: no pointers are passed but that to `program`, which the kernel copies; it and the filter outlive the call.
    unsafe {
        check(libc::ptrace(libc::PTRACE_TRACEME, NONE, NONE, NONE))?;
        // Without this, only root may load one.
        check(c_long::from(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1 as c_long, NONE, NONE, NONE)))?;
        check(c_long::from(libc::prctl(libc::PR_SET_SECCOMP, c_long::from(libc::SECCOMP_MODE_FILTER), &program)))
    }
}

/// The next report about one thread, or with -1 about any; `None` when there is nobody left to report on.
fn wait(thread: pid_t) -> io::Result<Option<(pid_t, c_int)>> {
    let mut status = 0;
    loop {
        // SAFETY: the kernel writes one int to the address given, which is that of `status`.
        let reported = unsafe { libc::waitpid(thread, &mut status, libc::__WALL | libc::__WNOTHREAD) };
        if reported > 0 {
            return Ok(Some((reported, status)));
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::ECHILD) => return Ok(None),
            Some(libc::EINTR) => {}
            _ => return Err(error),
        }
    }
}

fn order(request: libc::c_uint, thread: pid_t, value: c_long) -> io::Result<()> {
    // SAFETY: the requests used here take a plain number and no address.
    match unsafe { libc::ptrace(request, thread, NONE, value) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn kill(thread: pid_t) {
    // SAFETY: a signal touches no memory of ours. The thread is traced and not yet waited for, so its number is still its own.
    unsafe { libc::kill(thread, libc::SIGKILL) };
}

fn registers_of(thread: pid_t) -> Option<user_regs_struct> {
    let mut registers = std::mem::MaybeUninit::uninit();
    // SAFETY: the kernel fills the whole `user_regs_struct` at the address given when it answers 0.
    unsafe { (libc::ptrace(libc::PTRACE_GETREGS, thread, NONE, registers.as_mut_ptr()) == 0).then(|| registers.assume_init()) }
}

/// Whether the call is an `openat2` that only reads: its flags are the first eight bytes of the structure it points to.
fn is_harmless_open(thread: pid_t, registers: &user_regs_struct) -> bool {
    if registers.orig_rax != libc::SYS_openat2 as u64 {
        return false;
    }
    // SAFETY: reads a word of the traced process; an address that is not mapped there is an error, not a fault here.
    let flags = unsafe { libc::ptrace(libc::PTRACE_PEEKDATA, thread, registers.rdx, NONE) };
    flags & c_long::from(calls::OPEN_CHANGES) == 0
}

/// The register that holds the number of bytes a call writes.
fn length_of_write(registers: &mut user_regs_struct) -> Option<&mut u64> {
    match registers.orig_rax as c_long {
        libc::SYS_write | libc::SYS_pwrite64 => Some(&mut registers.rdx),
        libc::SYS_sendfile => Some(&mut registers.r10),
        libc::SYS_copy_file_range | libc::SYS_splice => Some(&mut registers.r8),
        _ => None,
    }
}
