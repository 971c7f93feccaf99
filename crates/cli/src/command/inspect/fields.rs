//! What a command says, as names and values: the one list that all ways of showing are made from.

use btrsync::stream::{Command, Timespec};
use uuid::Uuid;

/// A value, by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A path in a subvolume; empty for its root.
    Path(&'a [u8]),
    /// A name or other content.
    Bytes(&'a [u8]),
    Number(u64),
    /// Permissions, with the type of the file where it is said.
    Mode(u32),
    /// Bits.
    Flags(u64),
    Device(u32),
    Time(Timespec),
    Id(Uuid),
    /// How a write is compressed.
    Compression(u32),
}

pub(super) type Field<'a> = (&'static str, Value<'a>);

/// What a command says, the path that it is about first. Of file data only the length is told.
pub(super) fn fields<'a>(command: &Command<'a>) -> Vec<Field<'a>> {
    use Value::{Bytes, Device, Flags, Id, Mode, Number, Path, Time};
    match *command {
        Command::Subvol { path, uuid, ctransid } => {
            vec![("path", Path(path)), ("uuid", Id(uuid)), ("ctransid", Number(ctransid))]
        }
        Command::Snapshot { path, uuid, ctransid, clone_uuid, clone_ctransid } => vec![
            ("path", Path(path)),
            ("uuid", Id(uuid)),
            ("ctransid", Number(ctransid)),
            ("parent_uuid", Id(clone_uuid)),
            ("parent_ctransid", Number(clone_ctransid)),
        ],
        Command::Mkfile { path, ino } | Command::Mkdir { path, ino } => {
            vec![("path", Path(path)), ("ino", Number(ino))]
        }
        Command::Mknod { path, ino, rdev, mode }
        | Command::Mkfifo { path, ino, rdev, mode }
        | Command::Mksock { path, ino, rdev, mode } => vec![
            ("path", Path(path)),
            ("ino", Number(ino)),
            ("rdev", Device(rdev)),
            ("mode", Mode(mode)),
        ],
        Command::Symlink { path, ino, target } => {
            vec![("path", Path(path)), ("ino", Number(ino)), ("target", Bytes(target))]
        }
        Command::Rename { path, to } => vec![("path", Path(path)), ("to", Path(to))],
        Command::Link { path, existing } => {
            vec![("path", Path(path)), ("existing", Path(existing))]
        }
        Command::Unlink { path } | Command::Rmdir { path } => vec![("path", Path(path))],
        Command::SetXattr { path, name, value } => {
            vec![("path", Path(path)), ("name", Bytes(name)), ("value", Bytes(value))]
        }
        Command::RemoveXattr { path, name } => vec![("path", Path(path)), ("name", Bytes(name))],
        Command::Truncate { path, size } => vec![("path", Path(path)), ("size", Number(size))],
        Command::Chmod { path, mode } => vec![("path", Path(path)), ("mode", Mode(mode))],
        Command::Chown { path, uid, gid } => {
            vec![("path", Path(path)), ("uid", Number(uid.into())), ("gid", Number(gid.into()))]
        }
        Command::Utimes { path, atime, mtime, ctime, otime } => {
            let times = [("atime", Time(atime)), ("mtime", Time(mtime)), ("ctime", Time(ctime))];
            let otime = otime.map(|otime| ("otime", Time(otime)));
            [("path", Path(path))].into_iter().chain(times).chain(otime).collect()
        }
        Command::Fileattr { path, flags } => vec![("path", Path(path)), ("flags", Flags(flags))],
        Command::EnableVerity { path, algorithm, block_size, salt, signature } => vec![
            ("path", Path(path)),
            ("algorithm", Number(algorithm.into())),
            ("block_size", Number(block_size.into())),
            ("salt", Bytes(salt)),
            ("signature", Bytes(signature)),
        ],
        Command::End => Vec::new(),
        _ => of_data(command),
    }
}

/// The commands that are about the content of a file.
fn of_data<'a>(command: &Command<'a>) -> Vec<Field<'a>> {
    use Value::{Compression, Flags, Id, Number, Path};
    match *command {
        Command::Write { path, offset, data } => {
            vec![("path", Path(path)), ("offset", Number(offset)), ("len", length(data))]
        }
        Command::Clone {
            path,
            offset,
            len,
            clone_uuid,
            clone_ctransid,
            clone_path,
            clone_offset,
        } => {
            vec![
                ("path", Path(path)),
                ("offset", Number(offset)),
                ("len", Number(len)),
                ("clone_uuid", Id(clone_uuid)),
                ("clone_ctransid", Number(clone_ctransid)),
                ("clone_path", Path(clone_path)),
                ("clone_offset", Number(clone_offset)),
            ]
        }
        Command::UpdateExtent { path, offset, size } => {
            vec![("path", Path(path)), ("offset", Number(offset)), ("size", Number(size))]
        }
        Command::Fallocate { path, mode, offset, size } => vec![
            ("path", Path(path)),
            ("mode", Flags(mode.into())),
            ("offset", Number(offset)),
            ("size", Number(size)),
        ],
        Command::EncodedWrite {
            path,
            offset,
            unencoded_file_len,
            unencoded_len,
            unencoded_offset,
            compression,
            encryption,
            data,
        } => vec![
            ("path", Path(path)),
            ("offset", Number(offset)),
            ("len", length(data)),
            ("unencoded_file_len", Number(unencoded_file_len)),
            ("unencoded_len", Number(unencoded_len)),
            ("unencoded_offset", Number(unencoded_offset)),
            ("compression", Compression(compression.unwrap_or(0))),
            ("encryption", Number(encryption.unwrap_or(0).into())),
        ],
        _ => Vec::new(),
    }
}

fn length<'a>(data: &[u8]) -> Value<'a> {
    Value::Number(data.len() as u64)
}

/// The major and minor number of a device.
pub(super) fn device(rdev: u32) -> (u32, u32) {
    (rdev >> 8 & 0xfff, rdev & 0xff | rdev >> 12 & 0xfff00)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_twelve_bits_of_major_and_twenty_of_minor() {
        assert_eq!(device(0x0103), (1, 3));
        // As the fixture of the codec has it: mknod b 259 1048575.
        assert_eq!(device(0xfff1_03ff), (259, 1_048_575));
    }
}
