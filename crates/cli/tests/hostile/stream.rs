//! Send streams by hand, attribute by attribute.
//!
//! The hazard is a builder that cannot say what an attacker can: this one has its own framing and
//! checksum, and takes any number for a command, an attribute or a length. Only the numbers that have
//! names come from the codec.

use btrsync_stream::{Attribute, CommandKind};

/// The UUID of the subvolume that the streams bring.
pub(crate) const NEW: [u8; 16] = [0x77; 16];
const MAGIC: &[u8] = b"btrfs-stream\0";

/// One command, not yet framed.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) number: u16,
    pub(crate) attributes: Vec<(u16, Vec<u8>)>,
}

impl Command {
    pub(crate) fn new(kind: CommandKind) -> Self {
        Self { number: kind.number(), attributes: Vec::new() }
    }

    /// Adds an attribute.
    pub(crate) fn with(mut self, attribute: Attribute, value: impl AsRef<[u8]>) -> Self {
        self.attributes.push((attribute.number(), value.as_ref().to_vec()));
        self
    }

    /// Adds an attribute of eight bytes.
    pub(crate) fn with_u64(self, attribute: Attribute, value: u64) -> Self {
        self.with(attribute, value.to_le_bytes())
    }

    /// Replaces an attribute that it has.
    pub(crate) fn but(mut self, attribute: Attribute, value: impl AsRef<[u8]>) -> Self {
        let number = attribute.number();
        let slot = self.attributes.iter_mut().find(|(found, _)| *found == number).unwrap();
        slot.1 = value.as_ref().to_vec();
        self
    }

    /// Replaces an attribute of eight bytes that it has.
    pub(crate) fn but_u64(self, attribute: Attribute, value: u64) -> Self {
        self.but(attribute, value.to_le_bytes())
    }

    /// The attributes as bytes; from version 2 on, file data has no length.
    pub(crate) fn payload(&self, version: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, value) in &self.attributes {
            bytes.extend(number.to_le_bytes());
            if version < 2 || *number != Attribute::Data.number() {
                bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            }
            bytes.extend(value);
        }
        bytes
    }

    /// The first version of the format in which it may stand.
    fn since(&self) -> u32 {
        CommandKind::from_number(self.number).map_or(1, |kind| kind.since().number())
    }
}

/// Frames a payload with the checksum that belongs to it.
pub(crate) fn frame(number: u16, payload: &[u8]) -> Vec<u8> {
    frame_of_length(u32::try_from(payload.len()).unwrap(), number, payload)
}

/// Frames a payload under a length that may be a lie.
pub(crate) fn frame_of_length(length: u32, number: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(number.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    seal(&mut bytes);
    bytes
}

/// Gives a frame the checksum that belongs to it.
pub(crate) fn seal(frame: &mut [u8]) {
    frame[6..10].fill(0);
    // The crate inverts before and after, the stream does not.
    let crc = !crc32c::crc32c_append(!0, frame);
    frame[6..10].copy_from_slice(&crc.to_le_bytes());
}

/// The first bytes of a stream.
pub(crate) fn header(version: u32) -> Vec<u8> {
    [MAGIC, &version.to_le_bytes()].concat()
}

/// A whole stream: header, the commands as they are, nothing else.
pub(crate) fn bare(version: u32, commands: &[Command]) -> Vec<u8> {
    let mut bytes = header(version);
    for command in commands {
        bytes.extend(frame(command.number, &command.payload(version)));
    }
    bytes
}

/// A whole stream in the oldest version that has its commands: a new subvolume, the commands, END.
pub(crate) fn whole(commands: &[Command]) -> Vec<u8> {
    let version = commands.iter().map(Command::since).max().unwrap_or(1);
    whole_in(version, commands)
}

/// Does as [`whole`], in a version.
pub(crate) fn whole_in(version: u32, commands: &[Command]) -> Vec<u8> {
    bare(version, &[&[subvol("new")], commands, &[end()]].concat())
}

/// The places of the frames in a stream that is in order: start and end of each.
pub(crate) fn frames(stream: &[u8]) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    let mut at = MAGIC.len() + 4;
    while at < stream.len() {
        let length: [u8; 4] = stream[at..at + 4].try_into().unwrap();
        let next = at + 10 + u32::from_le_bytes(length) as usize;
        places.push((at, next));
        at = next;
    }
    places
}

type Bytes<'a> = &'a [u8];

fn on(kind: CommandKind, path: impl AsRef<[u8]>) -> Command {
    Command::new(kind).with(Attribute::Path, path)
}

pub(crate) fn subvol(path: impl AsRef<[u8]>) -> Command {
    on(CommandKind::Subvol, path).with(Attribute::Uuid, NEW).with_u64(Attribute::Ctransid, 7)
}

pub(crate) fn snapshot(path: impl AsRef<[u8]>, parent: Bytes<'_>, ctransid: u64) -> Command {
    let command = on(CommandKind::Snapshot, path).with(Attribute::Uuid, NEW);
    let command = command.with_u64(Attribute::Ctransid, 7).with(Attribute::CloneUuid, parent);
    command.with_u64(Attribute::CloneCtransid, ctransid)
}

pub(crate) fn end() -> Command {
    Command::new(CommandKind::End)
}

fn made(kind: CommandKind, path: impl AsRef<[u8]>) -> Command {
    on(kind, path).with_u64(Attribute::Ino, 300)
}

pub(crate) fn mkfile(path: impl AsRef<[u8]>) -> Command {
    made(CommandKind::Mkfile, path)
}

pub(crate) fn mkdir(path: impl AsRef<[u8]>) -> Command {
    made(CommandKind::Mkdir, path)
}

fn node(kind: CommandKind, path: impl AsRef<[u8]>, rdev: u64, mode: u64) -> Command {
    made(kind, path).with_u64(Attribute::Rdev, rdev).with_u64(Attribute::Mode, mode)
}

pub(crate) fn mknod(path: impl AsRef<[u8]>, rdev: u64, mode: u64) -> Command {
    node(CommandKind::Mknod, path, rdev, mode)
}

pub(crate) fn mkfifo(path: impl AsRef<[u8]>) -> Command {
    node(CommandKind::Mkfifo, path, 0, 0o010_644)
}

pub(crate) fn mksock(path: impl AsRef<[u8]>) -> Command {
    node(CommandKind::Mksock, path, 0, 0o140_644)
}

pub(crate) fn symlink(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Command {
    made(CommandKind::Symlink, path).with(Attribute::PathLink, target)
}

pub(crate) fn rename(path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Command {
    on(CommandKind::Rename, path).with(Attribute::PathTo, to)
}

pub(crate) fn link(path: impl AsRef<[u8]>, existing: impl AsRef<[u8]>) -> Command {
    on(CommandKind::Link, path).with(Attribute::PathLink, existing)
}

pub(crate) fn unlink(path: impl AsRef<[u8]>) -> Command {
    on(CommandKind::Unlink, path)
}

pub(crate) fn rmdir(path: impl AsRef<[u8]>) -> Command {
    on(CommandKind::Rmdir, path)
}

pub(crate) fn set_xattr(
    path: impl AsRef<[u8]>,
    name: impl AsRef<[u8]>,
    value: Bytes<'_>,
) -> Command {
    let command = on(CommandKind::SetXattr, path).with(Attribute::XattrName, name);
    command.with(Attribute::XattrData, value)
}

pub(crate) fn remove_xattr(path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> Command {
    on(CommandKind::RemoveXattr, path).with(Attribute::XattrName, name)
}

pub(crate) fn write(path: impl AsRef<[u8]>, offset: u64, data: impl AsRef<[u8]>) -> Command {
    let command = on(CommandKind::Write, path).with_u64(Attribute::FileOffset, offset);
    command.with(Attribute::Data, data)
}

/// Clones the first 4 KiB of `source` in the subvolume `uuid` to the start of `path`.
pub(crate) fn clone(
    path: impl AsRef<[u8]>,
    (uuid, ctransid): (Bytes<'_>, u64),
    source: impl AsRef<[u8]>,
) -> Command {
    let command = on(CommandKind::Clone, path).with_u64(Attribute::FileOffset, 0);
    let command = command.with_u64(Attribute::CloneLen, 4096).with(Attribute::CloneUuid, uuid);
    let command = command.with_u64(Attribute::CloneCtransid, ctransid);
    command.with(Attribute::ClonePath, source).with_u64(Attribute::CloneOffset, 0)
}

/// Clones inside the subvolume that is being received.
pub(crate) fn clone_inside(path: impl AsRef<[u8]>, source: impl AsRef<[u8]>) -> Command {
    clone(path, (&NEW, 7), source)
}

pub(crate) fn truncate(path: impl AsRef<[u8]>, size: u64) -> Command {
    on(CommandKind::Truncate, path).with_u64(Attribute::Size, size)
}

pub(crate) fn chmod(path: impl AsRef<[u8]>, mode: u64) -> Command {
    on(CommandKind::Chmod, path).with_u64(Attribute::Mode, mode)
}

pub(crate) fn chown(path: impl AsRef<[u8]>, uid: u64, gid: u64) -> Command {
    on(CommandKind::Chown, path).with_u64(Attribute::Uid, uid).with_u64(Attribute::Gid, gid)
}

/// Sets the times as a version 1 stream does.
pub(crate) fn utimes(path: impl AsRef<[u8]>, seconds: i64, nanos: u32) -> Command {
    let time = [&seconds.to_le_bytes()[..], &nanos.to_le_bytes()].concat();
    let times = [Attribute::Atime, Attribute::Mtime, Attribute::Ctime];
    times.iter().fold(on(CommandKind::Utimes, path), |command, which| command.with(*which, &time))
}

pub(crate) fn update_extent(path: impl AsRef<[u8]>) -> Command {
    let command = on(CommandKind::UpdateExtent, path).with_u64(Attribute::FileOffset, 0);
    command.with_u64(Attribute::Size, 4096)
}

pub(crate) fn fallocate(path: impl AsRef<[u8]>, mode: u32, offset: u64, size: u64) -> Command {
    let command =
        on(CommandKind::Fallocate, path).with(Attribute::FallocateMode, mode.to_le_bytes());
    command.with_u64(Attribute::FileOffset, offset).with_u64(Attribute::Size, size)
}

pub(crate) fn fileattr(path: impl AsRef<[u8]>, flags: u64) -> Command {
    on(CommandKind::Fileattr, path).with_u64(Attribute::Fileattr, flags)
}

/// What an encoded write says of its data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    pub(crate) file_len: u64,
    pub(crate) len: u64,
    pub(crate) offset: u64,
    pub(crate) compression: u32,
    pub(crate) encryption: u32,
}

pub(crate) fn encoded_write(
    path: impl AsRef<[u8]>,
    how: Encoding,
    data: impl AsRef<[u8]>,
) -> Command {
    let command = on(CommandKind::EncodedWrite, path).with_u64(Attribute::FileOffset, 0);
    let command = command.with_u64(Attribute::UnencodedFileLen, how.file_len);
    let command = command.with_u64(Attribute::UnencodedLen, how.len);
    let command = command.with_u64(Attribute::UnencodedOffset, how.offset);
    let command = command.with(Attribute::Compression, how.compression.to_le_bytes());
    let command = command.with(Attribute::Encryption, how.encryption.to_le_bytes());
    command.with(Attribute::Data, data)
}

pub(crate) fn enable_verity(path: impl AsRef<[u8]>, algorithm: u8, block_size: u32) -> Command {
    let command = on(CommandKind::EnableVerity, path).with(Attribute::VerityAlgorithm, [algorithm]);
    let command = command.with(Attribute::VerityBlockSize, block_size.to_le_bytes());
    command.with(Attribute::VeritySaltData, b"").with(Attribute::VeritySigData, b"")
}
