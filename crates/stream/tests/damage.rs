//! Streams that were cut or damaged under way: never a panic, never a proper end, always the place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::io::{self, Cursor, Read};

use btrsync_stream::{CommandKind, Error, FrameReader, HEADER_LEN, Place, Version};
use common::{CONCATENATED_V1, INCREMENTAL_V2, NO_DATA_V1, kinds, read};

/// Checks one cut against where the frames of the whole stream end.
fn check_cut(whole: &[common::Seen], bytes: &[u8], cut: usize) {
    let (seen, end) = read(&bytes[..cut]);
    let Err(Error::Truncated { offset, place }) = end else { panic!("cut at {cut}: {end:?}") };
    assert_eq!(offset, cut as u64);
    let ends = |frame: &common::Seen| frame.offset as usize + frame.raw.len();
    let complete = whole.iter().take_while(|frame| ends(frame) <= cut).count();
    assert_eq!(seen, whole[..complete], "cut at {cut}");
    let start = whole[complete].offset as usize;
    let expected = match cut {
        _ if cut < HEADER_LEN => Place::StreamHeader,
        _ if cut < start + 10 => {
            Place::CommandHeader { after: seen.last().map(|frame| frame.kind) }
        }
        _ => Place::Payload {
            command: btrsync_stream::CommandCode(whole[complete].kind.number()),
            start: start as u64,
        },
    };
    assert_eq!(place, expected, "cut at {cut}");
}

#[test]
fn a_cut_at_every_byte_is_told_with_its_place() {
    for bytes in [NO_DATA_V1, INCREMENTAL_V2] {
        let (whole, end) = read(bytes);
        end.unwrap();
        for cut in 0..bytes.len() {
            check_cut(&whole, bytes, cut);
        }
    }
}

#[test]
fn the_place_reads_well() {
    let start = read(NO_DATA_V1).0[1].offset;
    let text = |cut: u64| read(&NO_DATA_V1[..cut as usize]).1.unwrap_err().to_string();
    assert_eq!(text(0), "the stream is cut off at byte 0, in the stream header");
    assert_eq!(
        text(start),
        format!("the stream is cut off at byte {start}, after a subvol command")
    );
    assert_eq!(
        text(start + 12),
        format!(
            "the stream is cut off at byte {}, inside the chown command that begins at byte {start}",
            start + 12
        )
    );
}

#[test]
fn streams_end_between_two_of_them_and_nowhere_else() {
    let (whole, _) = read(CONCATENATED_V1);
    let second = whole.iter().rposition(|frame| frame.header.is_some()).unwrap();
    let boundary = whole[second].offset as usize - HEADER_LEN;
    let (seen, end) = read(&CONCATENATED_V1[..boundary]);
    end.unwrap();
    assert_eq!(kinds(&seen), kinds(&whole[..second]));
    for cut in boundary + 1..boundary + HEADER_LEN {
        let end = read(&CONCATENATED_V1[..cut]).1;
        assert!(matches!(end, Err(Error::Truncated { place: Place::StreamHeader, .. })), "{cut}");
    }
}

/// What a stream reads as with one bit of it flipped.
fn flipped(bytes: &[u8], at: usize, bit: u8) -> (Vec<common::Seen>, Result<(), Error>) {
    let mut damaged = bytes.to_vec();
    damaged[at] ^= 1 << bit;
    read(&damaged[..])
}

#[test]
fn every_flipped_bit_is_an_error() {
    for at in 0..NO_DATA_V1.len() {
        for bit in 0..8 {
            assert!(flipped(NO_DATA_V1, at, bit).1.is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_flipped_bit_in_every_byte_of_v2_is_an_error() {
    for at in 0..INCREMENTAL_V2.len() {
        assert!(flipped(INCREMENTAL_V2, at, (at % 8) as u8).1.is_err(), "byte {at}");
    }
}

#[test]
fn a_version_flipped_from_1_to_3_is_found() {
    let end = flipped(NO_DATA_V1, 13, 1).1;
    assert!(matches!(end, Err(Error::MissingAttribute { command: CommandKind::Utimes, .. })));
}

#[test]
fn a_version_flipped_from_2_to_3_changes_no_meaning() {
    let (seen, end) = flipped(INCREMENTAL_V2, 13, 0);
    end.unwrap();
    assert_eq!(seen[0].header.map(|header| header.version), Some(Version::V3));
    assert_eq!(kinds(&seen), kinds(&read(INCREMENTAL_V2).0));
}

/// Fails once, in the middle.
struct Interrupted {
    before: Cursor<Vec<u8>>,
    failed: bool,
    after: Cursor<Vec<u8>>,
}

impl Read for Interrupted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.before.read(buf)? {
            0 if !std::mem::replace(&mut self.failed, true) => {
                Err(io::ErrorKind::Interrupted.into())
            }
            0 => self.after.read(buf),
            read => Ok(read),
        }
    }
}

#[test]
fn a_failed_read_passes_through_and_loses_nothing() {
    let (before, after) = NO_DATA_V1.split_at(1000);
    let cursor = |bytes: &[u8]| Cursor::new(bytes.to_vec());
    let input = Interrupted { before: cursor(before), failed: false, after: cursor(after) };
    let mut reader = FrameReader::new(input);
    let (mut frames, mut failures) = (0, 0);
    loop {
        match reader.next_frame() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => break,
            Err(Error::Read { offset: 1000, source }) => {
                assert_eq!(source.kind(), io::ErrorKind::Interrupted);
                failures += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((frames, failures), (read(NO_DATA_V1).0.len(), 1));
}

#[test]
fn an_error_in_the_stream_repeats_itself() {
    let mut damaged = NO_DATA_V1.to_vec();
    damaged[40] ^= 1;
    let mut reader = FrameReader::new(&damaged[..]);
    let first = reader.next_frame().unwrap_err().to_string();
    assert_eq!(reader.next_frame().unwrap_err().to_string(), first);
}

/// Counts what is read from an endless input.
struct Counting<'a>(u64, &'a [u8]);

impl Read for Counting<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.1.chain(io::repeat(0)).read(buf)?;
        self.1 = &self.1[read.min(self.1.len())..];
        self.0 += read as u64;
        Ok(read)
    }
}

#[test]
fn a_huge_length_reads_and_holds_nothing_large() {
    for (version, length) in [(1, 65_537), (1, u32::MAX), (2, 1 << 20 | 1), (3, u32::MAX)] {
        let mut bytes = b"btrfs-stream\0".to_vec();
        bytes.extend(u32::to_le_bytes(version));
        bytes.extend(u32::to_le_bytes(length));
        bytes.extend([1, 0, 0, 0, 0, 0]);
        let mut input = Counting(0, &bytes);
        let error = FrameReader::new(&mut input).next_frame().unwrap_err();
        assert!(matches!(error, Error::CommandTooLong { offset: 17, .. }), "{error}");
        assert!(input.0 <= 256 << 10, "{} bytes", input.0);
    }
}

#[test]
fn the_longest_command_reads_and_holds_little_more() {
    let mut bytes = b"btrfs-stream\0\x02\0\0\0".to_vec();
    bytes.extend(u32::to_le_bytes(1 << 20));
    bytes.extend([15, 0, 0, 0, 0, 0]);
    let mut input = Counting(0, &bytes);
    let error = FrameReader::new(&mut input).next_frame().unwrap_err();
    assert!(matches!(error, Error::Checksum { offset: 17, .. }), "{error}");
    assert!(input.0 <= (1 << 20) + 64, "{} bytes", input.0);
}
