//! What can go wrong while a stream is dumped.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use btrsync_stream as stream;
use rustix::io::Errno;

use crate::cancel::is_cancelled;
use crate::receive::ReceiveError;
use crate::text::escaped;

/// The failure of a dump. Nothing is left under its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// The stream is damaged or breaks off.
    #[error("{0}")]
    Stream(#[source] stream::Error),
    /// The stream names its subvolume in a way that no file can be named.
    #[error(
        "the stream names its subvolume {}, which cannot be part of a file name",
        escaped(name)
    )]
    BadName {
        /// The name.
        name: OsString,
    },
    /// The streams are not those that were announced.
    #[error(transparent)]
    Announced(ReceiveError),
    /// What is to be appended to names cannot be part of one.
    #[error("'{}' cannot be appended to the names of files", escaped(extension))]
    BadExtension {
        /// What was to be appended.
        extension: OsString,
    },
    /// The names that the dump could have are taken.
    #[error("{} already exists", escaped(path))]
    Exists {
        /// The second of them.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {what} {}: {source}", escaped(path))]
    Io {
        /// What could not be done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The dump could not be written.
    #[error("cannot write the dump: {0}")]
    Write(#[source] io::Error),
    /// The pipes between the stages could not be made.
    #[error("cannot connect the pipeline: {0}")]
    Pipe(#[source] io::Error),
    /// A stage of the pipeline could not be started.
    #[error("cannot start '{name}' in the pipeline: {source}")]
    Start {
        /// Its program, escaped.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A stage of the pipeline failed.
    #[error("'{name}' in the pipeline failed ({status}){}", said(stderr))]
    Stage {
        /// Its program, escaped.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said, escaped.
        stderr: String,
    },
    /// A stage of the pipeline did not read everything.
    #[error("'{name}' in the pipeline stopped reading before the end of the stream")]
    Unread {
        /// Its program, escaped.
        name: String,
    },
    /// The dump was cancelled.
    #[error("cancelled")]
    Cancelled,
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

impl DumpError {
    /// Returns the errno at the bottom of the failure, if there is one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Io { source, .. } | Self::Start { source, .. } => source.raw_os_error(),
            Self::Write(source) | Self::Pipe(source) => source.raw_os_error(),
            Self::Stream(stream::Error::Read { source, .. }) => source.raw_os_error(),
            _ => None,
        }
    }

    /// Returns whether the same stream can be continued later: it broke off, or there was no room.
    pub(super) fn is_interruption(&self) -> bool {
        let full =
            [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].map(|errno| Some(errno.raw_os_error()));
        self.is_end_of_flow()
            || matches!(self, Self::Stream(_))
            || full.contains(&self.raw_os_error())
    }

    /// Returns whether this is what a dump sees when the sender has failed.
    pub(crate) fn is_end_of_flow(&self) -> bool {
        match self {
            Self::Announced(error) => error.is_end_of_flow(),
            Self::Stream(stream::Error::Truncated { .. }) | Self::Cancelled => true,
            _ => false,
        }
    }
}

impl From<stream::Error> for DumpError {
    fn from(error: stream::Error) -> Self {
        match error {
            stream::Error::Read { source, .. } if is_cancelled(&source) => Self::Cancelled,
            other => Self::Stream(other),
        }
    }
}
