//! One command of each kind, with what its fields are filled from.

use btrsync_stream::{Command, CommandKind, Timespec, Version};
use uuid::Uuid;

/// What the fields of a command are filled from.
#[derive(Debug, Clone)]
pub(crate) struct Fill {
    pub(crate) strings: [Vec<u8>; 3],
    pub(crate) data: Vec<u8>,
    pub(crate) numbers: [u64; 4],
    pub(crate) small: [u32; 2],
    pub(crate) uuids: [u128; 2],
    pub(crate) time: Timespec,
    pub(crate) optional: [bool; 2],
}

/// A command of each kind, with its fields filled.
pub(crate) fn command(kind: CommandKind, version: Version, fill: &Fill) -> Command<'_> {
    let [path, other, long] = [&fill.strings[0][..], &fill.strings[1], &fill.strings[2]];
    let [a, b, c, d] = fill.numbers;
    let [mode, rdev] = fill.small;
    let [uuid, clone_uuid] = fill.uuids.map(Uuid::from_u128);
    let time = fill.time;
    match kind {
        CommandKind::Subvol => Command::Subvol { path, uuid, ctransid: a },
        CommandKind::Snapshot => {
            Command::Snapshot { path, uuid, ctransid: a, clone_uuid, clone_ctransid: b }
        }
        CommandKind::Mkfile => Command::Mkfile { path, ino: a },
        CommandKind::Mkdir => Command::Mkdir { path, ino: a },
        CommandKind::Mknod => Command::Mknod { path, ino: a, rdev, mode },
        CommandKind::Mkfifo => Command::Mkfifo { path, ino: a, rdev, mode },
        CommandKind::Mksock => Command::Mksock { path, ino: a, rdev, mode },
        CommandKind::Symlink => Command::Symlink { path, ino: a, target: other },
        CommandKind::Rename => Command::Rename { path, to: other },
        CommandKind::Link => Command::Link { path, existing: other },
        CommandKind::Unlink => Command::Unlink { path },
        CommandKind::Rmdir => Command::Rmdir { path },
        CommandKind::SetXattr => Command::SetXattr { path, name: other, value: long },
        CommandKind::RemoveXattr => Command::RemoveXattr { path, name: other },
        CommandKind::Write => Command::Write { path, offset: a, data: &fill.data },
        CommandKind::Clone => Command::Clone {
            offset: a,
            len: b,
            path,
            clone_uuid,
            clone_ctransid: c,
            clone_path: other,
            clone_offset: d,
        },
        CommandKind::Truncate => Command::Truncate { path, size: a },
        CommandKind::Chmod => Command::Chmod { path, mode },
        CommandKind::Chown => Command::Chown { path, uid: mode, gid: rdev },
        CommandKind::Utimes => {
            let otime = (version > Version::V1).then_some(time);
            Command::Utimes { path, atime: time, mtime: time, ctime: time, otime }
        }
        CommandKind::End => Command::End,
        CommandKind::UpdateExtent => Command::UpdateExtent { path, offset: a, size: b },
        CommandKind::Fallocate => Command::Fallocate { path, mode, offset: a, size: b },
        CommandKind::Fileattr => Command::Fileattr { path, flags: a },
        CommandKind::EncodedWrite => Command::EncodedWrite {
            path,
            offset: a,
            unencoded_file_len: b,
            unencoded_len: c,
            unencoded_offset: d,
            compression: fill.optional[0].then_some(mode),
            encryption: fill.optional[1].then_some(rdev),
            data: &fill.data,
        },
        CommandKind::EnableVerity => Command::EnableVerity {
            path,
            algorithm: mode as u8,
            block_size: rdev,
            salt: other,
            signature: long,
        },
    }
}

impl Fill {
    /// Something that is neither zero nor empty.
    pub(crate) fn sample() -> Self {
        Self {
            strings: [b"path".to_vec(), b"other".to_vec(), b"long".to_vec()],
            data: b"data".to_vec(),
            numbers: [1, 2, 3, 4],
            small: [5, 6],
            uuids: [7, 8],
            time: Timespec { sec: 9, nsec: 10 },
            optional: [true, true],
        }
    }
}
