//! Attempts to send something to a remote. All that is sent in one has its stamp, and with it names that nothing had before.
//!
//! Whoever collects a remote lists what lies there, and removes later what nothing names and what was old in that list. What is sent
//! again in between under the same name would go with it, though an entry names it by then. So an attempt must be over before anything
//! of it can be old, and what is sent later is sent in another one.

use serde::{Deserialize, Serialize};

use crate::format::remote::{STAMP_BYTES, Stamp};
use crate::limits::{REMOTE_RESUME_MS, REMOTE_SENDING_MS};
use crate::remote::{RemoteError, RemoteResult, new_stamp};

/// An attempt to send something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    stamp: [u8; STAMP_BYTES],
    /// By the clock of this machine.
    began_ms: i64,
    /// Whether something may have been sent in it before.
    #[serde(skip)]
    is_resumed: bool,
}

impl Attempt {
    /// A new one.
    pub fn new(now_ms: i64) -> Self {
        Self { stamp: new_stamp().0, began_ms: now_ms, is_resumed: false }
    }

    /// The same once more, after an interruption, if it has not taken too long yet.
    pub fn resumed(self, now_ms: i64) -> Option<Self> {
        (self.age_ms(now_ms) < REMOTE_RESUME_MS.unsigned_abs()).then_some(Self { is_resumed: true, ..self })
    }

    /// What is sent has this stamp.
    pub fn stamp(&self) -> Stamp {
        Stamp(self.stamp)
    }

    /// Whether something may have been sent in it before.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Must hold before anything of it is named.
    ///
    /// # Errors
    /// [`RemoteError::TooSlow`].
    pub fn check_in_time(&self, now_ms: i64) -> RemoteResult<()> {
        if self.age_ms(now_ms) > REMOTE_SENDING_MS.unsigned_abs() { Err(RemoteError::TooSlow) } else { Ok(()) }
    }

    /// A clock that goes back takes as much from the time as one that goes ahead.
    fn age_ms(&self, now_ms: i64) -> u64 {
        now_ms.abs_diff(self.began_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_over_before_anything_of_it_is_old() {
        let attempt = Attempt::new(0);
        assert_ne!(attempt.stamp(), Attempt::new(0).stamp());
        for (age_ms, resumes, names) in [
            (0, true, true),
            (REMOTE_RESUME_MS - 1, true, true),
            (1 - REMOTE_RESUME_MS, true, true),
            (REMOTE_RESUME_MS, false, true),
            (REMOTE_SENDING_MS, false, true),
            (REMOTE_SENDING_MS + 1, false, false),
            (i64::MIN, false, false),
        ] {
            let resumed = attempt.resumed(age_ms);
            assert_eq!(resumed.map(|again| (again.stamp(), again.is_resumed())), resumes.then_some((attempt.stamp(), true)), "{age_ms}");
            assert_eq!(attempt.check_in_time(age_ms).is_ok(), names, "{age_ms}");
            assert!(names || matches!(attempt.check_in_time(age_ms), Err(RemoteError::TooSlow)));
        }
    }
}
