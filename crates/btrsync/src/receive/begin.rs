//! What a stream begins with. The name in it is that of an entry of a directory here, or none at all.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use btrsync_stream::{Begun, Command};
use uuid::Uuid;

use super::error::ReceiveError;
use super::kept::is_unfinished;
use super::source::Named;
use super::stage::Identity;

/// How a stream begins a subvolume.
pub(crate) struct Begin {
    pub(crate) name: OsString,
    pub(crate) identity: Identity,
    pub(crate) parent: Option<Named>,
}

impl Begin {
    pub(crate) fn of(command: &Command<'_>) -> Result<Self, ReceiveError> {
        let none = Begun { name: b"", uuid: Uuid::nil(), ctransid: 0, parent: None };
        let Begun { name, uuid, ctransid, parent } = command.begun().unwrap_or(none);
        let parent = parent.map(|(uuid, ctransid)| Named { uuid, ctransid });
        let name = OsString::from_vec(name.to_vec());
        match is_possible_name(&name) {
            true => Ok(Self { name, identity: Identity { uuid, ctransid }, parent }),
            false => Err(ReceiveError::BadName { name }),
        }
    }
}

/// Whether a subvolume may get this name: one entry of the directory, and not that of
/// something unfinished.
fn is_possible_name(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    let special = bytes.is_empty() || bytes == b"." || bytes == b"..";
    !special
        && bytes.len() <= 255
        && !bytes.iter().any(|c| matches!(c, b'/' | 0))
        && !is_unfinished(name)
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
