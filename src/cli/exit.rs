//! Exit codes: what a script can tell without reading a word.

use std::process::ExitCode;

/// How the program ended. The numbers are part of its interface and listed in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All done.
    Done = 0,
    /// Not done; a message says why.
    Failed = 1,
    /// The command line is wrong, or a confirmation is missing. Nothing was done.
    Usage = 2,
    /// Done, but something was left out; each such path is listed.
    LeftOut = 3,
    /// The history is damaged; what, is listed.
    Damage = 4,
    /// There is no workspace here.
    NotAWorkspace = 5,
    /// There is no such version, or it was deleted.
    NoSuchVersion = 6,
    /// The disk is full, or may not be written to.
    NoSpace = 7,
    /// Recorded, but the check that was asked for failed.
    CheckFailed = 8,
    /// Stopped by the user, nothing half done.
    Interrupted = 130,
}

impl Exit {
    /// All of them, in the order of their numbers.
    #[cfg(test)]
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::LeftOut,
        Self::Damage,
        Self::NotAWorkspace,
        Self::NoSuchVersion,
        Self::NoSpace,
        Self::CheckFailed,
        Self::Interrupted,
    ];

    /// [`Exit::LeftOut`] if anything was left out.
    pub fn left_out_if(anything: bool) -> Self {
        if anything { Self::LeftOut } else { Self::Done }
    }

    /// [`Exit::Damage`] if anything is damaged.
    pub fn damage_if(anything: bool) -> Self {
        if anything { Self::Damage } else { Self::Done }
    }

    /// The number that the shell sees.
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.number().into()
    }
}
