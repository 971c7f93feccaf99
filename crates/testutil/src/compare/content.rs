//! A file's content as fingerprints of its blocks.
//!
//! The hazards are a tree too large to keep in memory and a sparse file too large to read. Blocks of
//! zeros leave no fingerprint, so a hole equals written zeros, as it does for every reader.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

const BLOCK: usize = 4096;
const BUFFER: usize = 64 * BLOCK;
/// Larger files are read only where the kernel says there is data; 1 TiB of hole takes minutes.
const READ_WHOLE: u64 = 1 << 30;

/// What one regular file holds.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) size: u64,
    /// Offset and fingerprint of every block of 4 KiB that is not all zeros.
    blocks: Vec<(u64, u64)>,
    /// Start and end of every range that is not a hole.
    pub(super) data: Vec<(u64, u64)>,
}

impl Content {
    /// Reads a whole file.
    pub(super) fn read(file: &File, size: u64) -> io::Result<Self> {
        // The map comes first: reading never changes it, but a writer's delay might.
        let data = data_ranges(file, size)?;
        Ok(Self { size, blocks: blocks(file, size)?, data })
    }

    /// Returns the first range of data that does not lie in one range of data of the source.
    pub(super) fn first_filled(&self, dest: &Self) -> Option<(u64, u64)> {
        let within =
            |range: &(u64, u64)| self.data.iter().any(|a| a.0 <= range.0 && range.1 <= a.1);
        dest.data.iter().find(|range| !within(range)).copied()
    }

    /// Returns the offset of the first block that differs.
    pub(super) fn first_difference(&self, other: &Self) -> Option<u64> {
        let (mut left, mut right) = (self.blocks.iter(), other.blocks.iter());
        loop {
            match (left.next(), right.next()) {
                (None, None) => return None,
                (Some(a), Some(b)) if a == b => {}
                (a, b) => return a.into_iter().chain(b).map(|block| block.0).min(),
            }
        }
    }
}

fn blocks(file: &File, size: u64) -> io::Result<Vec<(u64, u64)>> {
    let mut blocks = Vec::new();
    let mut buffer = vec![0; BUFFER];
    let mut offset = Some(0);
    while let Some(start) = offset {
        let length = read_at(file, &mut buffer, start)?;
        let starts = (start..).step_by(BLOCK);
        let filled = starts.zip(buffer[..length].chunks(BLOCK)).filter(|(_, block)| !zeros(block));
        blocks.extend(filled.map(|(at, block)| (at, fingerprint(block))));
        offset = if length == 0 { None } else { next(file, start + length as u64, size)? };
    }
    Ok(blocks)
}

/// Returns where to read on, aligned to a block, or none when only a hole is left.
fn next(file: &File, offset: u64, size: u64) -> io::Result<Option<u64>> {
    if size <= READ_WHOLE {
        return Ok(Some(offset));
    }
    let data = find(file, SeekFrom::Data(offset))?;
    Ok(data.map(|at| at - at % BLOCK as u64))
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn zeros(block: &[u8]) -> bool {
    block == &[0; BLOCK][..block.len()]
}

fn fingerprint(block: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(block);
    hasher.finish()
}

fn data_ranges(file: &File, size: u64) -> io::Result<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    let mut offset = 0;
    while let Some(start) = find(file, SeekFrom::Data(offset))? {
        let end = find(file, SeekFrom::Hole(start))?.unwrap_or(size);
        ranges.push((start, end));
        offset = end;
    }
    Ok(ranges)
}

fn find(file: &File, place: SeekFrom) -> io::Result<Option<u64>> {
    match seek(file, place) {
        Ok(offset) => Ok(Some(offset)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(writes: &[(u64, &[u8])], size: u64) -> Content {
        let file = tempfile::tempfile().unwrap();
        writes.iter().for_each(|(at, bytes)| file.write_all_at(bytes, *at).unwrap());
        file.set_len(size).unwrap();
        Content::read(&file, size).unwrap()
    }

    #[test]
    fn a_hole_equals_zeros() {
        let (written, hole) = (content(&[(0, &[0; 9000])], 9000), content(&[], 9000));
        assert_eq!(written.first_difference(&hole), None);
    }

    #[test]
    fn every_byte_counts() {
        let base = content(&[(0, &[1; 9000])], 9000);
        for (at, block) in [(0, 0), (4095, 0), (4096, 4096), (8999, 8192)] {
            let other = content(&[(0, &[1; 9000]), (at, &[2])], 9000);
            assert_eq!(base.first_difference(&other), Some(block));
            assert_eq!(other.first_difference(&base), Some(block));
        }
    }

    #[test]
    fn data_behind_the_buffer_and_in_a_huge_sparse_file_is_read() {
        let (far, huge) = (3 * BUFFER as u64 + 5, 1 << 40);
        assert_eq!(content(&[(far, b"x")], far + 1).blocks.len(), 1);
        let content = content(&[(0, b"x"), (huge / 2 + 3, b"y")], huge);
        assert_eq!(content.blocks.iter().map(|b| b.0).collect::<Vec<_>>(), [0, huge / 2]);
    }
}
