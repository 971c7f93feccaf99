//! Where the encoded entries of all directories are kept until a comparison asks for them.
//!
//! A tree can have more entries than there is memory. So they go to a file without a name once they
//! are many, a directory in chunks that point to the one before: only the last chunk of each directory
//! that is being read is in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::digest::Digest;
use super::entry::{BadEntry, Entry, take};
use super::error::VerifyError;

/// How much is kept in memory before a file is used, in bytes.
const MEMORY: usize = 4 << 20;

/// How large a chunk gets before it is kept, in bytes; one entry more can be in it.
const CHUNK: usize = 64 * 1024;

/// Where files without a name are made.
const TEMPORARY: [&str; 2] = ["/var/tmp", "/tmp"];

/// Bytes that were written, to be read again at random.
#[derive(Debug, Default)]
pub(super) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    length: u64,
}

impl Spool {
    /// Appends bytes and returns where they are.
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        if self.file.is_none() && self.memory.len() + bytes.len() > MEMORY {
            let file = temporary()?;
            file.write_all_at(&std::mem::take(&mut self.memory), 0)?;
            self.file = Some(file);
        }
        match &self.file {
            Some(file) => file.write_all_at(bytes, self.length)?,
            None => self.memory.extend(bytes),
        }
        let at = self.length;
        self.length += bytes.len() as u64;
        Ok(at)
    }

    /// Reads as many bytes as there are from `at` on, up to `length`.
    fn read(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        // What is asked for may come from another machine.
        let length = self.length.saturating_sub(at).min(length as u64) as usize;
        let mut bytes = vec![0; length];
        match &self.file {
            Some(file) => file.read_exact_at(&mut bytes, at)?,
            None if length > 0 => bytes.copy_from_slice(&self.memory[at as usize..][..length]),
            None => {}
        }
        Ok(bytes)
    }

    /// Returns the entries that a [`Listing`] has kept, in their order.
    pub(super) fn entries(&self, place: u64) -> Result<Vec<Entry>, VerifyError> {
        let (mut chunks, mut next) = (Vec::new(), place);
        while next != NONE {
            let head = self.read(next, HEAD).map_err(|source| VerifyError::Spool { source })?;
            let mut head = &head[..];
            let before = u64::from_le_bytes(take(&mut head)?);
            let length = u32::from_le_bytes(take(&mut head)?);
            // A chunk stands behind those it points to, so this ends.
            if before != NONE && before >= next {
                return Err(BadEntry.into());
            }
            let chunk = self.read(next + HEAD as u64, length as usize);
            chunks.push(chunk.map_err(|source| VerifyError::Spool { source })?);
            next = before;
        }
        let mut entries = Vec::new();
        for chunk in chunks.iter().rev() {
            let mut from = &chunk[..];
            while !from.is_empty() {
                let entry = Entry::decode(&mut from)?;
                entries.push(Entry { place: u64::from_le_bytes(take(&mut from)?), ..entry });
            }
        }
        Ok(entries)
    }
}

/// The place of a chunk that is not there.
pub(super) const NONE: u64 = u64::MAX;

/// The size of what stands before the entries of a chunk: the chunk before it, and its length.
const HEAD: usize = 12;

fn temporary() -> io::Result<File> {
    let [first, second] = TEMPORARY;
    tempfile::tempfile_in(first).or_else(|_| tempfile::tempfile_in(second))
}

/// The entries of one directory on their way to the spool, and their digest.
#[derive(Debug)]
pub(super) struct Listing {
    hasher: Box<blake3::Hasher>,
    chunk: Vec<u8>,
    last: u64,
}

impl Listing {
    pub(super) fn new() -> Self {
        Self { hasher: Box::default(), chunk: Vec::new(), last: NONE }
    }

    /// Takes the next entry.
    pub(super) fn push(&mut self, entry: &Entry, spool: &mut Spool) -> io::Result<()> {
        let begin = self.chunk.len();
        entry.encode(&mut self.chunk);
        self.hasher.update(&self.chunk[begin..]);
        self.chunk.extend(entry.place.to_le_bytes());
        if self.chunk.len() >= CHUNK { self.keep(spool) } else { Ok(()) }
    }

    /// Returns the digest of all entries and where they are.
    pub(super) fn finish(mut self, spool: &mut Spool) -> io::Result<(Digest, u64)> {
        if !self.chunk.is_empty() {
            self.keep(spool)?;
        }
        Ok((Digest::from(&*self.hasher), self.last))
    }

    fn keep(&mut self, spool: &mut Spool) -> io::Result<()> {
        let length = self.chunk.len() as u32;
        let head = [&self.last.to_le_bytes()[..], &length.to_le_bytes()].concat();
        self.last = spool.append(&head)?;
        spool.append(&std::mem::take(&mut self.chunk))?;
        Ok(())
    }
}

/// Returns the digest of the entries of a directory, as [`Listing`] makes it.
pub(super) fn digest_of(entries: &[Entry]) -> Digest {
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), Vec::new());
    for entry in entries {
        bytes.clear();
        entry.encode(&mut bytes);
        hasher.update(&bytes);
    }
    Digest::from(&hasher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::entry::Kind;

    fn entry(number: u64) -> Entry {
        let (name, kind) = (format!("{number:0200}").into(), Kind::Fifo);
        let (body, first, layout) = (Digest::default(), None, None);
        #[rustfmt::skip]
        let entry = Entry {
            name, kind, mode: 0, uid: 0, gid: 0, mtime: (0, 0), size: 0, device: (0, 0), links: 1,
            first, xattrs: Vec::new(), body, layout, place: number,
        };
        entry
    }

    #[test]
    fn entries_come_back_in_order_from_memory_and_from_a_file() {
        let mut spool = Spool::default();
        let counts = [0, 1, 7, 300, 1000, 30_000, 3];
        let kept: Vec<_> = counts
            .map(|count| {
                let mut listing = Listing::new();
                (0..count).for_each(|number| listing.push(&entry(number), &mut spool).unwrap());
                listing.finish(&mut spool).unwrap()
            })
            .into();
        assert!(spool.file.is_some() && spool.memory.is_empty());
        for (count, (digest, place)) in counts.iter().zip(kept) {
            let entries = spool.entries(place).unwrap();
            assert!(entries.iter().eq(&(0..*count).map(entry).collect::<Vec<_>>()), "{count}");
            assert_eq!(digest_of(&entries), digest);
        }
    }

    #[test]
    fn a_place_that_is_none_is_an_error_and_nothing_worse() {
        let mut spool = Spool::default();
        let mut listing = Listing::new();
        (0..1000).for_each(|number| listing.push(&entry(number), &mut spool).unwrap());
        listing.finish(&mut spool).unwrap();
        for wrong in (1..spool.length + 20).step_by(97) {
            // Whatever it finds there, it comes to an end.
            let _ = spool.entries(wrong);
        }
        assert!(spool.entries(spool.length).is_err() && spool.entries(NONE - 1).is_err());
    }
}
