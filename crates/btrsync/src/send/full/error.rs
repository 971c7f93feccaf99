//! What can go wrong while a full stream is made.

use std::io;

use btrsync_kernel as kernel;
use btrsync_stream::EncodeError;

/// Why a stream could not be made, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FullError {
    /// The kernel fails.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// The output does.
    #[error(transparent)]
    Write(io::Error),
    /// No pipe or no thread is to be had, or a path is too long.
    #[error(transparent)]
    System(io::Error),
    /// What the kernel began is no stream of a subvolume.
    #[error("the kernel did not begin a stream")]
    Begin,
    /// A command has no form.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The tree has an inode without what belongs to it.
    #[error("inode {inode} has no {what}")]
    Lacks {
        /// The inode.
        inode: u64,
        /// What it lacks.
        what: &'static str,
    },
}
