//! Writes to a child process without being caught in it.
//!
//! A child that does not read would hold a plain write for ever, and with it whoever wants to cancel.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, splice};

use crate::Cancel;
use crate::cancel::cancelled;

/// How much waits in the pipe of a program that is slower than we are. What is urgent waits behind it.
const PIPE_SIZE: usize = 256 << 10;

/// Less than any program takes to read all of that.
const MOMENT: Duration = Duration::from_micros(500);

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
        // Only a matter of speed; it may be a socket, or the user over a limit.
        if fcntl_getpipe_size(&pipe).is_ok_and(|size| size < PIPE_SIZE) {
            let _ = fcntl_setpipe_size(&pipe, PIPE_SIZE);
        }
        Ok(Self { pipe: File::from(pipe), cancel: cancel.clone() })
    }

    /// Makes another switch end its waits.
    pub(crate) fn until(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// Writes two pieces, one after the other, at once as far as there is room.
    pub(crate) fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<()> {
        let pieces = [IoSlice::new(first), IoSlice::new(second)];
        let written = self.when_ready(|pipe| pipe.write_vectored(&pieces))?;
        self.write_all(&first[written.min(first.len())..])?;
        self.write_all(&second[written.saturating_sub(first.len())..])
    }

    /// Writes a piece, and behind it so many bytes that are in a pipe, which are not copied.
    pub(crate) fn write_and_move(
        &mut self,
        first: &[u8],
        from: BorrowedFd<'_>,
        mut count: usize,
    ) -> io::Result<()> {
        self.write_all(first)?;
        self.gather_room()?;
        while count > 0 {
            let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
            let moved =
                self.when_ready(|pipe| Ok(splice(from, None, &*pipe, None, count, flags)?))?;
            if moved == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            count -= moved;
        }
        Ok(())
    }

    /// Where there is no room, waits until there is some, and for a moment more: who wakes up for each
    /// piece that is taken out spends more time on that than on the pieces.
    fn gather_room(&self) -> io::Result<()> {
        let now = Some(Duration::ZERO);
        if self.cancel.wait_for(&self.pipe, PollFlags::OUT, now)? {
            return Ok(());
        }
        self.cancel.wait(&self.pipe, PollFlags::OUT)?;
        match self.cancel.is_cancelled_within(MOMENT) {
            true => Err(cancelled()),
            false => Ok(()),
        }
    }

    fn when_ready(
        &mut self,
        mut write: impl FnMut(&mut File) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            self.cancel.wait(&self.pipe, PollFlags::OUT)?;
            match write(&mut self.pipe) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.when_ready(|pipe| pipe.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
