//! Why a stream cannot be made.

use std::io;
use std::path::PathBuf;

use btrsync_kernel as kernel;
use btrsync_stream as stream;

use crate::sync::root::DumpError;
use crate::text::escaped;

/// The failure of a send.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// A path cannot be opened.
    #[error("cannot open {}: {source}", escaped(path))]
    Open {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path is not on btrfs.
    #[error("{} is not on a btrfs filesystem", escaped(path))]
    NotBtrfs {
        /// The path.
        path: PathBuf,
    },
    /// A path is not the root of a subvolume.
    #[error("{} is not a subvolume", escaped(path))]
    NotSubvolume {
        /// The path.
        path: PathBuf,
    },
    /// A subvolume can be written to.
    #[error(
        "{} is a writable subvolume, and only read-only ones can be sent or sent from",
        escaped(path)
    )]
    Writable {
        /// The path.
        path: PathBuf,
    },
    /// Two of the subvolumes are on different filesystems.
    #[error("{} and {} are on different filesystems", escaped(path), escaped(other))]
    OtherFilesystem {
        /// The one.
        path: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// None of the clone sources can be a parent.
    #[error(
        "no clone source can be the parent of {}: none is what it is a snapshot of, or a snapshot of the same subvolume",
        escaped(path)
    )]
    NoParent {
        /// The subvolume to send.
        path: PathBuf,
    },
    /// The kernel cannot send this version.
    #[error("version {version} of the stream is not known to this kernel; its newest is {newest}")]
    Version {
        /// The version that was asked for.
        version: u32,
        /// The newest that there is.
        newest: u32,
    },
    /// Version 1 has no way to send compressed data.
    #[error("version 1 of the stream cannot hold compressed data")]
    CompressedV1,
    /// A subvolume cannot be looked at.
    #[error("cannot read the subvolume {}: {source}", escaped(path))]
    Look {
        /// The path.
        path: PathBuf,
        /// What the kernel says.
        source: kernel::Error,
    },
    /// The kernel could not make the stream.
    #[error("cannot send {}: {source}", escaped(path))]
    Send {
        /// The subvolume.
        path: PathBuf,
        /// What the kernel says.
        source: kernel::Error,
    },
    /// The kernel has made a stream that breaks off or is damaged, as it does when the process is
    /// stopped and continued.
    #[error("the kernel has made a stream that is not whole: {0}")]
    Stream(#[source] stream::Error),
    /// The output cannot be written to.
    #[error("cannot write the stream: {0}")]
    Write(#[source] io::Error),
    /// The process lacks something that has nothing to do with what is sent.
    #[error("cannot start to send: {0}")]
    System(#[source] io::Error),
    /// The send was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] DumpError),
}

impl SendError {
    /// Returns the errno at the bottom of the failure, if there is one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Open { source, .. } | Self::Write(source) | Self::System(source) => {
                source.raw_os_error()
            }
            Self::Look { source, .. } | Self::Send { source, .. } => source.raw_os_error(),
            Self::File(error) => error.raw_os_error(),
            _ => None,
        }
    }
}
