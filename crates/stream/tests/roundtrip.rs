//! Any command in any version that has it: decoding gives back what was encoded.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use btrsync_stream::{Command, CommandKind, FrameReader, Timespec, Version};
use common::fill::{Fill, command};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

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
