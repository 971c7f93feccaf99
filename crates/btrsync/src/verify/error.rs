//! Why two subvolumes could not be compared.

use std::io;
use std::path::PathBuf;

use super::entry::BadEntry;
use crate::text::escaped;

/// Why a subvolume could not be digested or compared. Nothing is known then of whether it is equal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Something could not be read.
    #[error("cannot {what} {}: {source}", escaped(path))]
    Read {
        /// What could not be done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something is mounted in the subvolume and hides a part of it.
    #[error("something is mounted at {}, and hides what is below", escaped(path))]
    Mounted {
        /// Where.
        path: PathBuf,
    },
    /// A temporary file, which holds the digests, could not be used.
    #[error("cannot keep the digests in a temporary file: {source}")]
    Spool {
        /// Why.
        source: io::Error,
    },
    /// A side told something of a directory that does not agree with its digest.
    #[error("what was told of the directory {} does not agree with its digest", escaped(path))]
    Contradiction {
        /// The directory, from the root of the subvolume.
        path: PathBuf,
    },
    /// A side told something of a directory that makes no sense.
    #[error(transparent)]
    BadEntry(#[from] BadEntry),
    /// The comparison was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl VerifyError {
    /// Returns the errno at the bottom of the failure, if there is one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Read { source, .. } | Self::Spool { source } => source.raw_os_error(),
            _ => None,
        }
    }
}
