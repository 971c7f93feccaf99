//! The failures of the commands beside the sync.

use std::error::Error;
use std::fmt::Display;
use std::io;

use btrsync::ReceiveError;
use btrsync::agent::AgentError;
use btrsync::send::SendError;
use btrsync::stream;
use btrsync::sync::root::RootError;

use super::{BUSY, Failure, by_cause, by_dump, is_busy};
use crate::exit::Exit;

impl From<ReceiveError> for Failure {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Locked { .. } => {
                let exit = Exit::Locked;
                Self { exit, ..Self::new(error, "wait for the other run to end, and run again") }
            }
            ReceiveError::Exists { .. } => {
                Self::new(error, "rename or delete it, or receive into another directory")
            }
            ReceiveError::NotBtrfs { .. } => {
                Self::new(error, "name a directory on btrfs; 'findmnt -t btrfs' lists its mounts")
            }
            ReceiveError::Stream(error) => {
                Self::from_stream("nothing of this stream was kept", &error)
            }
            other => RootError::from(other).into(),
        }
    }
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Self {
        RootError::from(error).into()
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        let hint = by_kind(&error).or_else(|| by_cause(error.raw_os_error()?)).map(str::to_owned);
        Self { message: error.to_string(), hint, exit: Exit::Failed }
    }
}

fn by_kind(error: &SendError) -> Option<&'static str> {
    Some(match error {
        SendError::NotBtrfs { .. } => {
            "name subvolumes on btrfs; 'findmnt -t btrfs' lists its mounts"
        }
        SendError::NotSubvolume { .. } => {
            "name the root directory of a subvolume; 'btrfs subvolume list' shows what there is"
        }
        SendError::Writable { .. } => {
            "make a read-only snapshot with 'btrfs subvolume snapshot -r' and name that"
        }
        SendError::OtherFilesystem { .. } => "name a parent and clone sources beside the subvolume",
        SendError::NoParent { .. } => "name the parent with -p, or leave -c out to send all of it",
        SendError::Version { .. } => "leave --proto out, or give 0 for the newest",
        SendError::CompressedV1 => "leave --proto out, or give 2",
        SendError::Send { .. } if is_busy(error.raw_os_error()) => BUSY,
        SendError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            "nobody reads any more; see what the receiver says"
        }
        SendError::Stream(_) => "run it again, and let it run without a stop",
        SendError::File(error) if error.raw_os_error() == Some(EISDIR) => "name a file in it",
        SendError::File(error) => return by_dump(error),
        _ => return None,
    })
}

const EISDIR: i32 = 21;

impl Failure {
    /// A stream that is damaged, or cannot be read to its end.
    pub(crate) fn from_stream(from: impl Display, error: &stream::Error) -> Self {
        let hint = match error {
            stream::Error::BadMagic { offset: 0 } => {
                "name what 'btrfs send' or 'btrsync' has made, plain or compressed with zstd"
            }
            stream::Error::BadMagic { .. } => "what comes before that byte is whole",
            stream::Error::Read { .. } => "check the file, and the disks: 'dmesg'",
            stream::Error::Truncated { .. } => {
                "make the stream again, and see that it is sent to its end"
            }
            _ => "make the stream again",
        };
        Self::new(format!("{from}: {}", with_sources(error)), hint)
    }
}

/// An error and what lies under it.
fn with_sources(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
