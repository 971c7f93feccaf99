//! The failures of the commands beside the sync.

use std::error::Error;
use std::fmt::Display;

use btrsync::stream;

use super::Failure;

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
