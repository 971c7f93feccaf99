//! Bytes under way from a send to a receive, counted.
//!
//! The two ends are joined by a pipe: the kernel writes the stream into it, the receiving side reads.
//! Whichever end dies first, the other notices by itself, and a cancelled reader leaves its wait.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use crate::cancel::Cancel;

/// A pipe of the default 64 KiB makes every large command of a stream wait for the other side.
const PIPE_SIZE: usize = 1 << 20;

/// The bytes that have gone through a flow so far; can be read while they flow.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Returns the number of bytes.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Whether a flow was dropped before its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The reading end of a send stream.
#[derive(Debug)]
pub struct Flow {
    source: File,
    counter: Counter,
    cancel: Cancel,
    has_ended: bool,
    abandoned: Abandoned,
}

impl Flow {
    /// Makes a pipe; what is written to the descriptor comes out of the flow.
    ///
    /// # Errors
    ///
    /// Where the process has no file descriptor left.
    pub fn pipe(cancel: &Cancel) -> io::Result<(OwnedFd, Self)> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        // Only a matter of speed, and an unprivileged user may be over a limit.
        let _ = fcntl_setpipe_size(&writer, PIPE_SIZE);
        Ok((writer, Self::new(reader, cancel)))
    }

    /// Makes a flow that reads from a descriptor: a pipe, a socket or a file.
    pub fn new(source: OwnedFd, cancel: &Cancel) -> Self {
        let source = File::from(source);
        Self {
            source,
            counter: Counter::default(),
            cancel: cancel.clone(),
            has_ended: false,
            abandoned: Abandoned::default(),
        }
    }

    /// Returns the counter of this flow.
    pub fn counter(&self) -> Counter {
        self.counter.clone()
    }

    /// Returns what tells whoever writes that nobody reads any more.
    pub(crate) fn abandoned(&self) -> Abandoned {
        self.abandoned.clone()
    }

    /// Returns the switch that ends it.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

impl Read for Flow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.wait_readable(&self.source)?;
        let count = self.source.read(buffer)?;
        self.counter.add(count);
        self.has_ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.abandoned.0.store(!self.has_ended, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_is_counted() {
        let (writer, mut flow) = Flow::pipe(&Cancel::new().unwrap()).unwrap();
        File::from(writer).write_all(b"abc").unwrap();
        let counter = flow.counter();
        let mut out = Vec::new();
        flow.read_to_end(&mut out).unwrap();
        assert_eq!((out.as_slice(), counter.bytes()), (&b"abc"[..], 3));
    }

    #[test]
    fn a_cancelled_reader_leaves_its_wait() {
        let cancel = Cancel::new().unwrap();
        let (_writer, mut flow) = Flow::pipe(&cancel).unwrap();
        cancel.cancel();
        let error = flow.read(&mut [0; 8]).unwrap_err();
        assert!(crate::cancel::is_cancelled(&error));
    }
}
