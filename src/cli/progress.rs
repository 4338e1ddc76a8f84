//! The progress line: one line on standard error, written over and over while something takes long. Silent when standard
//! error is no terminal.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use lua_store::ops::Phase;
use lua_store::patch::readable_size;

use super::bounds::{PROGRESS_DELAY_MS, PROGRESS_INTERVAL_MS, PROGRESS_LEFT_AFTER_MS};
use super::render::count::number;
use super::render::width::cut;
use super::{output, terminal};

/// Takes the cursor to the beginning of the line and clears it.
const CLEAR_LINE: &str = "\r\x1b[K";

/// Where the line stands. Used from any thread.
pub struct Progress {
    /// `None` when nothing is to be shown.
    columns: Option<usize>,
    state: Mutex<State>,
}

struct State {
    phase: Option<Phase>,
    phase_began: Instant,
    next_draw: Instant,
    is_drawn: bool,
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new() -> Self {
        let now = Instant::now();
        let state = State { phase: None, phase_began: now, next_draw: now + Duration::from_millis(PROGRESS_DELAY_MS), is_drawn: false };
        Self { columns: terminal::stderr_columns(), state: Mutex::new(state) }
    }

    /// Draws the line anew, unless that was done a moment ago.
    pub fn update(&self, phase: Phase, done: u64, total: Option<u64>) {
        let Some(columns) = self.columns else { return };
        // A thread that finds another one drawing has nothing to add.
        let Ok(mut state) = self.state.try_lock() else { return };
        let now = Instant::now();
        if state.phase != Some(phase) {
            (state.phase, state.phase_began) = (Some(phase), now);
        }
        if now < state.next_draw {
            return;
        }
        state.next_draw = now + Duration::from_millis(PROGRESS_INTERVAL_MS);
        state.is_drawn = true;
        let line = line(phase, done, total, now - state.phase_began);
        // The last column stays free: some terminals begin a new line when it is written.
        output::tell_partly(&format!("{CLEAR_LINE}{}", cut(&line, columns.saturating_sub(1))));
    }

    /// Takes the line away if it is there.
    pub fn clear(&self) {
        let Ok(mut state) = self.state.lock() else { return };
        if std::mem::take(&mut state.is_drawn) {
            output::tell_partly(CLEAR_LINE);
        }
    }
}

fn line(phase: Phase, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let (verb, shown): (_, fn(u64) -> String) = match phase {
        Phase::Scanning => ("looking", |files| format!("{} files", number(files))),
        Phase::Storing => ("storing", readable_size),
        Phase::Writing => ("writing", readable_size),
        Phase::Proving => ("reading back", |files| format!("{} files", number(files))),
        Phase::Verifying => ("verifying", readable_size),
        Phase::Marking => ("marking", |folders| format!("{} folders", number(folders))),
        Phase::Collecting => ("collecting", |segments| format!("{} segments", number(segments))),
        Phase::Receiving => ("receiving", readable_size),
        Phase::Sending => ("sending", readable_size),
        Phase::Exporting => ("exporting", |versions| format!("{} versions", number(versions))),
        Phase::Importing => ("importing", |commits| format!("{} commits", number(commits))),
        Phase::Running => ("running", |versions| format!("{} versions", number(versions))),
        Phase::Searching => ("searching", |paths| format!("{} paths", number(paths))),
    };
    let of_total = total.map_or(String::new(), |total| format!(" of {}", shown(total)));
    let left = total.and_then(|total| time_left(done, total, elapsed)).map_or(String::new(), |left| format!(", {left} left"));
    let rate = rate(done, elapsed).map_or(String::new(), |rate| format!(", {}/s", shown(rate)));
    format!("{verb}: {}{of_total}{rate}{left}", shown(done))
}

/// How much is done in a second; `None` before that can be told.
fn rate(done: u64, elapsed: Duration) -> Option<u64> {
    let elapsed_ms = elapsed.as_millis();
    if elapsed_ms < PROGRESS_INTERVAL_MS.into() {
        return None;
    }
    u64::try_from(u128::from(done) * 1000 / elapsed_ms).ok()
}

/// How long the rest takes if it goes on like this, in whole seconds or minutes; `None` before that can be told.
fn time_left(done: u64, total: u64, elapsed: Duration) -> Option<String> {
    let rate = rate(done, elapsed).filter(|rate| *rate > 0 && elapsed >= Duration::from_millis(PROGRESS_LEFT_AFTER_MS))?;
    match total.checked_sub(done)?.div_ceil(rate) {
        0 => None,
        seconds @ ..100 => Some(format!("{seconds} s")),
        seconds => Some(format!("{} min", seconds.div_ceil(60))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_what_they_count() {
        let at_two_seconds = |phase, done, total| line(phase, done, total, Duration::from_secs(2));
        assert_eq!(at_two_seconds(Phase::Scanning, 12_000, None), "looking: 12,000 files, 6,000 files/s");
        assert_eq!(at_two_seconds(Phase::Storing, 5_000_000, Some(10_000_000)), "storing: 5.0 MB of 10 MB, 2.5 MB/s, 2 s left");
        assert_eq!(at_two_seconds(Phase::Receiving, 5_000_000, Some(500_000_000)), "receiving: 5.0 MB of 500 MB, 2.5 MB/s, 4 min left");
        assert_eq!(at_two_seconds(Phase::Receiving, 5_000_000, Some(5_000_000)), "receiving: 5.0 MB of 5.0 MB, 2.5 MB/s");
        assert_eq!(at_two_seconds(Phase::Sending, 0, Some(5_000_000)), "sending: 0 B of 5.0 MB, 0 B/s");
        assert_eq!(line(Phase::Proving, 7, Some(9), Duration::ZERO), "reading back: 7 files of 9 files");
    }

    #[test]
    fn rates_do_not_overflow() {
        assert_eq!(rate(u64::MAX, Duration::from_millis(100)), None);
        assert_eq!(rate(0, Duration::from_secs(1)), Some(0));
    }
}
