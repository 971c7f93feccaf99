//! The file of a dump, which may begin with what an interrupted run has written.
//!
//! What is there is not believed: the stream comes again from its start, and is compared with the file byte
//! by byte. Where the two part, be it after a crash that has left zeros or because the stream is another
//! one, the file is cut off and written anew. So whatever was found, what is there in the end is the
//! stream.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;

const BUFFER: usize = 256 << 10;

/// A dump on its way into a file.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    /// What was there, as long as it is the same.
    old: Option<BufReader<File>>,
    /// The place in the file of what comes next, but for what is pending.
    at: u64,
    pending: Vec<u8>,
    /// After how many bytes the file is written to disk; 0 for only at the end.
    every: u64,
    synced: u64,
}

impl Part {
    /// Begins at the start of a file, whatever is in it.
    pub(super) fn new(file: File, every: u64) -> io::Result<Self> {
        let old = match file.metadata()?.len() {
            0 => None,
            _ => Some(BufReader::with_capacity(BUFFER, file.try_clone()?)),
        };
        Ok(Self { file, old, at: 0, pending: Vec::with_capacity(BUFFER), every, synced: 0 })
    }

    /// Takes what comes next; returns whether that was there already.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if let Some(old) = &mut self.old {
            if is_next(old, bytes)? {
                self.at += bytes.len() as u64;
                self.synced = self.at;
                return Ok(true);
            }
            self.old = None;
            self.file.set_len(self.at)?;
        }
        if self.pending.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        self.pending.extend(bytes);
        Ok(false)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.pending, self.at)?;
        self.at += self.pending.len() as u64;
        self.pending.clear();
        if self.every > 0 && self.at - self.synced >= self.every - self.every / 16 {
            self.file.sync_data()?;
            self.synced = self.at;
        }
        Ok(())
    }

    /// Writes what it can of what is pending, and returns how much of the dump, or of one before, there is.
    pub(super) fn pause(&mut self) -> u64 {
        if self.old.is_some() {
            return self.file.metadata().map_or(0, |file| file.len());
        }
        let _ = self.flush();
        self.at
    }

    /// Writes what is pending, and returns the length of the dump.
    pub(super) fn finish(&mut self) -> io::Result<u64> {
        if self.old.take().is_some() {
            self.file.set_len(self.at)?;
        }
        self.flush()?;
        Ok(self.at)
    }
}

/// Whether a file goes on with these bytes.
fn is_next(old: &mut impl Read, bytes: &[u8]) -> io::Result<bool> {
    let mut there = vec![0; bytes.len()];
    match old.read_exact(&mut there) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        other => other.map(|()| there == bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    /// Writes `pieces` to a file that holds `before`; returns how many were there, and what then is.
    fn written(before: &[u8], pieces: &[&[u8]]) -> (usize, Vec<u8>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(before).unwrap();
        file.rewind().unwrap();
        let mut part = Part::new(file.try_clone().unwrap(), 3).unwrap();
        let there = pieces.iter().filter(|piece| part.write(piece).unwrap()).count();
        let length = part.finish().unwrap();
        let mut after = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut after).unwrap();
        assert_eq!(length, after.len() as u64);
        (there, after)
    }

    #[test]
    fn whatever_was_there_the_stream_is_in_the_end() {
        let stream: [&[u8]; 3] = [b"one", b"two", b"three"];
        for (before, there) in [
            (&b""[..], 0),
            (b"one", 1),
            (b"onetw", 1),
            (b"onetwothree", 3),
            (b"onetwothree and more", 3),
            (b"one\0\0\0\0\0\0", 1),
            (b"oNetwo", 0),
        ] {
            assert_eq!(written(before, &stream), (there, b"onetwothree".to_vec()), "{before:?}");
        }
    }
}
