//! What can fail at the kernel boundary. The errno is kept as it came, so that callers can tell
//! "no such subvolume" from "no rights" without reading text.

use std::{fmt, io};

use rustix::io::Errno;

/// The result of a kernel call.
pub type Result<T> = std::result::Result<T, Error>;

/// Names the call that failed, as it stands in the kernel's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation(pub(crate) &'static str);

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The failure of one kernel call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused or could not complete the call.
    #[error("{operation}: {source}")]
    Call {
        /// The call that failed.
        operation: Operation,
        /// The errno, as the kernel gave it.
        source: io::Error,
    },
    /// The kernel's answer does not have the shape that its headers promise.
    #[error("{operation}: malformed answer: {what}")]
    Malformed {
        /// The call whose answer it was.
        operation: Operation,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A subvolume name that no btrfs directory entry can hold: empty, `.`, `..`, longer than 255
    /// bytes, or with a slash or NUL in it.
    #[error("{operation}: not a possible subvolume name: {}", .name.escape_ascii())]
    Name {
        /// The call that was not made.
        operation: Operation,
        /// The name, as bytes.
        name: Vec<u8>,
    },
}

impl Error {
    pub(crate) fn call(operation: Operation, errno: Errno) -> Self {
        Self::Call { operation, source: errno.into() }
    }

    /// Returns the errno of the failed call, if the kernel gave one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Call { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// Returns the call that failed.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Call { operation, .. }
            | Self::Malformed { operation, .. }
            | Self::Name { operation, .. } => *operation,
        }
    }

    pub(crate) fn is(&self, errno: Errno) -> bool {
        self.raw_os_error() == Some(errno.raw_os_error())
    }
}
