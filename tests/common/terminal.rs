//! Somebody at a terminal: the program runs in a pseudo terminal of `script`, which every Debian has, and is typed to once it asks.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::sandbox::{LUA, Sandbox};

/// A question that does not come within this time does not come.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// A terminal in which the program runs, with the settings of the terminal printed behind it.
pub struct Terminal {
    script: Child,
    keyboard: ChildStdin,
    screen: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Terminal {
    /// Runs the program with words in which no quote stands. `None` where there is no `script`.
    pub fn start(sandbox: &Sandbox, words: &[&str]) -> Option<Self> {
        let quoted: String = words.iter().map(|word| format!(" '{word}'")).collect();
        let line = format!("trap : INT; '{LUA}'{quoted}; code=$?; stty -a; exit $code");
        let mut command: Command = sandbox.command_of("script".as_ref(), &["-q", "-e", "-c", &line, "/dev/null"]);
        command.env("TERM", "dumb").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut script = command.spawn().ok()?;
        let (keyboard, mut output) = (script.stdin.take()?, script.stdout.take()?);
        let (send, screen) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut piece) {
                if send.send(piece[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Some(Self { script, keyboard, screen, seen: Vec::new() })
    }

    /// Everything on the screen so far.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Waits for a question that was not there before the last answer, and types an answer.
    pub fn answer(&mut self, question: &str, typed: &str) {
        let (from, until) = (self.seen.len(), Instant::now() + ANSWERS_WITHIN);
        while !String::from_utf8_lossy(&self.seen[from..]).contains(question) {
            let piece = self.screen.recv_timeout(until.saturating_duration_since(Instant::now()));
            self.seen.extend(piece.unwrap_or_else(|_| panic!("no {question:?} in {}", self.seen())));
        }
        self.keyboard.write_all(typed.as_bytes()).expect("somebody reads what is typed");
    }

    /// Waits for the end: the exit code, and everything that was on the screen.
    pub fn end(mut self) -> (i32, String) {
        while let Ok(piece) = self.screen.recv_timeout(ANSWERS_WITHIN) {
            self.seen.extend(piece);
        }
        let status = self.script.wait().expect("it ends when its output does");
        (status.code().unwrap_or(-1), self.seen())
    }
}

/// Whether the terminal showed what is typed, when the program had ended.
pub fn echoes(screen: &str) -> bool {
    screen.contains(" echo ")
}
