//! Brings streams to where they are to go.
//!
//! The kernel writes to a pipe of ours, never to what we were given: it could neither wait for an output
//! that does not block, nor be stopped and continued without beginning the stream again in its middle.
//! So every frame is looked at on its way, and what is passed on is whole or ends with an error.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::thread;

use btrsync_stream::{Error, FrameReader};
use rustix::event::PollFlags;
use rustix::io::Errno;

use super::error::SendError;
use super::{Busy, Stream, patience};
use crate::{Cancel, Flow};

const BUFFER: usize = 256 << 10;

/// What is told while streams are written.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    /// This stream begins.
    Begin(&'a Stream),
    /// This stream waits for its source.
    Busy(&'a Stream, Busy),
}

/// Writes streams one after another, and returns when all of them are written. `told` is called before
/// each, and when one has to wait.
///
/// # Errors
///
/// [`SendError::Send`] where the kernel fails, [`SendError::Write`] where the output does, and
/// [`SendError::Cancelled`]. What was written until then is no whole stream.
pub fn write(
    streams: &[Stream],
    output: File,
    cancel: &Cancel,
    told: impl Fn(Told<'_>) + Send,
) -> Result<(), SendError> {
    let system = SendError::System;
    let (pipe, flow) = Flow::pipe(cancel).map_err(system)?;
    thread::scope(|scope| {
        let send = || send_all(streams, pipe, cancel, told);
        let sender = thread::Builder::new().name("send".to_owned()).spawn_scoped(scope, send);
        let sender = sender.map_err(system)?;
        let copied = copy(flow, Output { file: output, cancel });
        let sent = sender.join().unwrap_or_else(|_| Err(system(io::Error::other("a panic"))));
        match (sent, copied) {
            (sent, Ok(())) => sent,
            // It broke off because the kernel did, or the other way round.
            (Err(cause), Err(SendError::Stream(_))) if !is_broken_pipe(&cause) => Err(cause),
            (_, Err(cause)) => Err(cause),
        }
    })
}

fn is_broken_pipe(error: &SendError) -> bool {
    error.raw_os_error() == Some(Errno::PIPE.raw_os_error())
}

fn send_all(
    streams: &[Stream],
    pipe: OwnedFd,
    cancel: &Cancel,
    told: impl Fn(Told<'_>),
) -> Result<(), SendError> {
    // Its end is what tells the reader that there is no more.
    let pipe = pipe;
    for stream in streams {
        told(Told::Begin(stream));
        let busy = |busy| told(Told::Busy(stream, busy));
        let sent = patience::send(&stream.source.dir, &pipe, &stream.options, cancel, busy);
        sent.map_err(|source| match patience::is_busy(source.raw_os_error()) {
            true if cancel.is_cancelled() => SendError::Cancelled,
            _ => SendError::Send { path: stream.path().to_path_buf(), source },
        })?;
    }
    Ok(())
}

/// Passes on frames whose checksums hold.
fn copy(from: impl Read, to: impl Write) -> Result<(), SendError> {
    let mut frames = FrameReader::new(from);
    let mut to = BufWriter::with_capacity(BUFFER, to);
    let copied = copy_frames(&mut frames, &mut to);
    if copied.is_err() {
        // What the error has left in the buffer would be tried once more.
        let _ = to.into_parts();
    }
    copied
}

fn copy_frames(frames: &mut FrameReader<impl Read>, to: &mut impl Write) -> Result<(), SendError> {
    while let Some(frame) = frames.next_frame()? {
        if let Some(header) = frame.header() {
            to.write_all(&header.encode()).map_err(SendError::Write)?;
        }
        to.write_all(frame.raw()).map_err(SendError::Write)?;
    }
    to.flush().map_err(SendError::Write)
}

impl From<Error> for SendError {
    fn from(error: Error) -> Self {
        match error {
            Error::Read { source, .. } if crate::cancel::is_cancelled(&source) => Self::Cancelled,
            other => Self::Stream(other),
        }
    }
}

/// An output that others may have set not to block.
struct Output<'a> {
    file: File,
    cancel: &'a Cancel,
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.cancel.wait(&self.file, PollFlags::OUT)?;
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use btrsync_stream::{Command, Header, Version};
    use rustix::fs::{OFlags, fcntl_setfl};

    use super::*;

    fn stream() -> Vec<u8> {
        let mut bytes = Header { version: Version::V1 }.encode().to_vec();
        let subvol = Command::Subvol { path: b"s", uuid: uuid::Uuid::nil(), ctransid: 1 };
        subvol.encode(Version::V1, &mut bytes).unwrap();
        let write = Command::Write { path: b"f", offset: 0, data: &[7; 40_000] };
        (0..10).for_each(|_| write.encode(Version::V1, &mut bytes).unwrap());
        Command::End.encode(Version::V1, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn an_output_that_does_not_block_is_waited_for() {
        let cancel = Cancel::new().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
        let output = Output { file: File::from(OwnedFd::from(writer)), cancel: &cancel };
        let bytes = stream();
        let read = thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        });
        copy(&bytes[..], output).unwrap();
        assert!(read.join().unwrap() == bytes);
    }

    #[test]
    fn a_stream_that_begins_again_in_its_middle_is_an_error() {
        let (cancel, mut file) = (Cancel::new().unwrap(), tempfile::tempfile().unwrap());
        let bytes = stream();
        let twice = [&bytes[..90_000], &bytes].concat();
        let output = Output { file: file.try_clone().unwrap(), cancel: &cancel };
        assert!(matches!(copy(&twice[..], output), Err(SendError::Stream(_))));
        file.rewind().unwrap();
        let mut passed = Vec::new();
        file.read_to_end(&mut passed).unwrap();
        assert!(bytes.starts_with(&passed));
    }
}
