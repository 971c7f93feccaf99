//! What can go wrong on one side of a sync.

use std::io;
use std::path::PathBuf;

use btrsync_kernel as kernel;

use super::command::CommandError;
use super::dump::DumpError;
use super::ssh::{BadAddress, BootstrapError};
use crate::agent::{AgentError, There};
use crate::btrfs::Subvolume;
use crate::receive::ReceiveError;
use crate::text::escaped;
use crate::verify::VerifyError;

/// What is known of the life of a run that holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// It runs where the lock is: it lives, or the lock would be gone.
    Here,
    /// It speaks with another machine, and this number is another one whenever it hears something. Where it stays the
    /// same, nobody may be there any more, and the lock gone soon.
    Hears(u64),
    /// Nothing is known.
    Unknown,
}

/// The failure of an operation on a root.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// A path cannot be opened.
    #[error("cannot open {}: {source}", escaped(path))]
    Open {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path that must be a directory is not.
    #[error("{} is not a directory", escaped(path))]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// A path is not on btrfs.
    #[error("{} is not on a btrfs filesystem", escaped(path))]
    NotBtrfs {
        /// The path.
        path: PathBuf,
    },
    /// A path is on btrfs, but the mount it is reached by does not show the subvolume around it.
    #[error(
        "the subvolume that holds {} is not visible there: only a part of it is mounted",
        escaped(path)
    )]
    NoSubvolume {
        /// The path.
        path: PathBuf,
    },
    /// The subvolumes cannot be listed.
    #[error("cannot list the subvolumes of {}: {source}", escaped(path))]
    List {
        /// The root.
        path: PathBuf,
        /// What the kernel says.
        source: kernel::Error,
    },
    /// A subvolume cannot be looked at.
    #[error("cannot read the subvolume {}: {source}", escaped(path))]
    Show {
        /// The path of the subvolume.
        path: PathBuf,
        /// What the kernel says.
        source: kernel::Error,
    },
    /// A subvolume is no longer where it was when the transfer was planned.
    #[error("the subvolume {} was deleted or moved since it was listed", escaped(path))]
    Vanished {
        /// The path it had.
        path: PathBuf,
    },
    /// Another subvolume stands where one was when the transfer was planned.
    #[error("{} is not the subvolume that was listed there", escaped(path))]
    Replaced {
        /// The path.
        path: PathBuf,
    },
    /// A subvolume cannot be cloned from as it was planned.
    #[error("cannot clone from {}: {source}", escaped(path))]
    CloneSource {
        /// The path of the subvolume.
        path: PathBuf,
        /// Why.
        source: Box<RootError>,
    },
    /// The stream of a subvolume does not begin like the one that was received in part before.
    #[error("the stream of {} does not begin like the one that was interrupted", escaped(path))]
    OtherPrefix {
        /// The path of the subvolume.
        path: PathBuf,
    },
    /// A subvolume was changed since it was listed, and is read-only again.
    #[error("the subvolume {} was changed since it was listed", escaped(path))]
    Changed {
        /// The path.
        path: PathBuf,
    },
    /// A subvolume was made writable since it was listed.
    #[error("the subvolume {} is no longer read-only", escaped(path))]
    Writable {
        /// The path.
        path: PathBuf,
    },
    /// The kernel could not make the send stream.
    #[error("cannot send {}: {source}", escaped(path))]
    Send {
        /// The subvolume.
        path: PathBuf,
        /// What the kernel says.
        source: kernel::Error,
    },
    /// What an interrupted run has left cannot be removed.
    #[error("cannot remove {}: {source}", escaped(path))]
    Remove {
        /// The path.
        path: PathBuf,
        /// What the kernel says.
        source: kernel::Error,
    },
    /// A directory cannot be created.
    #[error("cannot create the directory {}: {source}", escaped(path))]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else is mounted where a directory of the destination should be.
    #[error(
        "{} is not on the filesystem of the destination: another one is mounted there",
        escaped(path)
    )]
    OtherMount {
        /// The directory.
        path: PathBuf,
    },
    /// Nothing can be written to a directory.
    #[error("cannot receive into {}: {what} is read-only", escaped(path))]
    ReadOnly {
        /// The directory.
        path: PathBuf,
        /// What is read-only.
        what: &'static str,
    },
    /// Another run is writing to a directory.
    #[error("another run is using {}{}", escaped(path), process(.pid))]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds the lock, where it can be told.
        pid: Option<i32>,
        /// What is known of whether it lives.
        holder: Holder,
    },
    /// A lock cannot be taken.
    #[error("cannot lock {}: {source}", escaped(path))]
    Lock {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A location on another machine cannot be one.
    #[error(transparent)]
    Address(BadAddress),
    /// A program cannot be put on another machine.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// A command on another machine, or under sudo, failed.
    #[error(transparent)]
    Command(CommandError),
    /// Another btrsync could not be talked to.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// Another btrsync has failed at what it was asked for.
    #[error(transparent)]
    There(There),
    /// A stream could not be received.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// A stream could not be dumped.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// A subvolume could not be digested or compared.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A stream file cannot be used.
    #[error("{} is not a usable stream file: {source}", escaped(path))]
    StreamFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: btrsync_stream::Error,
    },
    /// A stream file could not be passed on.
    #[error("cannot send {}: {source}", escaped(path))]
    StreamPipe {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The destination lacks the parent of an incremental stream.
    #[error(
        "the stream of {} needs its parent {parent} at the destination, and that is not there",
        escaped(vol)
    )]
    NeedsParent {
        /// The volume.
        vol: PathBuf,
        /// The UUID of the parent.
        parent: uuid::Uuid,
    },
    /// The root cannot do this at all.
    #[error("{root} cannot {operation}")]
    Unsupported {
        /// The name of the root.
        root: String,
        /// What was asked of it.
        operation: &'static str,
    },
    /// The process lacks something that has nothing to do with either side.
    #[error("cannot {what}: {source}")]
    System {
        /// What could not be done.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
}

fn process(pid: &Option<i32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl RootError {
    /// Returns the errno at the bottom of the failure, if there is one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Open { source, .. }
            | Self::CreateDirectory { source, .. }
            | Self::Lock { source, .. }
            | Self::StreamPipe { source, .. }
            | Self::System { source, .. } => source.raw_os_error(),
            Self::List { source, .. }
            | Self::Show { source, .. }
            | Self::Send { source, .. }
            | Self::Remove { source, .. } => source.raw_os_error(),
            Self::Command(error) => error.raw_os_error(),
            Self::Receive(error) => error.raw_os_error(),
            Self::Dump(error) => error.raw_os_error(),
            Self::Verify(error) => error.raw_os_error(),
            Self::There(there) => there.errno,
            _ => None,
        }
    }

    /// Returns whether the operation was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Cancelled
                | Self::Receive(ReceiveError::Cancelled)
                | Self::Dump(DumpError::Cancelled)
                | Self::Verify(VerifyError::Cancelled)
        )
    }

    /// Returns whether one of `clones` could not be used as a clone source.
    pub(crate) fn is_of_clone(&self, clones: &[Subvolume]) -> bool {
        match self {
            Self::Receive(error) => !clones.is_empty() && error.is_of_clone(),
            Self::CloneSource { .. } => true,
            Self::There(there) => !clones.is_empty() && there.of_clone,
            Self::Command(CommandError::Failed { stderr, .. }) => {
                let named = |vol: &Subvolume| stderr.contains(&escaped(&vol.path).to_string());
                clones.iter().any(named)
            }
            _ => false,
        }
    }

    /// Returns this failure as a btrsync on another machine would tell it; see [`crate::agent`].
    pub fn as_told_by(&self, host: &str) -> Self {
        crate::agent::told_by(host, self)
    }

    /// Returns whether a transfer could not go on where it was interrupted, and must start over.
    pub fn is_other_prefix(&self) -> bool {
        matches!(self, Self::OtherPrefix { .. } | Self::Receive(ReceiveError::OtherPrefix))
    }

    /// Returns whether this only follows from a failure at the other end of the flow.
    /// Returns whether a receiver has not found the data of a file that it was to read by itself.
    pub(crate) fn is_of_missing_data(&self) -> bool {
        matches!(self, Self::Receive(error) if error.is_of_missing_data())
    }

    pub(crate) fn is_consequence(&self) -> bool {
        const EPIPE: i32 = 32;
        match self {
            Self::Send { .. } | Self::StreamPipe { .. } => self.raw_os_error() == Some(EPIPE),
            Self::Receive(error) => error.is_end_of_flow(),
            Self::There(there) => there.follows,
            Self::Dump(error) => error.is_end_of_flow(),
            Self::Cancelled | Self::Verify(VerifyError::Cancelled) => true,
            _ => false,
        }
    }
}
