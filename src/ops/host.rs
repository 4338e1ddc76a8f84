//! What an operation needs of its surroundings: the time, somebody to tell about progress, and a way to be stopped.

use std::sync::atomic::AtomicBool;

/// A stage of a long operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Looking at the workspace; counts files.
    Scanning,
    /// Reading and storing new contents; counts bytes.
    Storing,
    /// Writing files; counts bytes.
    Writing,
    /// Reading back what was written; counts files.
    Proving,
    /// Reading the store; counts bytes.
    Verifying,
    /// Finding out what the history reaches; counts folders.
    Marking,
    /// Writing what lives anew; counts segments.
    Collecting,
    /// Making versions of commits; counts commits.
    Importing,
    /// Writing versions for other tools; counts versions.
    Exporting,
    /// Searching contents; counts paths.
    Searching,
    /// Running a command in versions; counts versions.
    Running,
    /// Fetching from a remote; counts bytes.
    Receiving,
    /// Sending to a remote; counts bytes.
    Sending,
}

/// Something that the user should hear about though it is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Another process is publishing a version; this one waits for it.
    WaitingForPublish,
    /// Another process is writing to the workspace; this one waits for it.
    WaitingForCheckout,
    /// Another process is at work with a remote; this one waits for it.
    WaitingForSync,
    /// The version log was missing or damaged and has been made anew from the segments.
    LogRebuilt,
    /// A push that was interrupted left bytes behind; they have been cut off. No version is affected.
    UnfinishedPushRemoved {
        /// How many.
        bytes: u64,
    },
    /// A rollback that was interrupted has been brought to its end.
    RollbackFinished {
        /// What it was, for example `rollback to v3`.
        what: String,
    },
    /// A rollback that was interrupted has been undone: the workspace is as it was before.
    RollbackDropped {
        /// What it was, for example `rollback to v3`.
        what: String,
    },
    /// The newest version is damaged: the workspace is read anew, and what it still has is stored again.
    NewestDamaged {
        /// What was met.
        why: String,
    },
    /// Bytes that somebody wrote while a rollback was at work were put aside.
    ConflictCopy {
        /// Where they are, relative to the workspace.
        path: String,
    },
}

/// The surroundings of an operation.
pub trait Host: Sync {
    /// The time in milliseconds since 1970-01-01 UTC: for display, and for how long ago sending to a remote began.
    fn now_ms(&self) -> i64;

    /// Set by the host when the user wants the operation to stop. It then ends with `OpsError::Cancelled`, nothing half done.
    fn cancel_flag(&self) -> &AtomicBool;

    /// Told now and then how far a stage has come, from any thread.
    fn progress(&self, phase: Phase, done: u64, total: Option<u64>);

    /// Told what the user should hear about.
    fn notice(&self, notice: Notice);
}

/// A host that tells nobody anything.
#[derive(Debug, Default)]
pub struct QuietHost {
    cancel: AtomicBool,
}

impl Host for QuietHost {
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn cancel_flag(&self) -> &AtomicBool {
        &self.cancel
    }

    fn progress(&self, _: Phase, _: u64, _: Option<u64>) {}

    fn notice(&self, _: Notice) {}
}
