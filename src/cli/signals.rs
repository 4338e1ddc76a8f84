//! Ctrl-C and SIGTERM: the first asks the operation to stop, which it does with nothing half done; the second ends the
//! process at once, which loses nothing either, but leaves some work to the next command.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::exit::Exit;

/// Lets both signals set the flag, and end the process when it is set already.
pub fn install(cancel: &Arc<AtomicBool>) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: otherwise the first signal would set the flag and then see it set.
        flag::register_conditional_shutdown(signal, Exit::Interrupted.number().into(), Arc::clone(cancel))?;
        flag::register(signal, Arc::clone(cancel))?;
    }
    Ok(())
}
