//! Bytes under way from a send to a receive, counted.
//!
//! The two ends are joined by a pipe: the kernel writes the stream into it, the receiving side reads.
//! Whichever end dies first, the other notices by itself, and a cancelled reader leaves its wait. A
//! buffer in memory and a rate can be put in between.

mod beside;
mod buffer;
mod pace;
pub(crate) mod waits;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::io::ioctl_fionread;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use self::buffer::Buffer;
use self::waits::Waits;
use crate::cancel::{Cancel, cancelled};
use crate::receive::{Original, Prefix};

pub(crate) use self::beside::Beside;
pub(crate) use self::pace::Pace;

/// A pipe of the default 64 KiB makes every large command of a stream wait for the other side.
const PIPE_SIZE: usize = 1 << 20;

/// The bytes that have gone through a flow so far; can be read while they flow.
#[derive(Debug, Clone, Default)]
pub struct Counter {
    all: Arc<AtomicU64>,
    /// Of these, what is not to be counted.
    passed_over: u64,
}

impl Counter {
    /// Returns the number of bytes.
    pub fn bytes(&self) -> u64 {
        self.all.load(Ordering::Relaxed).saturating_sub(self.passed_over)
    }

    /// Returns one that begins to count behind the first `bytes`: the other side has these, and they only
    /// flow to be compared.
    pub(crate) fn behind(&self, bytes: u64) -> Self {
        Self { all: Arc::clone(&self.all), passed_over: bytes }
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.all.fetch_add(bytes as u64, Ordering::Relaxed);
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

/// Notes whether the end was reached.
#[derive(Debug, Default)]
struct End {
    has_ended: bool,
    abandoned: Abandoned,
}

impl Drop for End {
    fn drop(&mut self) {
        self.abandoned.0.store(!self.has_ended, Ordering::SeqCst);
    }
}

/// The reading end of a send stream.
#[derive(Debug)]
pub struct Flow {
    /// Comes first, so that whoever writes knows why before its pipe breaks.
    end: End,
    source: Source,
    counter: Counter,
    wire: Counter,
    cancel: Cancel,
    limit: Option<Limit>,
    skipped: Vec<Option<Prefix>>,
    waits: Option<Waits>,
    originals: Vec<Option<Original>>,
}

#[derive(Debug)]
enum Source {
    Direct(File),
    /// A pipe, so bytes can go on to another one without being read.
    Pipe(File),
    Buffered(Buffer),
    Fed(Box<dyn Feeding>),
}

/// What bytes come from that is no descriptor; it watches the switch of the flow by itself.
pub(crate) trait Feeding: Read + Send + fmt::Debug {}

/// A limit to the bytes in a second, which all flows that have a clone of it keep together.
///
/// A flow with a buffer is held to it before the buffer and behind, so that neither side of it sees a
/// burst.
#[derive(Debug, Clone)]
pub struct Limit {
    into: Arc<Pace>,
    out: Arc<Pace>,
}

impl Limit {
    /// Makes a limit of so many bytes in a second, at least one.
    pub fn new(rate: u64) -> Self {
        Self { into: Arc::new(Pace::new(rate)), out: Arc::new(Pace::new(rate)) }
    }
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
        Ok((writer, Self::from(Source::Pipe(reader.into()), cancel)))
    }

    /// Makes a flow that reads from a descriptor: a pipe, a socket or a file.
    pub fn new(source: OwnedFd, cancel: &Cancel) -> Self {
        Self::from(Source::Direct(File::from(source)), cancel)
    }

    /// Makes a flow of what comes from elsewhere.
    pub(crate) fn fed(source: impl Feeding + 'static, cancel: &Cancel) -> Self {
        Self::from(Source::Fed(Box::new(source)), cancel)
    }

    fn from(source: Source, cancel: &Cancel) -> Self {
        Self {
            end: End::default(),
            source,
            counter: Counter::default(),
            wire: Counter::default(),
            cancel: cancel.clone(),
            limit: None,
            skipped: Vec::new(),
            waits: None,
            originals: Vec::new(),
        }
    }

    /// Puts a buffer of so many bytes into the flow, which a thread fills, and holds it to a limit.
    ///
    /// 0 is no buffer. Meant for a flow that nothing was read from, and for once.
    ///
    /// # Errors
    ///
    /// Where the process has no thread or file descriptor left.
    pub fn through(self, buffer: usize, limit: Option<&Limit>) -> io::Result<Self> {
        let source = match self.source {
            Source::Direct(file) | Source::Pipe(file) if buffer > 0 => {
                let pace = limit.map(|limit| Arc::clone(&limit.into));
                Source::Buffered(Buffer::start(file, buffer, pace, &self.cancel)?)
            }
            other => other,
        };
        Ok(Self { source, limit: limit.cloned(), ..self })
    }

    /// Lets the flow carry what its sender tells of waiting.
    pub(crate) fn telling(self, waits: Waits) -> Self {
        Self { waits: Some(waits), ..self }
    }

    /// Takes what the sender tells of waiting, if it does.
    pub(crate) fn take_waits(&mut self) -> Option<Waits> {
        self.waits.take()
    }

    /// Lets the flow carry what the receiver reads the data of files from, for the streams without it.
    pub(crate) fn without_data(self, originals: Vec<Option<Original>>) -> Self {
        Self { originals, ..self }
    }

    /// What the beginnings of its streams amount to, in bytes as they are counted here.
    pub(crate) fn amount(&self, there: &[Option<Prefix>]) -> u64 {
        let of = |(at, prefix): (usize, &Option<Prefix>)| {
            let (bytes, original) = (prefix.as_ref()?.bytes, self.originals.get(at));
            Some(original.and_then(Option::as_ref).map_or(bytes, |one| one.amount(bytes)))
        };
        there.iter().enumerate().filter_map(of).sum()
    }

    /// Takes what the data of files is to be read from, stream by stream; nothing where it is in the
    /// streams.
    pub(crate) fn take_originals(&mut self) -> Vec<Option<Original>> {
        std::mem::take(&mut self.originals)
    }

    /// Returns what counts and paces the bytes that belong to this flow and do not go through it.
    pub(crate) fn beside(&self) -> Beside {
        let pace = self.limit.as_ref().map(|limit| Arc::clone(&limit.out));
        Beside::new(self.counter.clone(), pace, self.cancel.clone())
    }

    /// Returns the counter of this flow.
    pub fn counter(&self) -> Counter {
        self.counter.clone()
    }

    /// Returns the counter of what connections between two btrsyncs have carried for this flow: less than the
    /// flow has, where they compress; nothing where there is none.
    pub fn wire(&self) -> Counter {
        self.wire.clone()
    }

    /// Says what counts what a connection has carried.
    pub(crate) fn carried(self, wire: Counter) -> Self {
        Self { wire, ..self }
    }

    /// Says what the sender has left out of each stream; see [`Flow::skipped`].
    pub fn with_skipped(self, skipped: Vec<Option<Prefix>>) -> Self {
        Self { skipped, ..self }
    }

    /// Returns what the sender has left out of each stream behind its first command, having found it to be
    /// what the receiving side has; empty where it has left out nothing.
    pub fn skipped(&self) -> &[Option<Prefix>] {
        &self.skipped
    }

    /// Returns what tells whoever writes that nobody reads any more.
    pub(crate) fn abandoned(&self) -> Abandoned {
        self.end.abandoned.clone()
    }

    /// Waits for bytes that can go on from pipe to pipe, and returns how many are there, none at the end;
    /// nothing where they have to be read, as what is paced or buffered.
    pub(crate) fn movable(&mut self) -> io::Result<Option<(BorrowedFd<'_>, usize)>> {
        let (Source::Pipe(pipe), None) = (&self.source, &self.limit) else { return Ok(None) };
        self.cancel.wait_readable(pipe)?;
        let count = ioctl_fionread(pipe)?;
        self.end.has_ended |= count == 0;
        Ok(Some((pipe.as_fd(), usize::try_from(count).unwrap_or(usize::MAX))))
    }

    /// Counts bytes that were moved on.
    pub(crate) fn moved(&self, count: usize) {
        self.counter.add(count);
    }

    /// Returns the switch that ends it.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

impl Read for Flow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let pace = self.limit.as_ref().map(|limit| limit.out.as_ref());
        let count = match &mut self.source {
            Source::Direct(file) | Source::Pipe(file) => read(file, buffer, pace, &self.cancel)?,
            Source::Buffered(source) => {
                paced(buffer, pace, &self.cancel, |buffer| source.read(buffer))?
            }
            Source::Fed(source) => paced(buffer, pace, &self.cancel, |buffer| source.read(buffer))?,
        };
        self.counter.add(count);
        self.end.has_ended |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

/// Reads what there is from a descriptor, at the pace.
fn read(
    source: &mut File,
    buffer: &mut [u8],
    pace: Option<&Pace>,
    cancel: &Cancel,
) -> io::Result<usize> {
    paced(buffer, pace, cancel, |buffer| {
        cancel.wait_readable(&*source)?;
        source.read(buffer)
    })
}

/// Reads a piece that the pace allows, and waits until it may go on.
fn paced(
    buffer: &mut [u8],
    pace: Option<&Pace>,
    cancel: &Cancel,
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let Some(pace) = pace else { return read(buffer) };
    let piece = buffer.len().min(pace.piece());
    let count = read(&mut buffer[..piece])?;
    match cancel.is_cancelled_within(pace.pass(count)) {
        true => Err(cancelled()),
        false => Ok(count),
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
