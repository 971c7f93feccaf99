//! How much of a stream there is, and a hash that proves of which.
//!
//! The kernel cannot begin a stream in its middle. Whoever continues one makes it again from its start,
//! and must not take another stream for the same: each command is hashed with the hash of those
//! before it as the key, so that a chain can go on where another process has left it.

use std::cmp::Ordering;

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
    /// The BLAKE3 hash of the last command, keyed with that of the commands before it.
    pub hash: [u8; 32],
}

impl Prefix {
    /// Takes the next command of the stream, as it was read.
    pub fn add(&mut self, command: &[u8]) {
        self.hash = *blake3::keyed_hash(&self.hash, command).as_bytes();
        self.bytes += command.len() as u64;
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
