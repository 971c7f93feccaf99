//! Frames with a right checksum and wrong contents: each defect has its own error, with the command and the place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use btrsync_stream::{
    Attribute, Command, CommandKind, EncodeError, Error, FrameReader, Timespec, Version,
    rewrite_subvolume_name,
};
use common::craft::{attribute, crc, frame};
use common::{read, stream};
use uuid::Uuid;

const SUBVOL: Command<'_> = Command::Subvol { path: b"s", uuid: Uuid::nil(), ctransid: 7 };
/// Where the command after the header and `SUBVOL` begins: 17 bytes, 10 bytes, and attributes of 5, 20 and 12.
const SECOND: u64 = 17 + 10 + 5 + 20 + 12;

/// The error of a stream that goes on after `SUBVOL` with one command.
fn error(version: Version, number: u16, payload: &[u8]) -> Error {
    let mut bytes = stream(version, &[SUBVOL]);
    bytes.extend(frame(number, payload));
    read(&bytes[..]).1.unwrap_err()
}

#[test]
fn bad_magic() {
    let error = read(&b"no stream at all, just text"[..]).1.unwrap_err();
    assert!(matches!(error, Error::BadMagic { offset: 0 }), "{error}");
    let mut bytes = stream(Version::V1, &[SUBVOL, Command::End]);
    let end = bytes.len() as u64;
    bytes.extend([0; 512]);
    let error = read(&bytes[..]).1.unwrap_err();
    assert!(matches!(error, Error::BadMagic { offset } if offset == end), "{error}");
}

#[test]
fn unsupported_version() {
    for number in [0, 4, 256, u32::MAX] {
        let mut bytes = b"btrfs-stream\0".to_vec();
        bytes.extend(u32::to_le_bytes(number));
        let error = read(&bytes[..]).1.unwrap_err();
        assert!(matches!(error, Error::UnsupportedVersion { offset: 0, number: n } if n == number));
    }
}

#[test]
fn checksum() {
    let mut bytes = stream(Version::V1, &[SUBVOL]);
    let good = frame(21, b"");
    bytes.extend(&good);
    bytes[SECOND as usize + 6] ^= 0x80;
    let found = crc(&[&good[..6], &[0; 4]].concat());
    let error = read(&bytes[..]).1.unwrap_err();
    assert!(
        matches!(error, Error::Checksum { offset: SECOND, found: f, expected, .. }
            if f == found && expected == found ^ 0x80),
        "{error}"
    );
}

#[test]
fn unknown_command() {
    for number in [0, 27, 0xffff] {
        let error = error(Version::V3, number, b"");
        assert!(
            matches!(error, Error::UnknownCommand { offset: SECOND, number: n } if n == number)
        );
    }
}

#[test]
fn command_too_new() {
    let too_new = |version, number| matches!(error(version, number, b""), Error::CommandTooNew { offset: SECOND, version: v, .. } if v == version);
    assert!((23..=26).all(|number| too_new(Version::V1, number)));
    assert!(too_new(Version::V2, 26) && !too_new(Version::V2, 25));
}

#[test]
fn no_subvolume() {
    for command in [Command::End, Command::Unlink { path: b"etc/passwd" }] {
        let error = read(&stream(Version::V1, &[command])[..]).1.unwrap_err();
        assert!(
            matches!(error, Error::NoSubvolume { offset: 17, command: c } if c == command.kind())
        );
    }
}

#[test]
fn attribute_cut() {
    let path = attribute(15, b"name");
    for cut in (1..path.len()).chain([path.len() + 1]) {
        let payload = [&path[..], &path].concat();
        let at = SECOND + 10 + if cut > path.len() { path.len() as u64 } else { 0 };
        let error = error(Version::V1, 11, &payload[..cut]);
        assert!(
            matches!(error, Error::AttributeCut { offset, command: CommandKind::Unlink } if offset == at),
            "{cut}: {error}"
        );
    }
}

#[test]
fn unknown_attribute() {
    for number in [0, 36, 0xffff] {
        let error = error(Version::V3, 11, &attribute(number, b"x"));
        assert!(matches!(error, Error::UnknownAttribute { offset, number: n, .. }
                if n == number && offset == SECOND + 10));
    }
}

#[test]
fn unexpected_attribute() {
    let path = attribute(15, b"x");
    let second = SECOND + 10 + path.len() as u64;
    let payload = [path.clone(), attribute(4, &[0; 8])].concat();
    let of_another_command = error(Version::V1, 11, &payload);
    assert!(matches!(of_another_command,
        Error::UnexpectedAttribute { offset, attribute: Attribute::Size, .. } if offset == second));

    let times = [9, 10, 11, 12].map(|number| attribute(number, &[0; 12])).concat();
    let of_a_later_version = error(Version::V1, 20, &[path, times].concat());
    assert!(matches!(of_a_later_version,
        Error::UnexpectedAttribute { offset, attribute: Attribute::Otime, .. } if offset == second + 48));
    let of_end = error(Version::V1, 21, &attribute(15, b""));
    assert!(matches!(of_end, Error::UnexpectedAttribute { command: CommandKind::End, .. }));
}

#[test]
fn repeated_attribute() {
    let path = attribute(15, b"x");
    let error = error(Version::V1, 11, &[&path[..], &path].concat());
    assert!(matches!(error, Error::RepeatedAttribute { offset, attribute: Attribute::Path, .. }
        if offset == SECOND + 10 + 5));
}

#[test]
fn missing_attribute() {
    let [path, ino, times] = [
        attribute(15, b"x"),
        attribute(3, &[0; 8]),
        [9, 10, 11].map(|number| attribute(number, &[0; 12])).concat(),
    ];
    let cases = [
        (Version::V1, 3, &ino, Attribute::Path),
        (Version::V1, 3, &path, Attribute::Ino),
        (Version::V1, 15, &[&path[..], &attribute(18, &[0; 8])].concat(), Attribute::Data),
        (Version::V2, 20, &[path.clone(), times].concat(), Attribute::Otime),
    ];
    for (version, number, payload, missing) in cases {
        let error = error(version, number, payload);
        assert!(
            matches!(error, Error::MissingAttribute { offset: SECOND, attribute, .. }
                if attribute == missing),
            "{error}"
        );
    }
}

/// Every attribute once and well formed, but one of them of another size.
fn all_with(wrong: Attribute, size: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    for kind in Attribute::ALL.iter().filter(|kind| **kind != Attribute::Data) {
        let size = if *kind == wrong { size } else { kind.size().unwrap_or(0) };
        payload.extend(attribute(kind.number(), &vec![0; size]));
    }
    payload.extend(Attribute::Data.number().to_le_bytes());
    payload
}

#[test]
fn every_fixed_size_is_checked() {
    for kind in Attribute::ALL {
        let Some(size) = kind.size() else { continue };
        for wrong in [0, size - 1, size + 1] {
            let payload = all_with(*kind, wrong);
            let told = CommandKind::ALL.iter().any(|command| {
                matches!(error(Version::V3, command.number(), &payload),
                    Error::AttributeSize { attribute, expected, found, .. }
                        if (attribute, expected, found) == (*kind, size, wrong))
            });
            assert!(told, "{kind} of {wrong} bytes");
        }
    }
}

#[test]
fn an_attribute_of_half_its_size_is_told_with_its_place() {
    let short = [attribute(15, b"x"), attribute(5, &[0; 4])].concat();
    let error = error(Version::V1, 18, &short);
    let expected = format!("chmod: the attribute mode at byte {} has 4 bytes, not 8", SECOND + 15);
    assert_eq!(error.to_string(), expected);
}

#[test]
fn value_too_large() {
    let id = |number| attribute(number, &(1_u64 << 32).to_le_bytes());
    let zero = |number| attribute(number, &[0; 8]);
    let path = attribute(15, b"x");
    let chown = |uid, gid| error(Version::V1, 19, &[path.clone(), uid, gid].concat());
    let wide = |error, wide| {
        matches!(error,
        Error::ValueTooLarge { attribute, value: 0x1_0000_0000, .. } if attribute == wide)
    };
    assert!(wide(chown(id(6), zero(7)), Attribute::Uid));
    assert!(wide(chown(zero(6), id(7)), Attribute::Gid));
    assert!(wide(error(Version::V1, 18, &[path.clone(), id(5)].concat()), Attribute::Mode));
    let mknod = [path, zero(3), id(8), zero(5)].concat();
    assert!(wide(error(Version::V1, 5, &mknod), Attribute::Rdev));
}

#[test]
fn a_subvolume_without_a_name_gets_none() {
    let mut bytes = b"btrfs-stream\0\x01\0\0\0".to_vec();
    bytes.extend(frame(1, &attribute(2, &[0; 8])));
    let mut reader = FrameReader::new(&bytes[..]);
    let frame = reader.next_frame().unwrap().unwrap();
    let error = rewrite_subvolume_name(&frame, b"name").unwrap_err();
    assert_eq!(error.to_string(), "subvol at byte 17: the attribute path is missing");
}

#[test]
fn encoding_refuses_what_the_version_cannot_say() {
    let mut out = b"before".to_vec();
    let long = vec![0; 65_536];
    let time = Timespec { sec: 0, nsec: 0 };
    let utimes =
        |otime| Command::Utimes { path: b"", atime: time, mtime: time, ctime: time, otime };
    let mut fails = |version, command: Command<'_>| {
        let error = command.encode(version, &mut out).unwrap_err();
        assert_eq!(out, b"before");
        error
    };
    let fileattr = Command::Fileattr { path: b"", flags: 0 };
    assert!(matches!(fails(Version::V1, fileattr), EncodeError::CommandTooNew { .. }));
    assert!(matches!(fails(Version::V1, utimes(Some(time))), EncodeError::AttributeTooNew { .. }));
    assert!(matches!(fails(Version::V2, utimes(None)), EncodeError::MissingAttribute { .. }));
    assert!(matches!(
        fails(Version::V3, Command::Unlink { path: &long }),
        EncodeError::AttributeTooLong { length: 65_536, .. }
    ));
    let write = |data| Command::Write { path: b"", offset: 0, data };
    assert!(matches!(fails(Version::V1, write(&long)), EncodeError::AttributeTooLong { .. }));
    assert!(matches!(
        fails(Version::V1, write(&long[..65_520])),
        EncodeError::CommandTooLong { limit: 65_536, .. }
    ));
    let huge = vec![0; 1 << 20];
    assert!(matches!(fails(Version::V2, write(&huge)), EncodeError::CommandTooLong { .. }));
}
