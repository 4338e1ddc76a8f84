//! What is asked on a terminal: for a yes, and for secrets.

use std::io::{self, BufRead};
use std::sync::atomic::Ordering;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::failure::Failure;
use super::session::Session;
use super::signals::CANCEL;
use super::{output, terminal};

/// Longest line that is read as a secret, in bytes.
const SECRET_BYTES_MAX: usize = 4096;

/// A Ctrl-C right before a wait does not end it, so none is longer than this.
const LOOK_AFTER: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Whether there is somebody to ask.
pub fn can_ask(session: &Session) -> bool {
    !session.is_json() && terminal::is_conversation()
}

/// Refuses to begin what needs a confirmation that nobody can give. Called once it is clear that it could be done, and before any work.
pub fn require_somebody_to_ask(session: &Session, force: bool) -> Result<(), Failure> {
    if force || can_ask(session) { Ok(()) } else { Err(Failure::ConfirmationNeeded) }
}

/// Asks for a yes; anything else is a no.
pub fn confirm(question: &str) -> Result<(), Failure> {
    output::tell_partly(&format!("{question} [y/N] "));
    // Nothing is at work that could see the flag: with it set, Ctrl-C ends the process instead of waiting for an answer.
    CANCEL.store(true, Ordering::SeqCst);
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    CANCEL.store(false, Ordering::SeqCst);
    if read.is_ok() && is_yes(&answer) { Ok(()) } else { Err(Failure::Declined) }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Asks for a line that nobody sees. From what is no terminal the line is read without a question.
pub fn secret(question: &str) -> Result<Vec<u8>, Failure> {
    let silence = Silence::begin();
    if silence.is_some() {
        output::tell_partly(question);
    }
    let line = read_line();
    if silence.is_some() {
        output::tell("");
    }
    line
}

/// A terminal that does not show what is typed, as long as this lives.
struct Silence(Termios);

impl Silence {
    /// `None` for what is no terminal.
    fn begin() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent).ok()?;
        Some(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that went away needs no echo.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Reads up to the end of a line, byte by byte, so that nothing behind it is taken. Ctrl-C ends the wait: the terminal must show again
/// what is typed before the process ends.
fn read_line() -> Result<Vec<u8>, Failure> {
    let (stdin, mut line, mut byte) = (io::stdin(), Vec::new(), [0]);
    while line.len() < SECRET_BYTES_MAX {
        let ready = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&LOOK_AFTER));
        if CANCEL.load(Ordering::SeqCst) {
            return Err(lua_store::ops::OpsError::Cancelled.into());
        }
        match ready {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return Err(Failure::Declined),
        }
        match rustix::io::read(&stdin, &mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.push(byte[0]),
            Err(Errno::INTR) => {}
            Err(_) => return Err(Failure::Declined),
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(["y\n", "Y", " yes \n", "YES"].into_iter().all(is_yes));
        assert!(!["", "\n", "n", "yep", "y y", "\u{4}"].into_iter().any(is_yes));
    }
}
