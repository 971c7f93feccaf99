//! Commands on their way out, many at a time.

use std::os::fd::BorrowedFd;

use btrsync_stream::{Command, Header, Version};
use rustix::io::{retry_on_intr, write};

use super::error::FullError;

/// How much is written at once, in bytes.
const PIECE: usize = 64 << 10;

/// What takes the commands.
#[derive(Debug)]
pub(super) struct Output<'a> {
    to: BorrowedFd<'a>,
    version: Version,
    buffer: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(super) fn new(to: BorrowedFd<'a>, version: Version) -> Self {
        Self { to, version, buffer: Vec::with_capacity(2 * PIECE) }
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Begins with a header and a command that is encoded already.
    pub(super) fn begin(&mut self, header: &Header, command: &[u8]) {
        self.buffer.extend(header.encode());
        self.buffer.extend(command);
    }

    pub(super) fn put(&mut self, command: &Command<'_>) -> Result<(), FullError> {
        command.encode(self.version, &mut self.buffer)?;
        if self.buffer.len() < PIECE { Ok(()) } else { self.flush() }
    }

    pub(super) fn flush(&mut self) -> Result<(), FullError> {
        let mut rest = &self.buffer[..];
        while !rest.is_empty() {
            let written = retry_on_intr(|| write(self.to, rest));
            rest = &rest[written.map_err(|error| FullError::Write(error.into()))?..];
        }
        self.buffer.clear();
        Ok(())
    }
}
