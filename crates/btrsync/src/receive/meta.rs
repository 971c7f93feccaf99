//! What is known of streams before they come, what they say of themselves, and of subvolumes once they
//! are there.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use btrsync_stream::{Command, Frame};
use uuid::Uuid;

use super::error::ReceiveError;
use super::stage::is_staging_name;

/// What is known of the streams in a flow before they come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamMeta {
    /// The UUIDs that the streams must name, in order; empty where any is right. `None` is a UUID
    /// that is not known.
    pub uuids: Vec<Option<Uuid>>,
}

impl StreamMeta {
    /// Refuses a subvolume that is not the one that was announced, `done` others having come before.
    pub(crate) fn expect(&self, done: usize, uuid: Uuid) -> Result<(), ReceiveError> {
        match self.uuids.get(done) {
            Some(Some(announced)) if *announced != uuid => {
                Err(ReceiveError::OtherVolume { announced: *announced, uuid })
            }
            None if !self.uuids.is_empty() => Err(ReceiveError::OneTooMany { uuid }),
            _ => Ok(()),
        }
    }

    /// Refuses a flow that has ended before all that was announced has come.
    pub(crate) fn complete(&self, received: usize) -> Result<(), ReceiveError> {
        match self.uuids.len() {
            announced if received < announced => Err(ReceiveError::TooFew { received, announced }),
            _ => Ok(()),
        }
    }
}

/// A subvolume that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its name in the directory that was received into.
    pub name: OsString,
    /// The UUID that the stream gave of its source.
    pub uuid: Uuid,
}

/// What a stream says of the subvolume it makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) uuid: Uuid,
    pub(crate) ctransid: u64,
}

/// Reads the name and the identity of the subvolume that a frame begins.
pub(crate) fn named(frame: &Frame<'_>) -> Result<(OsString, Identity), ReceiveError> {
    let (Command::Subvol { path, uuid, ctransid } | Command::Snapshot { path, uuid, ctransid, .. }) =
        Command::decode(frame)?
    else {
        return Err(ReceiveError::BadName { name: OsString::new() });
    };
    let name = OsString::from_vec(path.to_vec());
    if !is_possible_name(&name) {
        return Err(ReceiveError::BadName { name });
    }
    Ok((name, Identity { uuid, ctransid }))
}

/// Whether a subvolume may get this name: one entry of the directory, and not a staging name.
fn is_possible_name(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    let special = bytes.is_empty() || bytes == b"." || bytes == b"..";
    !special
        && bytes.len() <= 255
        && !bytes.iter().any(|c| matches!(c, b'/' | 0))
        && !is_staging_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_cannot_name_what_is_not_an_entry_of_the_directory() {
        let long = "x".repeat(256);
        let staging = format!(".btrsync-{}.partial", "0".repeat(32));
        for name in ["", ".", "..", "a/b", "/etc", "a\0b", &long, &staging] {
            assert!(!is_possible_name(OsStr::new(name)), "{name:?}");
        }
        for name in ["a", "...", "a b\n", &"x".repeat(255)] {
            assert!(is_possible_name(OsStr::new(name)), "{name:?}");
        }
    }
}
