//! What is read from the other side, for as long as that lives.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::Cancel;

/// What is read at once: two of the largest frames of data.
const PIECE: usize = 128 * 1024;

/// The reading end of a connection. Silence for longer than the limit is an error, as is a cancellation;
/// any byte is a sign of life.
#[derive(Debug)]
pub(super) struct Input {
    /// What was read, and is wanted from `start` to `end`.
    held: Vec<u8>,
    start: usize,
    end: usize,
    file: File,
    cancel: Cancel,
    pub(super) patience: Duration,
}

impl Input {
    /// Begins with what was read before.
    pub(super) fn new(early: Vec<u8>, fd: OwnedFd, patience: Duration, cancel: &Cancel) -> Self {
        let end = early.len();
        Self { held: early, start: 0, end, file: fd.into(), cancel: cancel.clone(), patience }
    }

    /// Makes another switch end it.
    pub(super) fn until(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// Waits for more, and reads it.
    fn refill(&mut self) -> io::Result<()> {
        self.held.resize(PIECE, 0);
        (self.start, self.end) = (0, 0);
        self.end = self.read_some()?;
        Ok(())
    }

    fn read_some(&mut self) -> io::Result<usize> {
        loop {
            if !self.cancel.wait_for(&self.file, PollFlags::IN, Some(self.patience))? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match self.file.read(&mut self.held) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A descriptor that is shared with our output does not block.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.refill()?;
        }
        Ok(&self.held[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
