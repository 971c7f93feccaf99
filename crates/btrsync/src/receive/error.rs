//! What can go wrong while a stream is received.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use btrsync_kernel as kernel;
use btrsync_stream as stream;
use uuid::Uuid;

use crate::cancel::is_cancelled;
use crate::text::escaped;

/// The failure of a receive. Nothing of the subvolume that failed is left under its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The stream is damaged or breaks off.
    #[error("{0}")]
    Stream(#[source] stream::Error),
    /// The stream wants a name that no entry of the directory can have.
    #[error("the stream names its subvolume {}, which cannot be a name here", escaped(name))]
    BadName {
        /// The name.
        name: OsString,
    },
    /// The name is taken.
    #[error("{} already exists", escaped(path))]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The stream is of another subvolume than was announced.
    #[error("the stream is of the subvolume {uuid}, not of {announced}")]
    OtherVolume {
        /// What was announced.
        announced: Uuid,
        /// What came.
        uuid: Uuid,
    },
    /// More subvolumes came than were announced.
    #[error("the stream goes on with the subvolume {uuid}, which was not announced")]
    OneTooMany {
        /// What came.
        uuid: Uuid,
    },
    /// Fewer subvolumes came than were announced.
    #[error("the stream ended after {received} of {announced} subvolumes")]
    TooFew {
        /// How many came.
        received: usize,
        /// How many were announced.
        announced: usize,
    },
    /// The `btrfs` program could not be started.
    #[error("cannot start 'btrfs receive': {source}")]
    Start {
        /// Why.
        source: io::Error,
    },
    /// The `btrfs` program could not be given the stream.
    #[error("cannot write to 'btrfs receive': {source}")]
    Feed {
        /// Why.
        source: io::Error,
    },
    /// The `btrfs` program failed.
    #[error("'btrfs receive {}' failed ({status}){}", escaped(path), said(.stderr))]
    Program {
        /// The directory it received into.
        path: PathBuf,
        /// How it ended.
        status: String,
        /// The end of what it said, escaped.
        stderr: String,
    },
    /// The received subvolume is not what the stream told, although nothing failed.
    #[error("{} is not what was sent: {what}", escaped(path))]
    NotSealed {
        /// The path of the staging subvolume.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// The destination filesystem refused an operation.
    #[error("cannot {what} {}: {source}", escaped(path))]
    Io {
        /// What could not be done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused an operation on a subvolume.
    #[error("cannot {what} {}: {source}", escaped(path))]
    Kernel {
        /// What could not be done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        source: kernel::Error,
    },
    /// The receive was cancelled.
    #[error("cancelled")]
    Cancelled,
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

impl ReceiveError {
    /// Returns the errno at the bottom of the failure, if there is one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Start { source } | Self::Feed { source } | Self::Io { source, .. } => {
                source.raw_os_error()
            }
            Self::Kernel { source, .. } => source.raw_os_error(),
            Self::Stream(stream::Error::Read { source, .. }) => source.raw_os_error(),
            _ => None,
        }
    }

    /// Returns whether this is what a receiver sees when the sender has failed.
    pub(crate) fn is_end_of_flow(&self) -> bool {
        matches!(
            self,
            Self::Stream(stream::Error::Truncated { .. }) | Self::TooFew { .. } | Self::Cancelled
        )
    }
}

impl From<stream::Error> for ReceiveError {
    fn from(error: stream::Error) -> Self {
        match error {
            stream::Error::Read { source, .. } if is_cancelled(&source) => Self::Cancelled,
            other => Self::Stream(other),
        }
    }
}

impl From<stream::RewriteError> for ReceiveError {
    fn from(error: stream::RewriteError) -> Self {
        match error {
            stream::RewriteError::Decode(error) => error.into(),
            // The staging name is short and the frame was checked before.
            other => Self::Start { source: io::Error::other(other) },
        }
    }
}
