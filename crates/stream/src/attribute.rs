//! The attributes of a command come in any order and number, so a command that repeats one, or slips in one it has no
//! use for, could mean different things to two readers. Each is therefore taken exactly once and what is left over is
//! an error.

use std::fmt;

use crate::command::CommandKind;
use crate::error::Error;
use crate::frame::Frame;
use crate::version::Version;

macro_rules! attributes {
    ($($variant:ident = $number:literal, $since:ident, $size:expr, $name:literal;)+) => {
        /// A kind of attribute; the discriminant is its number in the stream.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Attribute {
            $(#[doc = concat!("`", $name, "`")] $variant = $number,)+
        }

        impl Attribute {
            /// All attributes, by number.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the lower-case name that the kernel's constants suggest.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Returns the first version of the stream in which a kernel sends it.
            #[must_use]
            pub const fn since(self) -> Version {
                match self { $(Self::$variant => Version::$since,)+ }
            }

            /// Returns the one legal size in bytes, or none where the size varies.
            #[must_use]
            pub const fn size(self) -> Option<usize> {
                match self { $(Self::$variant => $size,)+ }
            }
        }
    };
}

attributes! {
    Uuid = 1, V1, Some(16), "uuid";
    Ctransid = 2, V1, Some(8), "ctransid";
    Ino = 3, V1, Some(8), "ino";
    Size = 4, V1, Some(8), "size";
    Mode = 5, V1, Some(8), "mode";
    Uid = 6, V1, Some(8), "uid";
    Gid = 7, V1, Some(8), "gid";
    Rdev = 8, V1, Some(8), "rdev";
    Ctime = 9, V1, Some(12), "ctime";
    Mtime = 10, V1, Some(12), "mtime";
    Atime = 11, V1, Some(12), "atime";
    Otime = 12, V2, Some(12), "otime";
    XattrName = 13, V1, None, "xattr_name";
    XattrData = 14, V1, None, "xattr_data";
    Path = 15, V1, None, "path";
    PathTo = 16, V1, None, "path_to";
    PathLink = 17, V1, None, "path_link";
    FileOffset = 18, V1, Some(8), "file_offset";
    Data = 19, V1, None, "data";
    CloneUuid = 20, V1, Some(16), "clone_uuid";
    CloneCtransid = 21, V1, Some(8), "clone_ctransid";
    ClonePath = 22, V1, None, "clone_path";
    CloneOffset = 23, V1, Some(8), "clone_offset";
    CloneLen = 24, V1, Some(8), "clone_len";
    FallocateMode = 25, V2, Some(4), "fallocate_mode";
    Fileattr = 26, V2, Some(8), "fileattr";
    UnencodedFileLen = 27, V2, Some(8), "unencoded_file_len";
    UnencodedLen = 28, V2, Some(8), "unencoded_len";
    UnencodedOffset = 29, V2, Some(8), "unencoded_offset";
    Compression = 30, V2, Some(4), "compression";
    Encryption = 31, V2, Some(4), "encryption";
    VerityAlgorithm = 32, V3, Some(1), "verity_algorithm";
    VerityBlockSize = 33, V3, Some(4), "verity_block_size";
    VeritySaltData = 34, V3, None, "verity_salt_data";
    VeritySigData = 35, V3, None, "verity_sig_data";
}

impl Attribute {
    /// Returns the number in the stream.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Returns the attribute with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// Says whether a command that is older than the attribute must have it in this version.
    ///
    /// The version of a stream has no checksum. A v1 stream whose header was damaged into v3 would read file data two
    /// bytes off, and the missing birth time of the next `utimes` is what gives it away.
    pub(crate) fn is_due(self, command: CommandKind, version: Version) -> bool {
        self.since() > command.since() && self.since() <= version
    }

    fn index(self) -> usize {
        usize::from(self.number()) - 1
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where an attribute begins in the payload, and its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    pub(crate) at: usize,
    pub(crate) value: &'a [u8],
}

/// The attributes of one command, each to be taken once.
pub(crate) struct Attributes<'a> {
    frame: Frame<'a>,
    slots: [Option<Slot<'a>>; Attribute::ALL.len()],
}

impl<'a> Attributes<'a> {
    pub(crate) fn parse(frame: Frame<'a>) -> Result<Self, Error> {
        let mut parsed = Self { frame, slots: [None; Attribute::ALL.len()] };
        let mut rest = frame.payload();
        while !rest.is_empty() {
            rest = parsed.parse_one(rest)?;
        }
        Ok(parsed)
    }

    /// Returns what follows the attribute that `bytes` begins with.
    fn parse_one(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        let at = self.frame.payload().len() - bytes.len();
        let (offset, command) = (self.frame.payload_offset(at), self.frame.kind());
        let cut = Error::AttributeCut { offset, command };
        let Some((number, rest)) = split_u16(bytes) else { return Err(cut) };
        let attribute = Attribute::from_number(number).ok_or(Error::UnknownAttribute {
            offset,
            command,
            number,
        })?;
        if attribute.since() > self.frame.version() {
            return Err(Error::UnexpectedAttribute { offset, command, attribute });
        }
        let Some((value, rest)) = self.split_value(attribute, rest) else { return Err(cut) };
        if self.slots[attribute.index()].replace(Slot { at, value }).is_some() {
            return Err(Error::RepeatedAttribute { offset, command, attribute });
        }
        Ok(rest)
    }

    fn split_value(&self, attribute: Attribute, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if attribute == Attribute::Data && !self.frame.version().data_has_length() {
            return Some((rest, &[]));
        }
        let (len, rest) = split_u16(rest)?;
        rest.split_at_checked(len.into())
    }

    /// Takes an attribute out, with its size checked.
    pub(crate) fn take(&mut self, attribute: Attribute) -> Result<Option<Slot<'a>>, Error> {
        let Some(slot) = self.slots[attribute.index()].take() else { return Ok(None) };
        match attribute.size() {
            Some(expected) if expected != slot.value.len() => Err(Error::AttributeSize {
                offset: self.frame.payload_offset(slot.at),
                command: self.frame.kind(),
                attribute,
                expected,
                found: slot.value.len(),
            }),
            _ => Ok(Some(slot)),
        }
    }

    /// Says whether an attribute that may be absent is.
    pub(crate) fn lacks(&self, attribute: Attribute) -> bool {
        let due = attribute.is_due(self.frame.kind(), self.frame.version());
        !due && self.slots[attribute.index()].is_none()
    }

    pub(crate) fn missing(&self, attribute: Attribute) -> Error {
        Error::MissingAttribute {
            offset: self.frame.offset(),
            command: self.frame.kind(),
            attribute,
        }
    }

    pub(crate) fn too_large(&self, attribute: Attribute, slot: Slot<'_>, value: u64) -> Error {
        Error::ValueTooLarge {
            offset: self.frame.payload_offset(slot.at),
            command: self.frame.kind(),
            attribute,
            value,
        }
    }

    /// Checks that nothing is left that the command has no use for.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let left = Attribute::ALL.iter().zip(&self.slots).find_map(|(a, slot)| Some((a, (*slot)?)));
        let Some((&attribute, slot)) = left else { return Ok(()) };
        Err(Error::UnexpectedAttribute {
            offset: self.frame.payload_offset(slot.at),
            command: self.frame.kind(),
            attribute,
        })
    }
}

fn split_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u16::from_le_bytes(*number), rest))
}
