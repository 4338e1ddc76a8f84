//! Ctrl-C and SIGTERM: the first asks the operation to stop, which it does with nothing half done; the second ends the
//! process at once, which loses nothing either, but leaves some work to the next command. SIGXFSZ, by which the kernel ends
//! whoever writes beyond a limit on the size of files, is taken in: the write then fails like any other.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{SigId, flag, low_level};

use super::exit::Exit;

/// Set by the first signal.
pub static CANCEL: AtomicBool = AtomicBool::new(false);

/// Set when a write met a limit on the size of files. Nobody asks: the write itself has failed.
static FILE_SIZE_LIMIT_MET: AtomicBool = AtomicBool::new(false);

/// What happens at Ctrl-C.
static AT_INTERRUPT: OnceLock<[SigId; 2]> = OnceLock::new();

/// Lets both signals set [`CANCEL`], and end the process when it is set already.
pub fn install() -> io::Result<()> {
    install_for(SIGTERM)?;
    let at_interrupt = install_for(SIGINT)?;
    // Set only once, since this is called only once.
    let _ = AT_INTERRUPT.set(at_interrupt);
    flag::register(SIGXFSZ, &FILE_SIZE_LIMIT_MET).map(drop)
}

fn install_for(signal: i32) -> io::Result<[SigId; 2]> {
    // In this order: otherwise the first signal would set the flag and then see it set.
    let end = flag::register_conditional_shutdown(signal, Exit::Interrupted.number().into(), &CANCEL)?;
    Ok([end, flag::register(signal, &CANCEL)?])
}

/// From here on Ctrl-C is the business of another program, to which the terminal sends it too.
pub fn leave_interrupts_to_pager() {
    AT_INTERRUPT.get().into_iter().flatten().for_each(|id| {
        low_level::unregister(*id);
    });
}
