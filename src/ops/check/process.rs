//! Running a command of the user's: its output as it comes, its last lines, its end.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::format::record::ProcessEnd;
use crate::limits::{CHECK_OUTPUT_BYTES_MAX, CHECK_OUTPUT_LINES_MAX, CHECK_POLL_MS, CHECK_STOP_MS};

/// How much of the output is read at a time, in bytes.
const READ_BYTES: usize = 16 << 10;

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub end: ProcessEnd,
    pub duration_ms: u64,
    pub last_lines: String,
}

/// Runs a command to its end; `None` when `cancel` was set before that.
///
/// The command has a process group of its own, so that all that it started can be ended with it.
pub fn run(command: &str, folder: &Path, output: &mut dyn FnMut(&[u8]), cancel: &AtomicBool) -> io::Result<Option<Ended>> {
    let began = Instant::now();
    let (reader, mut child) = start(command, folder)?;
    let mut tail = Tail::default();
    let status = follow(&mut child, reader, cancel, &mut |bytes| {
        tail.push(bytes);
        output(bytes);
    });
    // Also after an error: nobody would read what it writes.
    let Ok(Some(status)) = status else {
        stop(&mut child);
        return status.map(|_| None);
    };
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Some(Ended { end: end_of(status), duration_ms, last_lines: tail.into_lines() }))
}

fn start(command: &str, folder: &Path) -> io::Result<(PipeReader, Child)> {
    // One pipe for both, so that lines stay in their order.
    let (reader, writer) = io::pipe()?;
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).process_group(0).stdin(Stdio::null());
    let child = shell.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    Ok((reader, child))
}

/// Hands on what the command writes until it has ended; `None` when `cancel` was set before that.
fn follow(child: &mut Child, mut reader: PipeReader, cancel: &AtomicBool, output: &mut dyn FnMut(&[u8])) -> io::Result<Option<ExitStatus>> {
    let mut buffer = vec![0; READ_BYTES];
    let mut is_open = true;
    loop {
        let has_output = is_open && is_readable(&reader)?;
        if cancel.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if has_output {
            let count = reader.read(&mut buffer)?;
            is_open = count > 0;
            output(&buffer[..count]);
        } else if let Some(status) = child.try_wait()? {
            // What it has left running may keep the pipe open for ever; nobody waits for that.
            return Ok(Some(status));
        } else if !is_open {
            std::thread::sleep(Duration::from_millis(CHECK_POLL_MS));
        }
    }
}

/// Waits a moment for something to read, or for the end of the pipe.
fn is_readable(reader: &PipeReader) -> io::Result<bool> {
    let moment = Timespec { tv_sec: 0, tv_nsec: (CHECK_POLL_MS * 1_000_000) as _ };
    match poll(&mut [PollFd::new(reader, PollFlags::IN)], Some(&moment)) {
        Ok(ready) => Ok(ready > 0),
        // A signal, perhaps the one that sets the flag.
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Ends the command and all that it started: first as a user would, then for certain.
fn stop(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let signal = |signal| group.map(|group| kill_process_group(group, signal));
    let asked = Instant::now();
    let _ = signal(Signal::TERM);
    while matches!(child.try_wait(), Ok(None)) && asked.elapsed() < Duration::from_millis(CHECK_STOP_MS) {
        std::thread::sleep(Duration::from_millis(CHECK_POLL_MS));
    }
    let _ = signal(Signal::KILL);
    let _ = child.wait();
}

fn end_of(status: ExitStatus) -> ProcessEnd {
    let number = |number: i32| number.unsigned_abs();
    match status.code() {
        Some(code) => ProcessEnd::Exited(number(code)),
        None => ProcessEnd::Signalled(number(status.signal().unwrap_or_default())),
    }
}

/// The end of an output, bounded while it grows.
#[derive(Debug, Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        // Cut only now and then, so that a long output is not moved with every read.
        if self.0.len() > 2 * CHECK_OUTPUT_BYTES_MAX {
            self.0.drain(..self.0.len() - CHECK_OUTPUT_BYTES_MAX);
        }
    }

    /// The last lines as text, whatever the bytes are.
    fn into_lines(self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let lines_begin = text.trim_end().rmatch_indices('\n').nth(CHECK_OUTPUT_LINES_MAX - 1).map_or(0, |(at, _)| at + 1);
        let bytes_begin = text.len().saturating_sub(CHECK_OUTPUT_BYTES_MAX);
        let begin = (lines_begin.max(bytes_begin)..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
        text[begin..].trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(command: &str) -> (Ended, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let mut seen = Vec::new();
        let ended = run(command, folder.path(), &mut |bytes| seen.extend_from_slice(bytes), &AtomicBool::new(false));
        (ended.unwrap().unwrap(), seen)
    }

    #[test]
    fn both_outputs_come_in_their_order() {
        let (ended, seen) = ran("echo one; echo two >&2; echo three; exit 3");
        assert_eq!((ended.end, ended.last_lines.as_str()), (ProcessEnd::Exited(3), "one\ntwo\nthree"));
        assert_eq!(seen, b"one\ntwo\nthree\n");
    }

    #[test]
    fn signals_are_told_apart() {
        assert_eq!(ran("kill -9 $$").0.end, ProcessEnd::Signalled(9));
        assert_eq!(ran("no-such-command-anywhere 2>/dev/null").0.end, ProcessEnd::Exited(127));
    }

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let (ended, seen) = ran("i=0; while [ $i -lt 3000 ]; do echo \"line $i\"; i=$((i+1)); done");
        assert!(seen.starts_with(b"line 0\n") && seen.ends_with(b"line 2999\n"));
        let lines: Vec<&str> = ended.last_lines.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[39]), (CHECK_OUTPUT_LINES_MAX, "line 2960", "line 2999"));
    }

    #[test]
    fn any_bytes_become_a_bounded_text() {
        let mut tail = Tail::default();
        tail.push(&[0xff; 100_000]);
        let text = tail.into_lines();
        assert!(text.len() <= CHECK_OUTPUT_BYTES_MAX && text.chars().all(|c| c == '\u{fffd}') && !text.is_empty());
    }

    #[test]
    fn what_is_left_running_is_not_waited_for() {
        let (ended, _) = ran("sleep 30 & echo done");
        assert_eq!(ended.last_lines, "done");
        assert!(ended.duration_ms < 10_000, "{}", ended.duration_ms);
    }

    #[test]
    fn a_command_that_is_stopped_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let cancel = AtomicBool::new(false);
        let began = Instant::now();
        let mut on_output = |_: &[u8]| cancel.store(true, Ordering::Relaxed);
        let ended = run("echo begun; sleep 30; touch late", folder.path(), &mut on_output, &cancel).unwrap();
        assert!(ended.is_none() && began.elapsed() < Duration::from_secs(10));
        assert!(!folder.path().join("late").exists());
    }
}
