//! Makes the send stream of a subvolume. The call blocks until all of it is written.
//!
//! The kernel cannot continue a stream: a call that a signal has ended and that is made again begins
//! a second stream in the middle of the first. So EINTR is an error here and not retried; where the
//! kernel restarts the call by itself (a process stopped and continued), only the reader can notice.

use std::os::fd::{AsFd, AsRawFd};

use linux_raw_sys::btrfs as raw;

use crate::error::Result;
use crate::ioctl::{self, Send};

/// What to send and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// The id of the parent for an incremental stream; it must be read-only too.
    pub parent: Option<u64>,
    /// The ids of subvolumes that the stream may clone from, all read-only. A parent that is to be
    /// cloned from must be among them.
    pub clone_sources: Vec<u64>,
    /// Leave the content of files out (`BTRFS_SEND_FLAG_NO_FILE_DATA`).
    pub no_file_data: bool,
    /// Leave the stream header out (`BTRFS_SEND_FLAG_OMIT_STREAM_HEADER`).
    pub omit_stream_header: bool,
    /// Leave the END command out (`BTRFS_SEND_FLAG_OMIT_END_CMD`).
    pub omit_end_command: bool,
    /// Send compressed extents as they are; needs version 2 (`BTRFS_SEND_FLAG_COMPRESSED`).
    pub compressed: bool,
    /// The protocol version; `None` for version 1, which every kernel speaks.
    pub version: Option<u32>,
}

impl SendOptions {
    fn flags(&self) -> u64 {
        let flags = [
            (self.no_file_data, raw::BTRFS_SEND_FLAG_NO_FILE_DATA),
            (self.omit_stream_header, raw::BTRFS_SEND_FLAG_OMIT_STREAM_HEADER),
            (self.omit_end_command, raw::BTRFS_SEND_FLAG_OMIT_END_CMD),
            (self.version.is_some(), raw::BTRFS_SEND_FLAG_VERSION),
            (self.compressed, raw::BTRFS_SEND_FLAG_COMPRESSED),
        ];
        flags.into_iter().filter(|(wanted, _)| *wanted).map(|(_, flag)| u64::from(flag)).sum()
    }
}

/// Writes the send stream of the subvolume with the root directory `subvolume` to `output`.
///
/// Blocks until the stream is complete or `output` fails; where `output` is a pipe whose reader is
/// gone the call ends with `EPIPE`, and the process gets a SIGPIPE unless it ignores that (a Rust
/// program does). Needs `CAP_SYS_ADMIN`, and `output` in blocking mode.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call): `EPERM` where a subvolume is not read-only or the capability
/// is missing, `EAGAIN` where one is being deduplicated, `ENOENT` where the parent is gone, `EPIPE`.
pub fn send(subvolume: impl AsFd, output: impl AsFd, options: &SendOptions) -> Result<()> {
    let mut clone_sources = options.clone_sources.clone();
    let mut args = ioctl::zeroed::<Send>();
    args.send_fd = output.as_fd().as_raw_fd().into();
    args.parent_root = options.parent.unwrap_or(0);
    args.clone_sources_count = clone_sources.len() as u64;
    args.clone_sources = clone_sources.as_mut_ptr();
    args.flags = options.flags();
    args.version = options.version.unwrap_or(0);
    ioctl::call_once::<Send>(subvolume, &mut args)
}

/// Returns the newest protocol version that the running kernel can send; 1 before Linux 6.0.
pub fn max_send_version() -> u32 {
    let version = std::fs::read_to_string("/sys/fs/btrfs/features/send_stream_version");
    version.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1)
}
