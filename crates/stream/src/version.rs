//! A stream says its version once, in 17 bytes without a checksum, and everything after is read by it: which commands
//! and attributes exist, and whether file data carries its own length. A wrong version must therefore end in an error
//! and never in a guess.

use std::fmt;

use crate::error::Error;

const MAGIC: &[u8; 13] = b"btrfs-stream\0";

/// The length of an encoded [`Header`], in bytes.
pub const HEADER_LEN: usize = MAGIC.len() + 4;

/// A version of the stream format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Every kernel that can send.
    V1,
    /// Linux 6.0 and later, on request: large and compressed writes, birth times, fallocate, inode flags.
    V2,
    /// Kernels built with the experimental options of btrfs: fs-verity.
    V3,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 3] = [Self::V1, Self::V2, Self::V3];

    /// Returns the number that stands in the stream header.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// Returns the version with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.number() == number)
    }

    /// Returns the longest payload of a command that is accepted, in bytes.
    ///
    /// A v1 kernel builds each command in a buffer of 64 KiB. From v2 on the buffer is 144 KiB rounded up to a page, so
    /// 192 KiB at most; 1 MiB leaves room for kernels with larger compressed extents and still bounds the memory.
    #[must_use]
    pub const fn max_payload(self) -> usize {
        match self {
            Self::V1 => 64 << 10,
            Self::V2 | Self::V3 => 1 << 20,
        }
    }

    /// In v1 the file data has a 16-bit length like any attribute, later it runs to the end of its command.
    pub(crate) const fn data_has_length(self) -> bool {
        matches!(self, Self::V1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.number())
    }
}

/// What a stream opens with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// The version that all commands up to the next END are read by.
    pub version: Version,
}

impl Header {
    /// Parses the header that stands at byte `offset` of the input; the offset serves the errors only.
    ///
    /// # Errors
    /// [`Error::BadMagic`] and [`Error::UnsupportedVersion`].
    pub fn parse(bytes: &[u8; HEADER_LEN], offset: u64) -> Result<Self, Error> {
        let Some([a, b, c, d]) = bytes.strip_prefix(MAGIC) else {
            return Err(Error::BadMagic { offset });
        };
        let number = u32::from_le_bytes([*a, *b, *c, *d]);
        match Version::from_number(number) {
            Some(version) => Ok(Self { version }),
            None => Err(Error::UnsupportedVersion { offset, number }),
        }
    }

    /// Returns the bytes of the header.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let (magic, version) = bytes.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        version.copy_from_slice(&self.version.number().to_le_bytes());
        bytes
    }
}
