//! The exit codes. They are an interface: scripts and timers decide by them.

use std::process::ExitCode;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done, or there was nothing to do.
    Done,
    /// Nothing could be done, or the user declined.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// Some transfers were done and others failed.
    Partial,
    /// Another run holds the destination.
    Locked,
    /// What was verified is not the same as its source, or is missing.
    Different,
    /// Something could not be verified, so nothing is known of it.
    Unchecked,
    /// A signal ended the run.
    Interrupted,
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Locked => 4,
            Self::Different => 5,
            Self::Unchecked => 6,
            Self::Interrupted => 130,
        }
    }

    /// The word for it in the JSON summary.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Partial => "partial",
            Self::Locked => "locked",
            Self::Different => "different",
            Self::Unchecked => "unchecked",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
