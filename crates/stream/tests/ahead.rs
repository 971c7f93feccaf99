//! Looking at commands before their turn: it shows what will come, and changes nothing of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::io::Read;

use btrsync_stream::{CommandKind, Error, FrameReader};
use common::{CONCATENATED_V1, FIXTURES, FULL_V1, ONE_END_V1, read};

/// Frames by offset and bytes.
type Frames = Vec<(u64, Vec<u8>)>;

/// Reads to the end or an error; before each command looks at up to `most` that are there.
fn read_peeking(input: impl Read, most: usize) -> (Frames, Frames, Result<(), Error>) {
    let mut reader = FrameReader::new(input);
    let (mut peeked, mut read) = (Frames::new(), Frames::new());
    loop {
        for _ in 0..most {
            let Some(frame) = reader.peek_frame() else { break };
            peeked.push((frame.offset(), frame.raw().to_vec()));
        }
        match reader.next_frame() {
            Ok(Some(frame)) => read.push((frame.offset(), frame.raw().to_vec())),
            end => return (peeked, read, end.map(drop)),
        }
    }
}

fn is_within(kind: CommandKind) -> bool {
    !matches!(kind, CommandKind::Subvol | CommandKind::Snapshot | CommandKind::End)
}

#[test]
fn each_command_within_a_subvolume_is_shown_once_before_its_turn() {
    for (name, _, bytes) in FIXTURES {
        let (whole, end) = read(*bytes);
        end.unwrap();
        let all: Frames = whole.iter().map(|frame| (frame.offset, frame.raw.clone())).collect();
        let within = whole.iter().filter(|frame| is_within(frame.kind));
        let within: Frames = within.map(|frame| (frame.offset, frame.raw.clone())).collect();
        let (peeked, read, end) = read_peeking(*bytes, usize::MAX);
        end.unwrap();
        assert!(read == all, "{name}: looking changed what was read");
        assert!(peeked == within, "{name}: {} of {} were shown", peeked.len(), within.len());
    }
}

#[test]
fn nothing_is_shown_once_its_turn_has_come() {
    for most in [1, 3] {
        let mut reader = FrameReader::new(FULL_V1);
        let mut read = 0;
        loop {
            for _ in 0..most {
                let Some(frame) = reader.peek_frame() else { break };
                assert!(frame.offset() >= read, "byte {} after {read}", frame.offset());
            }
            let Some(frame) = reader.next_frame().unwrap() else { break };
            read = frame.offset() + frame.raw().len() as u64;
        }
    }
}

#[test]
fn damage_and_cuts_are_told_in_their_turn_as_without_looking() {
    for bytes in [CONCATENATED_V1, ONE_END_V1, &FULL_V1[..3000]] {
        for at in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x55;
            for input in [&damaged[..], &bytes[..at]] {
                let (_, plain, plain_end) = read_peeking(input, 0);
                let (peeked, read, end) = read_peeking(input, usize::MAX);
                assert!(read == plain && format!("{end:?}") == format!("{plain_end:?}"), "at {at}");
                assert!(peeked.iter().all(|frame| read.contains(frame)), "at {at}");
            }
        }
    }
}
