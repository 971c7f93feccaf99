//! How much of a stream there is, and a hash that proves of which.
//!
//! The kernel cannot begin a stream in its middle. Whoever continues one makes it again from its start,
//! and must not take another stream for the same: each command is hashed with the hash of those
//! before it as the key, so that a chain can go on where another process has left it. Of a command with
//! much data that is its beginning, which has the checksum of all of it.

use std::cmp::Ordering;

use btrsync_stream::{Command, Frame, Version};

/// A part of the stream of one subvolume: all from its first command, which names it, to some other.
///
/// # Examples
///
/// ```
/// use btrsync::receive::Prefix;
///
/// let (mut one, mut other) = (Prefix::default(), Prefix::default());
/// one.add(b"a command");
/// other.add(b"a commanD");
/// assert_eq!(one.bytes, other.bytes);
/// assert_ne!(one, other);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prefix {
    /// Its length in bytes; the header of the stream does not count.
    pub bytes: u64,
    /// The BLAKE3 hash of the last command's first 256 bytes, keyed with that of the commands before it. What of
    /// a command is behind that, its checksum in there stands for.
    pub hash: [u8; 32],
}

/// How much of a command is hashed at most, in bytes. All but those with data, attributes or long paths are shorter.
const HASHED: usize = 256;

impl Prefix {
    /// Takes the next command of the stream, as it was read and found to be as its checksum says.
    pub fn add(&mut self, command: &[u8]) {
        let hashed = &command[..command.len().min(HASHED)];
        self.hash = *blake3::keyed_hash(&self.hash, hashed).as_bytes();
        self.bytes += command.len() as u64;
    }

    /// Takes the next command of a stream that may have been made without data, which counts as if it were
    /// there.
    pub(super) fn add_whole(&mut self, frame: &Frame<'_>, command: &Command<'_>) {
        self.add(frame.raw());
        self.bytes = self.bytes.saturating_add_signed(left_out(frame, command));
    }

    /// Returns whether all of `wanted` has come; nothing where what has come is not its beginning, as far
    /// as that can be told by now.
    pub(crate) fn reaches(&self, wanted: &Self) -> Option<bool> {
        match self.bytes.cmp(&wanted.bytes) {
            Ordering::Less => Some(false),
            Ordering::Equal if self == wanted => Some(true),
            _ => None,
        }
    }
}

/// The most data that one command of the kernel writes, as long as that is not compressed.
const MOST_WRITTEN: u64 = 48 << 10;

/// By how much a command that writes is shorter without its data than one that tells of an extent: it
/// has the head of an attribute in place of a whole one with a number. From version 2 on that has no length.
const fn shorter(version: Version) -> u64 {
    if version.number() > 1 { 10 } else { 8 }
}

/// By how many bytes a stream would be longer that had the data that a command tells of: so an amount
/// means the same whichever way the data goes.
pub(crate) fn left_out(frame: &Frame<'_>, command: &Command<'_>) -> i64 {
    let Command::UpdateExtent { size, .. } = *command else { return 0 };
    let length = frame.raw().len() as u64;
    let commands =
        length.saturating_sub(shorter(frame.version())).saturating_mul(size.div_ceil(MOST_WRITTEN));
    let whole = size.saturating_add(commands).min(i64::MAX as u64);
    whole.cast_signed().saturating_sub_unsigned(length)
}

#[cfg(test)]
mod tests {
    use btrsync_stream::{CommandKind, FrameReader, Header};

    use super::*;

    fn of_a_file_with(data: &[u8]) -> Prefix {
        let mut stream = Header { version: Version::V1 }.encode().to_vec();
        let subvol = Command::Subvol { path: b"s", uuid: uuid::Uuid::from_u128(1), ctransid: 1 };
        for command in [subvol, Command::Write { path: b"f", offset: 0, data }] {
            command.encode(Version::V1, &mut stream).unwrap();
        }
        let (mut frames, mut prefix) = (FrameReader::new(stream.as_slice()), Prefix::default());
        for kind in [CommandKind::Subvol, CommandKind::Write] {
            let frame = frames.next_frame().unwrap().unwrap();
            assert_eq!(frame.kind(), kind);
            prefix.add(frame.raw());
        }
        prefix
    }

    #[test]
    fn any_byte_of_a_large_command_counts() {
        let data = vec![7; 48 << 10];
        let whole = of_a_file_with(&data);
        assert_eq!(of_a_file_with(&data), whole);
        for at in [0, HASHED, data.len() / 2, data.len() - 1] {
            let mut other = data.clone();
            other[at] ^= 1;
            let other = of_a_file_with(&other);
            assert_eq!(other.bytes, whole.bytes);
            assert_ne!(other.hash, whole.hash, "byte {at}");
        }
    }
}
