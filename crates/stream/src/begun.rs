//! SUBVOL and SNAPSHOT say the same of a subvolume, and the second of its parent too. Whoever takes them apart twice
//! can forget one of them.

use uuid::Uuid;

use crate::command::Command;
use crate::error::Error;
use crate::frame::Frame;

/// The subvolume that a command begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun<'a> {
    /// The name of the subvolume on the sending side; not judged, so it may be anything.
    pub name: &'a [u8],
    /// Its received UUID if it has one, else its UUID.
    pub uuid: Uuid,
    /// The transaction in which it, or what it was received from, last changed.
    pub ctransid: u64,
    /// UUID and transaction of the parent, by the same rules, where the stream is the difference to one.
    pub parent: Option<(Uuid, u64)>,
}

impl<'a> Command<'a> {
    /// Returns the subvolume that this command begins, if it begins one.
    pub fn begun(&self) -> Option<Begun<'a>> {
        match *self {
            Self::Subvol { path: name, uuid, ctransid } => {
                Some(Begun { name, uuid, ctransid, parent: None })
            }
            Self::Snapshot { path: name, uuid, ctransid, clone_uuid, clone_ctransid } => {
                let parent = Some((clone_uuid, clone_ctransid));
                Some(Begun { name, uuid, ctransid, parent })
            }
            _ => None,
        }
    }
}

impl<'a> Frame<'a> {
    /// Returns the subvolume that this frame begins, if it begins one; other frames are not decoded.
    ///
    /// # Errors
    /// As [`Command::decode`].
    pub fn begun(&self) -> Result<Option<Begun<'a>>, Error> {
        match self.kind().names_subvolume() {
            true => Ok(Command::decode(self)?.begun()),
            false => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FrameReader, Header, Version};

    const ONE: Uuid = Uuid::from_u128(1);
    const TWO: Uuid = Uuid::from_u128(2);

    #[test]
    fn both_commands_begin_a_subvolume_and_no_other_does() {
        let subvol = Command::Subvol { path: b"a/\xff", uuid: ONE, ctransid: 7 };
        let snapshot = Command::Snapshot {
            path: b"b",
            uuid: TWO,
            ctransid: 8,
            clone_uuid: ONE,
            clone_ctransid: 7,
        };
        let file = Command::Mkfile { path: b"f", ino: 257 };
        let full = Begun { name: b"a/\xff", uuid: ONE, ctransid: 7, parent: None };
        let incremental = Begun { name: b"b", uuid: TWO, ctransid: 8, parent: Some((ONE, 7)) };
        let commands = [
            (subvol, Some(full)),
            (file, None),
            (snapshot, Some(incremental)),
            (Command::End, None),
        ];
        let mut stream = Header { version: Version::V1 }.encode().to_vec();
        commands.iter().for_each(|(command, _)| command.encode(Version::V1, &mut stream).unwrap());
        let mut frames = FrameReader::new(stream.as_slice());
        for (command, expected) in commands {
            assert_eq!(command.begun(), expected);
            assert_eq!(frames.next_frame().unwrap().unwrap().begun().unwrap(), expected);
        }
    }
}
