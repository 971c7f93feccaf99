//! Memory must not depend on what a stream says or how long it is. The kernel keeps the highest mark of a process, so
//! this is a program of its own with one test in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::io::{self, Read};

use btrsync_stream::{Command, CommandKind, Error, FrameReader, Header, Version};
use common::{FIXTURES, stream};
use uuid::Uuid;

/// A few MiB: the longest command, twice while the buffer grows, and what the allocator keeps.
const LIMIT_KIB: u64 = 4 << 10;

/// The most memory that this process has held since it was last asked, in KiB.
fn peak_kib(work: impl FnOnce()) -> u64 {
    let held = |field: &str| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = held("VmRSS:");
    work();
    held("VmHWM:").saturating_sub(before)
}

/// An opening, and then one piece again and again.
struct Repeated<'a> {
    opening: &'a [u8],
    piece: &'a [u8],
    at: usize,
    left: u64,
}

impl Read for Repeated<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.opening.is_empty() {
            return self.opening.read(buf);
        }
        let count = (&self.piece[self.at..]).read(buf)?;
        let count = count.min(usize::try_from(self.left).unwrap_or(count));
        self.at = (self.at + count) % self.piece.len();
        self.left -= count as u64;
        Ok(count)
    }
}

/// Reads and decodes to the end or the first error, and says how many commands there were.
fn drain(input: impl Read) -> (u64, Result<(), Error>) {
    let mut reader = FrameReader::new(input);
    let mut count = 0;
    loop {
        match reader.next_frame() {
            Ok(None) => return (count, Ok(())),
            Err(error) => return (count, Err(error)),
            Ok(Some(frame)) => {
                // What a frame says is not this test's matter; that decoding allocates nothing is.
                let _ = Command::decode(&frame);
                count += 1;
            }
        }
    }
}

/// Tells when a piece of work takes more memory than a few MiB.
fn bounded(what: &str, work: impl FnOnce()) {
    let peak = peak_kib(work);
    assert!(peak <= LIMIT_KIB, "{what}: {peak} KiB");
}

fn subvol(version: Version) -> Vec<u8> {
    stream(version, &[Command::Subvol { path: b"s", uuid: Uuid::nil(), ctransid: 1 }])
}

/// Many of the longest commands that are legal.
fn longest_commands(version: Version) {
    let opening = subvol(version);
    let attributes = 4 + b"f".len() + 4 + 8 + 4;
    let data = vec![0x5a; version.max_payload() - attributes];
    let mut piece = Vec::new();
    Command::Write { path: b"f", offset: 0, data: &data }.encode(version, &mut piece).unwrap();
    let whole = (64_u64 << 20) / piece.len() as u64;
    let left = whole * piece.len() as u64;
    bounded(&format!("writes in {version}"), || {
        let (count, end) = drain(Repeated { opening: &opening, piece: &piece, at: 0, left });
        assert!(matches!(end, Err(Error::Truncated { .. })), "{end:?}");
        assert_eq!(count, whole + 1);
    });
}

/// A command header that claims each length near a limit, and an input that would go on for ever.
fn claims(version: Version) {
    let limit = version.max_payload() as u32;
    for length in [limit - 1, limit, limit + 1, 64 << 20, 1 << 31, u32::MAX] {
        let mut opening = Header { version }.encode().to_vec();
        opening.extend(length.to_le_bytes());
        opening.extend([CommandKind::Subvol.number() as u8, 0, 0, 0, 0, 0]);
        bounded(&format!("a claim of {length} in {version}"), || {
            let endless = Repeated { opening: &opening, piece: &[0], at: 0, left: u64::MAX };
            let (count, end) = drain(endless);
            assert!(count == 0 && end.is_err(), "{end:?}");
        });
    }
}

/// Several whole streams in one input, hundreds of times.
fn repeated_fixtures() {
    for (name, _, bytes) in FIXTURES {
        let left = 500 * bytes.len() as u64;
        bounded(name, || {
            let (_, end) = drain(Repeated { opening: &[], piece: bytes, at: 0, left });
            end.unwrap();
        });
    }
}

#[test]
fn peak_memory_is_a_few_mib_on_any_input() {
    let held = peak_kib(|| drop(std::hint::black_box(vec![1_u8; 32 << 20])));
    assert!(held >= 31 << 10, "the measure does not see what is held: {held} KiB");
    for version in Version::ALL {
        longest_commands(version);
        claims(version);
    }
    repeated_fixtures();
    bounded("no stream at all", || {
        let zeros = Repeated { opening: &[], piece: &[0], at: 0, left: u64::MAX };
        assert!(matches!(drain(zeros).1, Err(Error::BadMagic { offset: 0 })));
    });
}
