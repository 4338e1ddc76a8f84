//! Long answers go through the user's pager.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{environment, signals};

/// What `less` is told unless the user has settings: leave a short text on the screen, pass colours on, do not clear the screen.
const LESS_SETTINGS: &str = "FRX";

/// Shows a text in the pager and waits until the user leaves it. `false` when there is none: then nothing was shown.
///
/// Comes last in a process: Ctrl-C belongs to the pager from here on.
pub fn show(text: &[u8]) -> bool {
    let Some(mut command) = command() else { return false };
    let Ok(mut child) = command.stdin(Stdio::piped()).spawn() else { return false };
    signals::leave_interrupts_to_pager();
    if let Some(mut stdin) = child.stdin.take() {
        // A pager that is left before the end of the text closes its side; that is no error.
        let _ = stdin.write_all(text);
    }
    // The shell says with 127 that there is no such program, and has said so on standard error.
    child.wait().is_ok_and(|status| status.code() != Some(127))
}

fn command() -> Option<Command> {
    let pager = environment::pager()?;
    let mut command = if pager == "less" {
        Command::new("less")
    } else {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(pager);
        shell
    };
    if !environment::has_less_settings() {
        command.env("LESS", LESS_SETTINGS);
    }
    Some(command)
}
