//! Which system calls change a file system, and the seccomp program that stops a process at exactly these.
//!
//! The seccomp program looks at the number of a call and, where that is not enough, at one of its arguments: opening a file
//! for reading is no change, and neither is a line printed to the terminal. All other calls run at full speed.
//!
//! What it cannot see: writes through a shared memory map (they are no calls), and requests in an `io_uring`, for which
//! reason a traced program gets none (`io_uring_setup` fails with `ENOSYS`, as on a kernel without it).

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JGT, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO,
    SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRACE, c_long, sock_filter,
};

/// When a call with the right number counts.
#[derive(Clone, Copy)]
enum When {
    Always,
    /// The argument at this index has any of these bits.
    HasBits(u32, u32),
    /// The argument at this index is larger than this.
    Above(u32, u32),
    /// The argument at this index is one of these.
    OneOf(u32, &'static [u32]),
}

/// Flags with which an open can change something: a way to write, or the making or emptying of a file.
pub const OPEN_CHANGES: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32;
/// Standard input, output and error: what a program says to its caller is no change.
const STDERR: u32 = libc::STDERR_FILENO as u32;
/// Requests that clone bytes between files (all, a range) and that change a file's flags.
const IOCTLS: &[u32] = &[0x4004_9409, 0x4020_940d, 0x4008_6602];

use When::{Above, Always, HasBits, OneOf};

const CALLS: &[(c_long, &str, When)] = &[
    (libc::SYS_write, "write", Above(0, STDERR)),
    (libc::SYS_pwrite64, "pwrite64", Always),
    (libc::SYS_writev, "writev", Above(0, STDERR)),
    (libc::SYS_pwritev, "pwritev", Always),
    (libc::SYS_pwritev2, "pwritev2", Always),
    (libc::SYS_copy_file_range, "copy_file_range", Above(2, STDERR)),
    (libc::SYS_sendfile, "sendfile", Above(0, STDERR)),
    (libc::SYS_splice, "splice", Above(2, STDERR)),
    (libc::SYS_fsync, "fsync", Always),
    (libc::SYS_fdatasync, "fdatasync", Always),
    (libc::SYS_sync_file_range, "sync_file_range", Always),
    (libc::SYS_syncfs, "syncfs", Always),
    (libc::SYS_sync, "sync", Always),
    (libc::SYS_msync, "msync", Always),
    (libc::SYS_open, "open", HasBits(1, OPEN_CHANGES)),
    (libc::SYS_openat, "openat", HasBits(2, OPEN_CHANGES)),
    // Its flags lie in memory, where no seccomp program can look: the tracer does (see `inject.rs`).
    (libc::SYS_openat2, "openat2", Always),
    (libc::SYS_creat, "creat", Always),
    (libc::SYS_rename, "rename", Always),
    (libc::SYS_renameat, "renameat", Always),
    (libc::SYS_renameat2, "renameat2", Always),
    (libc::SYS_link, "link", Always),
    (libc::SYS_linkat, "linkat", Always),
    (libc::SYS_symlink, "symlink", Always),
    (libc::SYS_symlinkat, "symlinkat", Always),
    (libc::SYS_unlink, "unlink", Always),
    (libc::SYS_unlinkat, "unlinkat", Always),
    (libc::SYS_rmdir, "rmdir", Always),
    (libc::SYS_mkdir, "mkdir", Always),
    (libc::SYS_mkdirat, "mkdirat", Always),
    (libc::SYS_mknod, "mknod", Always),
    (libc::SYS_mknodat, "mknodat", Always),
    (libc::SYS_truncate, "truncate", Always),
    (libc::SYS_ftruncate, "ftruncate", Always),
    (libc::SYS_fallocate, "fallocate", Always),
    (libc::SYS_chmod, "chmod", Always),
    (libc::SYS_fchmod, "fchmod", Always),
    (libc::SYS_fchmodat, "fchmodat", Always),
    (libc::SYS_fchmodat2, "fchmodat2", Always),
    (libc::SYS_chown, "chown", Always),
    (libc::SYS_lchown, "lchown", Always),
    (libc::SYS_fchown, "fchown", Always),
    (libc::SYS_fchownat, "fchownat", Always),
    (libc::SYS_utimensat, "utimensat", Always),
    (libc::SYS_utimes, "utimes", Always),
    (libc::SYS_setxattr, "setxattr", Always),
    (libc::SYS_lsetxattr, "lsetxattr", Always),
    (libc::SYS_fsetxattr, "fsetxattr", Always),
    (libc::SYS_removexattr, "removexattr", Always),
    (libc::SYS_lremovexattr, "lremovexattr", Always),
    (libc::SYS_fremovexattr, "fremovexattr", Always),
    // Changes no file, but a program that takes a failed lock for a lock will.
    (libc::SYS_flock, "flock", Always),
    (libc::SYS_ioctl, "ioctl", OneOf(1, IOCTLS)),
];

/// The name of a call that the seccomp program stops at.
pub fn name(number: u64) -> &'static str {
    let known = CALLS.iter().find(|(known, ..)| *known as u64 == number);
    known.map_or("unknown", |(_, name, _)| name)
}

/// `AUDIT_ARCH_X86_64` of the kernel: the machine, 64 bits, little-endian.
const ARCH_X86_64: u32 = 0xc000_003e;
/// Where `struct seccomp_data` holds the number of the call, the architecture, and the lower half of its first argument.
const NUMBER_AT: u32 = 0;
const ARCH_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;
const ARGUMENT_BYTES: u32 = 8;

/// The seccomp program: stops for the tracer at every call of the list, lets all others pass.
pub fn filter() -> Vec<sock_filter> {
    let mut code = vec![load(ARCH_AT), jump(BPF_JEQ, ARCH_X86_64, 1, 0), answer(SECCOMP_RET_KILL_PROCESS), load(NUMBER_AT)];
    for (number, _, when) in CALLS {
        let body = block(*when);
        code.push(jump(BPF_JEQ, *number as u32, 0, body.len() as u8));
        code.extend(body);
    }
    code.push(jump(BPF_JEQ, libc::SYS_io_uring_setup as u32, 0, 1));
    code.push(answer(SECCOMP_RET_ERRNO | libc::ENOSYS as u32));
    code.push(answer(SECCOMP_RET_ALLOW));
    code
}

/// What decides about a call whose number is known. Every way through it ends with an answer.
fn block(when: When) -> Vec<sock_filter> {
    let argument = |index: u32| load(ARGUMENTS_AT + ARGUMENT_BYTES * index);
    let (stop, pass) = (answer(SECCOMP_RET_TRACE), answer(SECCOMP_RET_ALLOW));
    match when {
        Always => vec![stop],
        HasBits(index, bits) => vec![argument(index), jump(BPF_JSET, bits, 0, 1), stop, pass],
        Above(index, value) => vec![argument(index), jump(BPF_JGT, value, 0, 1), stop, pass],
        OneOf(index, values) => {
            let mut code = vec![argument(index)];
            // Each test jumps over those that follow and over `pass`.
            code.extend(values.iter().enumerate().map(|(at, &value)| jump(BPF_JEQ, value, (values.len() - at) as u8, 0)));
            code.extend([pass, stop]);
            code
        }
    }
}

fn load(offset: u32) -> sock_filter {
    sock_filter { code: (BPF_LD | BPF_W | BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

fn jump(test: u32, value: u32, over_if_true: u8, over_if_false: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | test | BPF_K) as u16, jt: over_if_true, jf: over_if_false, k: value }
}

fn answer(value: u32) -> sock_filter {
    sock_filter { code: (BPF_RET | BPF_K) as u16, jt: 0, jf: 0, k: value }
}
