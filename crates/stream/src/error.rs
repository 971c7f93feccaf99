//! A stream that breaks off or is damaged must be told apart from one that ended, and the user must learn where: every
//! error carries the byte offset in the input and, where one is known, the command.

use std::{fmt, io};

use thiserror::Error;

use crate::attribute::Attribute;
use crate::command::CommandKind;
use crate::frame::CommandCode;
use crate::version::Version;

/// Why a stream could not be read; all offsets count bytes from the start of the input.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The reader under the stream failed; nothing is lost, the same call can be made again.
    #[error("cannot read the stream after byte {offset}")]
    Read {
        /// The number of bytes read before.
        offset: u64,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// The input ended before END.
    #[error("the stream is cut off at byte {offset}, {place}")]
    Truncated {
        /// The length of the input.
        offset: u64,
        /// What was being read.
        place: Place,
    },
    /// No stream header stands where one must.
    #[error("no btrfs send stream at byte {offset}")]
    BadMagic {
        /// Where the header should begin.
        offset: u64,
    },
    /// The stream header names a version that is not known.
    #[error("unsupported stream version {number} at byte {offset}")]
    UnsupportedVersion {
        /// Where the header begins.
        offset: u64,
        /// The version it names.
        number: u32,
    },
    /// A command claims a longer payload than any kernel sends.
    #[error("{command} at byte {offset}: length {length} is over the limit of {limit}")]
    CommandTooLong {
        /// Where the command begins.
        offset: u64,
        /// The command, as far as its number is known.
        command: CommandCode,
        /// The length it claims, in bytes.
        length: u32,
        /// [`Version::max_payload`].
        limit: usize,
    },
    /// The bytes of a command are not the ones its sender wrote.
    #[error("{command} at byte {offset}: crc32c is {found:08x}, its header says {expected:08x}")]
    Checksum {
        /// Where the command begins.
        offset: u64,
        /// The command, as far as its number can be trusted.
        command: CommandCode,
        /// What the header says.
        expected: u32,
        /// What the bytes give.
        found: u32,
    },
    /// No version of the format has this command.
    #[error("unknown command {number} at byte {offset}")]
    UnknownCommand {
        /// Where the command begins.
        offset: u64,
        /// Its number.
        number: u16,
    },
    /// The command does not exist yet in the version of this stream.
    #[error("{command} at byte {offset}: not a command of a {version} stream")]
    CommandTooNew {
        /// Where the command begins.
        offset: u64,
        /// The command.
        command: CommandKind,
        /// The version of the stream.
        version: Version,
    },
    /// The stream does not begin with the subvolume that its commands are for.
    #[error("{command} at byte {offset}: comes before any subvol or snapshot command")]
    NoSubvolume {
        /// Where the command begins.
        offset: u64,
        /// The command.
        command: CommandKind,
    },
    /// An attribute runs over the end of its command.
    #[error("{command}: the attribute at byte {offset} runs over the end of the command")]
    AttributeCut {
        /// Where the attribute begins.
        offset: u64,
        /// The command.
        command: CommandKind,
    },
    /// No version of the format has this attribute.
    #[error("{command}: unknown attribute {number} at byte {offset}")]
    UnknownAttribute {
        /// Where the attribute begins.
        offset: u64,
        /// The command.
        command: CommandKind,
        /// The number of the attribute.
        number: u16,
    },
    /// The command has no such attribute in this version of the stream.
    #[error("{command}: does not take the attribute {attribute} at byte {offset}")]
    UnexpectedAttribute {
        /// Where the attribute begins.
        offset: u64,
        /// The command.
        command: CommandKind,
        /// The attribute.
        attribute: Attribute,
    },
    /// The attribute stands twice in one command.
    #[error("{command}: the attribute {attribute} at byte {offset} is a repetition")]
    RepeatedAttribute {
        /// Where the second one begins.
        offset: u64,
        /// The command.
        command: CommandKind,
        /// The attribute.
        attribute: Attribute,
    },
    /// The command lacks an attribute that it needs.
    #[error("{command} at byte {offset}: the attribute {attribute} is missing")]
    MissingAttribute {
        /// Where the command begins.
        offset: u64,
        /// The command.
        command: CommandKind,
        /// The attribute.
        attribute: Attribute,
    },
    /// The attribute has a fixed size and another was found.
    #[error(
        "{command}: the attribute {attribute} at byte {offset} has {found} bytes, not {expected}"
    )]
    AttributeSize {
        /// Where the attribute begins.
        offset: u64,
        /// The command.
        command: CommandKind,
        /// The attribute.
        attribute: Attribute,
        /// Its one legal size, in bytes.
        expected: usize,
        /// The size found, in bytes.
        found: usize,
    },
    /// The stream gives 64 bits to a value of 32, and the rest of them is not zero.
    #[error("{command}: {attribute} {value} at byte {offset} does not fit in 32 bits")]
    ValueTooLarge {
        /// Where the attribute begins.
        offset: u64,
        /// The command.
        command: CommandKind,
        /// The attribute.
        attribute: Attribute,
        /// Its value.
        value: u64,
    },
}

/// What was being read when the input ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The header of a stream.
    StreamHeader,
    /// The header of the command after this one, or of the first; not one byte of it need be there.
    CommandHeader {
        /// The last whole command of this stream.
        after: Option<CommandKind>,
    },
    /// The payload of a command.
    Payload {
        /// The command.
        command: CommandCode,
        /// Where it begins.
        start: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StreamHeader => f.write_str("in the stream header"),
            Self::CommandHeader { after: None } => f.write_str("before the first command"),
            Self::CommandHeader { after: Some(kind) } => write!(f, "after a {kind} command"),
            Self::Payload { command, start } => {
                write!(f, "inside the {command} command that begins at byte {start}")
            }
        }
    }
}

/// Why a command could not be written.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The command does not exist yet in that version.
    #[error("cannot write {command} into a {version} stream")]
    CommandTooNew {
        /// The command.
        command: CommandKind,
        /// The version asked for.
        version: Version,
    },
    /// The attribute does not exist yet in that version.
    #[error("cannot write the attribute {attribute} of {command} into a {version} stream")]
    AttributeTooNew {
        /// The command.
        command: CommandKind,
        /// The attribute.
        attribute: Attribute,
        /// The version asked for.
        version: Version,
    },
    /// The command needs the attribute in that version.
    #[error("cannot write {command} into a {version} stream without {attribute}")]
    MissingAttribute {
        /// The command.
        command: CommandKind,
        /// The attribute.
        attribute: Attribute,
        /// The version asked for.
        version: Version,
    },
    /// The value is longer than the length field of an attribute can say.
    #[error("cannot write {command}: {attribute} has {length} bytes, the limit is 65535")]
    AttributeTooLong {
        /// The command.
        command: CommandKind,
        /// The attribute.
        attribute: Attribute,
        /// The length of the value, in bytes.
        length: usize,
    },
    /// The command is longer than a reader accepts.
    #[error("cannot write {command}: {length} bytes are over the limit of {limit}")]
    CommandTooLong {
        /// The command.
        command: CommandKind,
        /// The length of the payload, in bytes.
        length: usize,
        /// [`Version::max_payload`].
        limit: usize,
    },
}
