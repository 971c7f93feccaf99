//! Writes to a child process without being caught in it.
//!
//! A child that does not read would hold a plain write for ever, and with it whoever wants to cancel.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::Cancel;

/// The writing end of a pipe to another process; a write to it waits for room or for a cancellation.
#[derive(Debug)]
pub(crate) struct Feed {
    pipe: File,
    cancel: Cancel,
}

impl Feed {
    pub(crate) fn new(pipe: OwnedFd, cancel: &Cancel) -> io::Result<Self> {
        // Only this end of the pipe; that of the program keeps blocking.
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        Ok(Self { pipe: File::from(pipe), cancel: cancel.clone() })
    }

    /// Makes another switch end its waits.
    pub(crate) fn until(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }
}

impl Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.cancel.wait(&self.pipe, PollFlags::OUT)?;
            match self.pipe.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
