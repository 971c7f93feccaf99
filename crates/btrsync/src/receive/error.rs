//! What can go wrong while a stream is received.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use btrsync_kernel as kernel;
use btrsync_stream::{self as stream, CommandKind};
use rustix::io::Errno;
use uuid::Uuid;

use super::apply_error::ApplyError;
use super::source::SourceError;
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
    /// A command of the stream could not be applied.
    #[error("{command} {} (byte {offset} of the stream): {source}", escaped(path))]
    Apply {
        /// The command.
        command: CommandKind,
        /// The path that it names, from the root of the subvolume.
        path: OsString,
        /// Where it begins in the stream, in bytes.
        offset: u64,
        /// Why.
        source: ApplyError,
    },
    /// The staging subvolume could not be used.
    #[error("cannot receive into {}: {source}", escaped(path))]
    Stage {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: ApplyError,
    },
    /// The subvolume that an incremental stream builds on cannot be used.
    #[error("cannot build on the parent: {0}")]
    Parent(#[source] SourceError),
    /// Another run is using the directory.
    #[error("another run is using {}", escaped(path))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process, where the kernel tells.
        pid: Option<i32>,
    },
    /// There is no btrfs directory to receive into.
    #[error("{} is not a directory on btrfs", escaped(path))]
    NotBtrfs {
        /// The path.
        path: PathBuf,
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
    /// The stream is not the one whose beginning an interrupted run has received. What that has kept is
    /// deleted.
    #[error("the stream does not begin like the one that an interrupted run has received in part")]
    OtherPrefix,
    /// The subvolume that data was copied from may have changed meanwhile.
    #[error("{} was changed, or made writable, while it was sent", escaped(path))]
    Changed {
        /// The subvolume.
        path: PathBuf,
    },
    /// The receive was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl ReceiveError {
    /// Returns the errno at the bottom of the failure, if there is one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Io { source, .. } => source.raw_os_error(),
            Self::Apply { source, .. } | Self::Stage { source, .. } => source.raw_os_error(),
            Self::Parent(source) => source.raw_os_error(),
            Self::Kernel { source, .. } => source.raw_os_error(),
            Self::Stream(stream::Error::Read { source, .. }) => source.raw_os_error(),
            _ => None,
        }
    }

    /// Returns whether data could not be cloned, for another reason than a lack of space.
    pub(crate) fn is_of_clone(&self) -> bool {
        let is_clone = matches!(self, Self::Apply { command: CommandKind::Clone, .. });
        is_clone && !self.is_about_space()
    }

    /// Returns whether the data of a file was not found where it was to be copied from, or may have been
    /// another: a deduplication changes nothing, but cannot be told from what does.
    pub(crate) fn is_of_missing_data(&self) -> bool {
        matches!(self, Self::Changed { .. } | Self::Apply { source: ApplyError::NoData, .. })
    }

    /// Returns whether there was no room, or none left of what the process may have.
    pub(crate) fn is_about_space(&self) -> bool {
        let resources = [Errno::NOSPC, Errno::DQUOT, Errno::NOMEM, Errno::MFILE, Errno::NFILE];
        resources.iter().any(|errno| self.raw_os_error() == Some(errno.raw_os_error()))
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
