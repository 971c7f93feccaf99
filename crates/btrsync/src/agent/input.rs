//! What is read from the other side, for as long as that lives.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::Cancel;

/// The reading end of a connection. Silence for longer than the limit is an error, as is a cancellation;
/// any byte is a sign of life.
#[derive(Debug)]
pub(super) struct Input {
    /// What was read before, behind the greeting.
    early: Vec<u8>,
    file: File,
    cancel: Cancel,
    pub(super) patience: Duration,
}

impl Input {
    pub(super) fn new(early: Vec<u8>, fd: OwnedFd, patience: Duration, cancel: &Cancel) -> Self {
        Self { early, file: fd.into(), cancel: cancel.clone(), patience }
    }

    /// Makes another switch end it.
    pub(super) fn until(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.early.is_empty() {
            let count = buffer.len().min(self.early.len());
            buffer[..count].copy_from_slice(&self.early[..count]);
            self.early.drain(..count);
            return Ok(count);
        }
        loop {
            if !self.cancel.wait_for(&self.file, PollFlags::IN, Some(self.patience))? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match self.file.read(buffer) {
                // A descriptor that is shared with our output does not block.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}
