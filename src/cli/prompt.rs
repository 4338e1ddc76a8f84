//! The one question that is ever asked.

use std::io::BufRead;
use std::sync::atomic::Ordering;

use super::failure::Failure;
use super::session::Session;
use super::signals::CANCEL;
use super::{output, terminal};

/// Refuses to begin what needs a confirmation that nobody can give. Called before any work.
pub fn require_somebody_to_ask(session: &Session, force: bool) -> Result<(), Failure> {
    let can_ask = !session.is_json() && terminal::is_conversation();
    if force || can_ask { Ok(()) } else { Err(Failure::ConfirmationNeeded) }
}

/// Asks for a yes; anything else is a no.
pub fn confirm(question: &str) -> Result<(), Failure> {
    output::tell_partly(&format!("{question} [y/N] "));
    // Nothing is at work that could see the flag: with it set, Ctrl-C ends the process instead of waiting for an answer.
    CANCEL.store(true, Ordering::SeqCst);
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    CANCEL.store(false, Ordering::SeqCst);
    if read.is_ok() && is_yes(&answer) { Ok(()) } else { Err(Failure::Declined) }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
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
