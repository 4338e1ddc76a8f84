//! Exit codes: what a script can tell without reading a word.

use std::process::ExitCode;

/// How the program ended. The numbers are part of its interface and listed in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All done.
    Done,
    /// Not done; a message says why.
    Failed,
    /// The command line is wrong, or a confirmation is missing. Nothing was done.
    Usage,
    /// Done, but something was left out; each such path is listed.
    LeftOut,
    /// The history is damaged; what, is listed.
    Damage,
    /// There is no workspace here.
    NotAWorkspace,
    /// There is no such version, or it was deleted.
    NoSuchVersion,
    /// The disk is full, or may not be written to.
    NoSpace,
    /// Recorded, but the check that was asked for failed.
    CheckFailed,
    /// Stopped by the user, nothing half done.
    Interrupted,
    /// That of a command that was run for the user, passed on.
    OfCommand(u8),
}

impl Exit {
    /// All of its own, in the order of their numbers.
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
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::LeftOut => 3,
            Self::Damage => 4,
            Self::NotAWorkspace => 5,
            Self::NoSuchVersion => 6,
            Self::NoSpace => 7,
            Self::CheckFailed => 8,
            Self::Interrupted => 130,
            Self::OfCommand(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.number().into()
    }
}
