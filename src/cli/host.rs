//! The surroundings of operations: the clock, a way to be stopped, and a terminal to tell things to.

use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use lua_store::ops::{Host, Notice, Phase};

use super::failure::Failure;
use super::progress::Progress;
use super::render::notice;
use super::{environment, output, signals};

/// The host of all operations of this process.
pub struct TerminalHost {
    fixed_now_ms: Option<i64>,
    progress: Progress,
}

impl TerminalHost {
    /// A host that signals can stop.
    pub fn new() -> Result<Self, Failure> {
        // Without handlers the signals end the process at once, which loses nothing.
        let _ = signals::install();
        Ok(Self { fixed_now_ms: environment::test_now_ms().map_err(Failure::Usage)?, progress: Progress::new() })
    }

    /// Takes the progress line away, because something else is to be written.
    pub fn clear_progress(&self) {
        self.progress.clear();
    }
}

impl Host for TerminalHost {
    fn now_ms(&self) -> i64 {
        self.fixed_now_ms.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    fn cancel_flag(&self) -> &AtomicBool {
        &signals::CANCEL
    }

    fn progress(&self, phase: Phase, done: u64, total: Option<u64>) {
        self.progress.update(phase, done, total);
    }

    fn notice(&self, told: Notice) {
        self.clear_progress();
        output::tell(&notice::line(&told));
    }
}
