//! Any command in any version that has it: decoding gives back what was encoded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use btrsync_stream::{Command, CommandKind, FrameReader, Timespec, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

/// What the fields of a command are filled from.
#[derive(Debug, Clone)]
struct Fill {
    strings: [Vec<u8>; 3],
    data: Vec<u8>,
    numbers: [u64; 4],
    small: [u32; 2],
    uuids: [u128; 2],
    time: Timespec,
    optional: [bool; 2],
}

prop_compose! {
    fn fill()(
        strings in [vec(any::<u8>(), 0..300), vec(any::<u8>(), 0..300), vec(any::<u8>(), 0..5000)],
        data in vec(any::<u8>(), 0..48 << 10),
        numbers in any::<[u64; 4]>(),
        small in any::<[u32; 2]>(),
        uuids in any::<[u128; 2]>(),
        sec in any::<i64>(),
        nsec in any::<u32>(),
        optional in any::<[bool; 2]>(),
    ) -> Fill {
        Fill { strings, data, numbers, small, uuids, time: Timespec { sec, nsec }, optional }
    }
}

fn command(kind: CommandKind, version: Version, fill: &Fill) -> Command<'_> {
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

/// Encodes a command into a stream, reads it back, and encodes it again.
fn check(command: Command<'_>, version: Version) {
    let subvol = Command::Subvol { path: b"s", uuid: Uuid::nil(), ctransid: 0 };
    let bytes = common::stream(version, &[subvol, command]);
    let mut reader = FrameReader::new(&bytes[..]);
    reader.next_frame().expect("the subvol command");
    let frame = reader.next_frame().expect("a frame").expect("a frame before the end");
    assert_eq!(Command::decode(&frame).expect("a command"), command);
    let mut again = Vec::new();
    assert_eq!(command.encode(version, &mut again), Ok(()));
    assert_eq!(again, frame.raw());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn every_command_in_every_version(fill in fill()) {
        for version in Version::ALL {
            for kind in CommandKind::ALL.iter().filter(|kind| kind.since() <= version) {
                check(command(*kind, version, &fill), version);
            }
        }
    }

    #[test]
    fn arbitrary_payloads_never_panic(number in 1_u16..27, mut payload in vec(any::<u8>(), 0..200)) {
        // Lengths of real attributes make it past the first one more often.
        for byte in payload.iter_mut().skip(1).step_by(2) {
            *byte = 0;
        }
        let mut bytes = common::stream(Version::V3, &[]);
        bytes.extend(u32::to_le_bytes(payload.len() as u32));
        bytes.extend(number.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        let crc = !crc32c::crc32c_append(!0, &bytes[17..]);
        bytes[23..27].copy_from_slice(&crc.to_le_bytes());
        let _ = common::read(&bytes[..]);
    }
}

#[test]
fn the_largest_writes_of_kernels_fit() {
    let data = vec![0x5a; 128 << 10];
    check(Command::Write { path: &[b'p'; 4096], offset: 0, data: &data }, Version::V2);
    check(Command::Write { path: &[b'p'; 4096], offset: 0, data: &data[..48 << 10] }, Version::V1);
}
