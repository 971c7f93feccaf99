//! The checksum is the only thing between a damaged pipe and damaged files, so a [`Frame`] exists only for bytes whose
//! checksum was compared. It is the crc32c of the whole frame with its own field as zero, started from zero and without
//! the final inversion, unlike the crc32c of everybody else.

use std::fmt;

use crate::command::CommandKind;
use crate::version::{Header, Version};

/// The length of what precedes the payload of each command, in bytes.
pub const COMMAND_HEADER_LEN: usize = 10;

const CRC_AT: usize = 6;

/// The number of a command as it stands in the stream, known or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommandCode(
    /// The number.
    pub u16,
);

impl fmt::Display for CommandCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CommandKind::from_number(self.0) {
            Some(kind) => kind.fmt(f),
            None => write!(f, "command {}", self.0),
        }
    }
}

/// The header of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommandHeader {
    pub(crate) length: u32,
    pub(crate) code: CommandCode,
    pub(crate) crc: u32,
}

impl CommandHeader {
    pub(crate) fn parse(bytes: &[u8; COMMAND_HEADER_LEN]) -> Self {
        let [l0, l1, l2, l3, n0, n1, c0, c1, c2, c3] = *bytes;
        Self {
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            code: CommandCode(u16::from_le_bytes([n0, n1])),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        }
    }

    pub(crate) fn encode(self) -> [u8; COMMAND_HEADER_LEN] {
        let mut bytes = [0; COMMAND_HEADER_LEN];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4..CRC_AT].copy_from_slice(&self.code.0.to_le_bytes());
        bytes[CRC_AT..].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    /// The checksum that this header should carry in front of `payload`.
    pub(crate) fn checksum(self, payload: &[u8]) -> u32 {
        let header = Self { crc: 0, ..self }.encode();
        // The crate inverts before and after; both are undone here.
        !crc32c::crc32c_append(crc32c::crc32c_append(!0, &header), payload)
    }

    /// This header with the checksum that belongs to `payload`.
    pub(crate) fn sealed(self, payload: &[u8]) -> Self {
        Self { crc: self.checksum(payload), ..self }
    }
}

/// One whole command of a stream, its checksum verified and its attributes not yet looked at.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub(crate) offset: u64,
    pub(crate) version: Version,
    pub(crate) kind: CommandKind,
    pub(crate) first: bool,
    pub(crate) raw: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Returns where the command begins, in bytes from the start of the input.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the version of the stream it stands in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns which command it is.
    #[must_use]
    pub fn kind(&self) -> CommandKind {
        self.kind
    }

    /// Returns the stream header if this is the first command after one: whoever copies frames writes it first.
    #[must_use]
    pub fn header(&self) -> Option<Header> {
        self.first.then_some(Header { version: self.version })
    }

    /// Returns the command as it was read, header and payload.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Returns the attributes as they were read.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.raw.get(COMMAND_HEADER_LEN..).unwrap_or_default()
    }

    /// The position in the input of byte `at` of the payload.
    pub(crate) fn payload_offset(&self, at: usize) -> u64 {
        self.offset + (COMMAND_HEADER_LEN + at) as u64
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, version, kind, raw, .. } = self;
        write!(f, "Frame({kind} at byte {offset}, {version}, {} bytes)", raw.len())
    }
}
