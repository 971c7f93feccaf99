//! Streams of a real kernel: what it sends must be read completely and written back without a bit of difference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use btrsync_stream::{
    Attribute, Command, CommandKind, FrameReader, RewriteError, Timespec, Version,
    rewrite_subvolume_name,
};
use common::{
    CLONES_V1, COMPRESSED_V2, CONCATENATED_V1, FIXTURES, FULL_V1, INCREMENTAL_V2, LZO_V2,
    ONE_END_V1, Trickle, ZLIB_V2, kinds, read,
};
use uuid::Uuid;

/// Decodes and encodes a whole input.
fn recode(input: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut reader = FrameReader::new(input);
    let mut out = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        out.extend(frame.header().into_iter().flat_map(|header| header.encode()));
        Command::decode(&frame)?.encode(frame.version(), &mut out)?;
    }
    Ok(out)
}

#[test]
fn decoded_and_encoded_streams_are_byte_exact() {
    for (name, _, bytes) in FIXTURES {
        assert!(recode(bytes).unwrap() == *bytes, "{name}");
    }
}

#[test]
fn frames_copied_raw_are_the_stream() {
    for (name, version, bytes) in FIXTURES {
        let (seen, end) = read(*bytes);
        end.unwrap();
        let mut copy = Vec::new();
        for frame in seen {
            if let Some(header) = frame.header {
                assert_eq!(header.version, *version, "{name}");
                copy.extend(header.encode());
            }
            assert_eq!(frame.offset, copy.len() as u64, "{name}");
            copy.extend(frame.raw);
        }
        assert!(copy == *bytes, "{name}");
    }
}

#[test]
fn fixtures_cover_every_command_before_v3() {
    let seen: Vec<CommandKind> =
        FIXTURES.iter().flat_map(|(_, _, bytes)| kinds(&read(*bytes).0)).collect();
    for kind in CommandKind::ALL {
        assert_eq!(seen.contains(kind), kind.since() < Version::V3, "{kind}");
    }
}

/// The numbers of the attributes in a payload, found without the decoder.
fn numbers(version: Version, mut payload: &[u8]) -> Vec<u16> {
    let mut numbers = Vec::new();
    while let Some(([low, high], rest)) = payload.split_first_chunk() {
        let number = u16::from_le_bytes([*low, *high]);
        numbers.push(number);
        let runs_to_the_end = number == Attribute::Data.number() && version > Version::V1;
        let (len, rest) = rest.split_first_chunk().filter(|_| !runs_to_the_end).unzip();
        let len = len.map_or(0, |len| usize::from(u16::from_le_bytes(*len)));
        payload = rest.map_or(&[][..], |rest: &[u8]| &rest[len..]);
    }
    numbers
}

#[test]
fn fixtures_cover_every_attribute_before_v3() {
    let mut seen = Vec::new();
    for (_, version, bytes) in FIXTURES {
        let frames = read(*bytes).0;
        seen.extend(frames.iter().flat_map(|frame| numbers(*version, &frame.raw[10..])));
    }
    for attribute in Attribute::ALL {
        let sent = seen.contains(&attribute.number());
        assert_eq!(sent, attribute.since() < Version::V3, "{attribute}");
    }
}

#[test]
fn one_byte_at_a_time_reads_the_same() {
    for (name, _, bytes) in FIXTURES {
        let (seen, end) = read(Trickle(bytes));
        end.unwrap();
        assert!(seen == read(*bytes).0, "{name}");
    }
}

#[test]
fn an_exact_reader_leaves_what_follows_the_end() {
    for (name, _, bytes) in FIXTURES.iter().filter(|(name, ..)| *name != "concatenated-v1") {
        let two = [*bytes, &b"what comes next"[..]].concat();
        let mut input = &two[..];
        let mut reader = FrameReader::exact(&mut input);
        while reader.next_frame().unwrap().unwrap().kind() != CommandKind::End {}
        assert_eq!(input, b"what comes next", "{name}");
    }
}

/// Decoded commands of a fixture, for looking at.
fn with_commands(bytes: &[u8], mut look: impl FnMut(Command<'_>)) {
    let mut reader = FrameReader::new(bytes);
    while let Some(frame) = reader.next_frame().expect("a whole fixture") {
        look(Command::decode(&frame).expect("a command of a fixture"));
    }
}

#[test]
fn values_are_what_the_tree_had() {
    let (mut old_link, mut latin1, mut owner, mut device, mut mode) =
        <(bool, _, _, _, _)>::default();
    with_commands(FULL_V1, |command| match command {
        Command::Utimes { path: b"link", mtime, otime, .. } => {
            // 1960-02-29 12:00:00.123456789 UTC
            old_link =
                mtime == Timespec { sec: -310_478_400, nsec: 123_456_789 } && otime.is_none();
        }
        Command::Write { path: b"caf\xe9 \n latin1", offset: 0, data } => latin1 = data == b"small",
        Command::Chown { path: b"fifo", uid, gid } => owner = (uid, gid) == (u32::MAX - 1, 100_000),
        Command::Mknod { rdev: 0xfff1_03ff, mode: 0o060_644, .. } => device = true,
        Command::Chmod { path: b"dir/data", mode: bits } => mode = bits == 0o4751,
        _ => {}
    });
    assert_eq!((old_link, latin1, owner, device, mode), (true, true, true, true, true));
}

#[test]
fn v2_attributes_are_what_the_tree_had() {
    let (mut hole, mut noatime, mut births) = <(bool, bool, usize)>::default();
    with_commands(INCREMENTAL_V2, |command| match command {
        // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
        Command::Fallocate { mode: 3, offset: 0, size: 4096, .. } => hole = true,
        Command::Fileattr { path: b"dir", flags } => noatime = flags == 1 << 9,
        Command::Utimes { otime, .. } => births += usize::from(otime.is_some()),
        _ => {}
    });
    assert!(hole && noatime && births > 3);
}

/// `BTRFS_ENCODED_IO_COMPRESSION_*`: zlib, zstd, and LZO in sectors of 4 KiB.
#[test]
fn encoded_writes_of_every_algorithm_keep_what_was_left_out() {
    for (bytes, algorithm) in [(ZLIB_V2, 1), (COMPRESSED_V2, 2), (LZO_V2, 3)] {
        let (mut encryptions, mut partial) = (Vec::new(), false);
        with_commands(bytes, |command| {
            let Command::EncodedWrite { compression, encryption, data, .. } = command else {
                return;
            };
            assert_eq!(compression, Some(algorithm));
            assert!(!data.is_empty());
            encryptions.push(encryption);
            if let Command::EncodedWrite { unencoded_file_len, unencoded_len, .. } = command {
                partial |= unencoded_file_len < unencoded_len;
            }
        });
        assert!(encryptions.contains(&Some(0)), "a regular extent, algorithm {algorithm}");
        assert!(encryptions.contains(&None), "an inline extent, algorithm {algorithm}");
        assert!(partial, "an extent beyond the end of the file, algorithm {algorithm}");
    }
}

#[test]
fn clones_from_another_subvolume_name_it() {
    let (mut parent, mut clones) = (Uuid::nil(), Vec::new());
    with_commands(CLONES_V1, |command| match command {
        Command::Snapshot { clone_uuid, .. } => parent = clone_uuid,
        Command::Clone { clone_uuid, clone_path, offset, clone_offset, len, .. } => {
            assert!(clone_uuid != parent && clone_path == b"all");
            clones.push((offset, clone_offset, len));
        }
        _ => {}
    });
    assert_eq!(clones, [(0, 0, 65_536), (4096, 8192, 16_384)]);
}

#[test]
fn several_subvolumes_in_one_input() {
    for (bytes, headers, ends) in [(CONCATENATED_V1, 2, 2), (ONE_END_V1, 1, 1)] {
        let seen = read(bytes).0;
        assert_eq!(seen.iter().filter(|frame| frame.header.is_some()).count(), headers);
        assert_eq!(seen.iter().filter(|frame| frame.kind == CommandKind::End).count(), ends);
        assert_eq!(seen.iter().filter(|frame| frame.kind.names_subvolume()).count(), 2);
    }
}

#[test]
fn another_name_changes_nothing_else() {
    for (name, _, bytes) in FIXTURES {
        let mut reader = FrameReader::new(*bytes);
        let frame = reader.next_frame().unwrap().unwrap();
        let mut changed = frame.header().unwrap().encode().to_vec();
        changed.extend(rewrite_subvolume_name(&frame, b"a longer \xff name").unwrap());

        let mut again = FrameReader::new(&changed[..]);
        let renamed = again.next_frame().unwrap().unwrap();
        assert_eq!(frame.payload()[..2], [15, 0], "{name}: the kernel sends the path first");
        let tail = |payload: &[u8]| payload[4 + usize::from(payload[2])..].to_vec();
        assert_eq!(tail(renamed.payload()), tail(frame.payload()), "{name}");
        match Command::decode(&renamed).unwrap() {
            Command::Subvol { path, .. } | Command::Snapshot { path, .. } => {
                assert_eq!(path, b"a longer \xff name");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_same_name_gives_the_same_bytes() {
    let mut reader = FrameReader::new(FULL_V1);
    let frame = reader.next_frame().unwrap().unwrap();
    assert_eq!(rewrite_subvolume_name(&frame, b"one").unwrap(), frame.raw());
}

#[test]
fn only_subvolumes_get_names() {
    let mut reader = FrameReader::new(FULL_V1);
    reader.next_frame().unwrap();
    let frame = reader.next_frame().unwrap().unwrap();
    let error = rewrite_subvolume_name(&frame, b"x").unwrap_err();
    assert!(matches!(error, RewriteError::NotSubvolume { command: CommandKind::Chown, .. }));

    let mut reader = FrameReader::new(FULL_V1);
    let frame = reader.next_frame().unwrap().unwrap();
    let error = rewrite_subvolume_name(&frame, &[b'x'; 70_000]).unwrap_err();
    assert!(matches!(error, RewriteError::Encode(_)), "{error}");
}

#[test]
fn attributes_keep_their_numbers() {
    for (index, attribute) in Attribute::ALL.iter().enumerate() {
        assert_eq!(usize::from(attribute.number()), index + 1);
        assert_eq!(Attribute::from_number(attribute.number()), Some(*attribute));
    }
    assert_eq!(Attribute::from_number(0), None);
    assert_eq!(Attribute::from_number(36), None);
}
