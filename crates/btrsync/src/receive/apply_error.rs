//! Why a single command of a stream cannot be applied.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use btrsync_kernel as kernel;
use rustix::io::Errno;

use super::decode::DecodeError;
use super::source::SourceError;
use crate::text::escaped;

/// Why a command could not be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The command names a path that no file of a subvolume can have.
    #[error("the path {} {problem}", escaped(path))]
    Path {
        /// The path.
        path: OsString,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The path leads out of the subvolume: into one nested in it, or a mount.
    #[error("{} lies in another subvolume", escaped(path))]
    Outside {
        /// The path.
        path: OsString,
    },
    /// Data goes to, or comes from, something that holds none.
    #[error("{} is not a regular file", escaped(path))]
    NotAFile {
        /// The path.
        path: OsString,
    },
    /// A value that no file can have.
    #[error("{what} {value} is impossible")]
    Value {
        /// Which.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// The stream was made without the content of files.
    #[error("the stream was made without file data; send it with data")]
    NoData,
    /// The data of a file could not be read where it is copied from.
    #[error("cannot read {}: {source}", escaped(path))]
    Original {
        /// The file, in the subvolume that is sent.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The stream asks for what this receiver cannot do.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    /// Compressed data does not decompress to what the stream says.
    #[error("cannot decompress the data: {0}")]
    Decode(#[from] DecodeError),
    /// The subvolume to clone from cannot be used.
    #[error("cannot clone: {0}")]
    Source(#[from] SourceError),
    /// The filesystem refused an operation.
    #[error("cannot {what}: {source}")]
    Io {
        /// What could not be done.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The flow was cancelled while data was copied. As much of that may be there as it was; the same command
    /// once more makes it whole.
    #[error("cancelled")]
    Cancelled,
    /// The kernel refused an operation that only btrfs has.
    #[error("{0}")]
    Kernel(#[from] kernel::Error),
}

/// The result of a part of a command.
pub(super) type Applied<T> = Result<T, ApplyError>;

impl ApplyError {
    pub(super) fn path(path: &[u8], problem: &'static str) -> Self {
        Self::Path { path: name(path), problem }
    }

    pub(super) fn outside(path: &[u8]) -> Self {
        Self::Outside { path: name(path) }
    }

    pub(super) fn not_a_file(path: &[u8]) -> Self {
        Self::NotAFile { path: name(path) }
    }

    pub(super) fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Io { source, .. } | Self::Original { source, .. } => source.raw_os_error(),
            Self::Kernel(source) => source.raw_os_error(),
            Self::Source(source) => source.raw_os_error(),
            _ => None,
        }
    }
}

fn name(path: &[u8]) -> OsString {
    OsString::from_vec(path.to_vec())
}

/// Names what failed, where the kernel only says why.
pub(super) trait Told<T> {
    fn told(self, what: &'static str) -> Applied<T>;
}

impl<T> Told<T> for Result<T, Errno> {
    fn told(self, what: &'static str) -> Applied<T> {
        self.map_err(|errno| ApplyError::Io { what, source: errno.into() })
    }
}

impl<T> Told<T> for io::Result<T> {
    fn told(self, what: &'static str) -> Applied<T> {
        self.map_err(|source| ApplyError::Io { what, source })
    }
}
