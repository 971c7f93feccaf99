//! The digest of what a file holds.
//!
//! Two hazards: a file of 1 TiB that is all hole, and two ways to hold the same zeros. So only what the
//! kernel calls data is read, and blocks of zeros in it do not count, as if they were holes. What is
//! read must come from the disk, or a fresh copy is compared with what was just written; so the pages
//! that are cached go first, and those that were read go afterwards, for nobody else needs them.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

use rustix::fs::{Advice, SeekFrom, fadvise, seek};
use rustix::io::Errno;

use super::digest::Digest;
use crate::Cancel;
use crate::cancel::cancelled;

/// A block that is zeros or counts as a whole. Every btrfs has sectors of at least this size.
const BLOCK: usize = 4096;
const BUFFER: usize = 256 * BLOCK;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) body: Digest,
    pub(super) layout: Option<Digest>,
}

/// Reads files, one after another.
#[derive(Debug)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    cancel: Cancel,
    /// Whether the layout of holes is digested too.
    holes: bool,
}

impl Reader {
    pub(super) fn new(holes: bool, cancel: &Cancel) -> Self {
        Self { buffer: vec![0; BUFFER], cancel: cancel.clone(), holes }
    }

    /// Digests `size` bytes of a file.
    pub(super) fn content(&mut self, file: &File, size: u64) -> io::Result<Content> {
        if size > 0 {
            advise(file, Advice::DontNeed);
            advise(file, Advice::NoReuse);
        }
        let (mut runs, mut layout) = (Runs::default(), blake3::Hasher::new());
        let mut at = 0;
        while let Some((start, end)) = self.next_data(file, at, size)? {
            layout.update(&start.to_le_bytes()).update(&end.to_le_bytes());
            // The blocks of all files begin at the same offsets, whatever their data does.
            self.read(file, at.max(start - start % BLOCK as u64), end, &mut runs)?;
            at = end;
        }
        if size > 0 {
            advise(file, Advice::DontNeed);
        }
        let layout = self.holes.then(|| Digest::from(&layout));
        Ok(Content { body: runs.finish(), layout })
    }

    /// Returns where data begins and ends, from `at` on.
    fn next_data(&self, file: &File, at: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
        if at >= size {
            return Ok(None);
        }
        // A small file is read faster than asked about.
        if size <= BUFFER as u64 && !self.holes {
            return Ok(Some((at, size)));
        }
        let Some(start) = find(file, SeekFrom::Data(at))?.filter(|start| *start < size) else {
            return Ok(None);
        };
        let hole = find(file, SeekFrom::Hole(start))?.unwrap_or(size);
        let end = hole.max(start + 1).next_multiple_of(BLOCK as u64).min(size);
        Ok(Some((start, end)))
    }

    fn read(&mut self, file: &File, start: u64, end: u64, runs: &mut Runs) -> io::Result<()> {
        let mut at = start;
        while at < end {
            if self.cancel.is_cancelled() {
                return Err(cancelled());
            }
            let length = (end - at).min(BUFFER as u64) as usize;
            read_at(file, &mut self.buffer[..length], at)?;
            runs.take(at, &self.buffer[..length]);
            at += length as u64;
        }
        Ok(())
    }
}

/// Asks the kernel for something that changes no result.
fn advise(file: &File, advice: Advice) {
    let _ = fadvise(file, 0, None, advice);
}

fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    file.read_exact_at(buffer, at).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::other("the file is shorter than its size"),
        _ => error,
    })
}

fn find(file: &File, place: SeekFrom) -> io::Result<Option<u64>> {
    match seek(file, place) {
        Ok(offset) => Ok(Some(offset)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Digests runs of blocks that are not zeros: the bytes of each, then where it began and its length. From
/// the end to the beginning that can be read in one way only.
#[derive(Debug, Default)]
struct Runs {
    hasher: blake3::Hasher,
    /// Where the open run began, and where it goes on.
    open: Option<(u64, u64)>,
}

impl Runs {
    /// Takes bytes from an offset on, of which only the last may be no whole block.
    fn take(&mut self, offset: u64, bytes: &[u8]) {
        let mut from = 0;
        for (number, block) in bytes.chunks(BLOCK).enumerate() {
            if *block == ZEROS[..block.len()] {
                let at = number * BLOCK;
                self.run(offset + from as u64, &bytes[from..at]);
                from = at + block.len();
            }
        }
        self.run(offset + from as u64, &bytes[from..]);
    }

    fn run(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let begin = match self.open {
            Some((begin, end)) if end == offset => begin,
            _ => {
                self.close();
                offset
            }
        };
        self.hasher.update(bytes);
        self.open = Some((begin, offset + bytes.len() as u64));
    }

    fn close(&mut self) {
        if let Some((begin, end)) = self.open.take() {
            self.hasher.update(&begin.to_le_bytes());
            self.hasher.update(&(end - begin).to_le_bytes());
        }
    }

    fn finish(mut self) -> Digest {
        self.close();
        Digest::from(&self.hasher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(writes: &[(u64, &[u8])], size: u64, holes: bool) -> Content {
        let file = tempfile::tempfile().unwrap();
        writes.iter().for_each(|(at, bytes)| file.write_all_at(bytes, *at).unwrap());
        file.set_len(size).unwrap();
        Reader::new(holes, &Cancel::new().unwrap()).content(&file, size).unwrap()
    }

    fn body(writes: &[(u64, &[u8])], size: u64) -> Digest {
        content(writes, size, false).body
    }

    #[test]
    fn a_hole_equals_zeros_unless_holes_count() {
        for size in [9000, 3 << 20] {
            let zeros = vec![0; size as usize];
            let (written, hole) = (&[(0, &zeros[..])][..], &[][..]);
            assert_eq!(body(written, size), body(hole, size));
            assert_ne!(content(written, size, true), content(hole, size, true));
            assert_eq!(content(written, size, true).body, body(hole, size));
        }
    }

    #[test]
    fn every_byte_counts_and_where_it_is() {
        let large = 5 << 20;
        for size in [9000, large] {
            let plain = vec![1; size as usize];
            let base = body(&[(0, &plain)], size);
            for at in [0, 1, 4095, 4096, size / 2, size - 1] {
                for byte in [b"\0", b"\x02"] {
                    assert_ne!(body(&[(0, &plain), (at, byte)], size), base, "{at} of {size}");
                }
            }
        }
        let moved: Vec<_> =
            (0..20).map(|block| body(&[(block * BLOCK as u64, b"x")], large)).collect();
        assert!((0..20).all(|one| (0..one).all(|other| moved[one] != moved[other])));
    }

    #[test]
    fn how_data_is_cut_into_reads_and_ranges_does_not_count() {
        let size = (2 * BUFFER + 5 * BLOCK + 17) as u64;
        let mut bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8 | 1).collect();
        for block in [1, 2, 255, 256, 300] {
            bytes[block * BLOCK..][..BLOCK].fill(0);
        }
        let whole = body(&[(0, &bytes)], size);
        let pieces: Vec<(u64, &[u8])> = bytes
            .chunks(BLOCK)
            .enumerate()
            .filter(|(_, block)| **block != ZEROS[..block.len()])
            .map(|(number, block)| ((number * BLOCK) as u64, block))
            .collect();
        assert_eq!(body(&pieces, size), whole);
        let mut runs = Runs::default();
        let step = 3 * BLOCK;
        bytes.chunks(step).enumerate().for_each(|(n, piece)| runs.take((n * step) as u64, piece));
        assert_eq!(runs.finish(), whole);
    }

    #[test]
    fn a_huge_hole_costs_nothing() {
        let huge = 1 << 40;
        let (middle, end) = (huge / 2 + 3, huge - 1);
        assert_ne!(body(&[(middle, b"x")], huge), body(&[(end, b"x")], huge));
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"short", 0).unwrap();
        let mut reader = Reader::new(false, &Cancel::new().unwrap());
        assert!(reader.content(&file, 6).is_err());
    }
}
