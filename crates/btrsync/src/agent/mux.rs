//! Many channels on one connection.
//!
//! One thread reads, and hands each frame to the channel that it belongs to; it never waits for a channel,
//! so none can hold up another. Whoever sends writes whole frames, one at a time. The hazard is a side
//! that waits for one that is gone: so both sides send a sign of life now and then, silence ends the
//! connection, and its end wakes everybody.

use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::channel::{Broken, Channel, Line};
use super::frame::{self, Frame, Kind, bad};
use super::input::Input;
use crate::cancel::is_cancelled;
use crate::process::Feed;
use crate::{Cancel, Counter, thread};

/// How many channels can be open at once.
pub(crate) const MOST_CHANNELS: usize = 128;

/// The name of the thread that reads, by which others see how much that was.
pub(crate) const LISTENER: &str = "btrsync-hears";

/// How often a sign of life is sent in the time that the other side is patient for.
const SIGNS: u32 = 6;

/// Why a connection has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// This side has ended it, or the run was cancelled.
    Here,
    /// The other side has closed its end.
    There,
    /// Nothing has come for so long.
    Silent(Duration),
    /// The other side has broken the rules.
    Broken(String),
    /// It could not be read from or written to.
    Failed(String),
}

impl Ended {
    pub(super) fn of(error: &io::Error, patience: Duration) -> Self {
        match error.kind() {
            _ if is_cancelled(error) => Self::Here,
            io::ErrorKind::TimedOut => Self::Silent(patience),
            io::ErrorKind::InvalidData => Self::Broken(error.to_string()),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => Self::There,
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Is given the channels that the other side opens.
pub(super) type Accept = Box<dyn FnMut(Channel) + Send>;

/// A connection.
#[derive(Debug, Clone)]
pub(crate) struct Mux(Arc<Shared>);

/// What all channels of a connection share.
#[derive(Debug)]
pub(super) struct Shared {
    writer: Mutex<Option<Feed>>,
    /// Whether anything was written since the last sign of life was due.
    written: AtomicBool,
    channels: Mutex<Channels>,
    /// Memory of data that was used up: to ask for new pages for each piece would take as long as to
    /// copy it.
    spare: Mutex<Vec<Vec<u8>>>,
    cancel: Cancel,
}

/// How many pieces of memory are kept.
const SPARE: usize = 16;

#[derive(Debug, Default)]
struct Channels {
    open: HashMap<u32, Arc<Line>>,
    /// The last number that was given to one.
    last: u32,
    ended: Option<Ended>,
}

impl Mux {
    /// Starts the threads of a connection. The side without `accept` opens the channels.
    pub(super) fn start(
        input: Input,
        output: Feed,
        accept: Option<Accept>,
        cancel: &Cancel,
    ) -> io::Result<Self> {
        let cancel = cancel.child()?;
        // The end of the connection must end a write that waits, or nobody could end it.
        let writer = Mutex::new(Some(output.until(&cancel)));
        let (written, channels, spare) = Default::default();
        let shared = Arc::new(Shared { writer, written, channels, spare, cancel: cancel.clone() });
        let patience = input.patience;
        let (reader, heart) = (Arc::clone(&shared), Arc::clone(&shared));
        drop(thread::run(move || heart.beat(patience / SIGNS))?);
        let listen = move || reader.read_all(input.until(&cancel), accept);
        drop(thread::named(LISTENER, listen)?);
        Ok(Self(shared))
    }

    /// Opens a channel.
    pub(crate) fn open(&self) -> Result<Channel, Broken> {
        let mut channels = self.0.channels();
        if let Some(ended) = &channels.ended {
            return Err(Broken::Ended(ended.clone()));
        }
        let failed = |error: io::Error| Broken::Ended(Ended::Failed(error.to_string()));
        let line = Arc::new(Line::new(&self.0.cancel).map_err(failed)?);
        channels.last += 1;
        let id = channels.last;
        channels.open.insert(id, Arc::clone(&line));
        Ok(Channel { id, line, shared: Arc::clone(&self.0), carried: Counter::default() })
    }

    /// Ends the connection.
    pub(crate) fn end(&self) {
        self.0.end(&Ended::Here);
    }

    /// Returns the switch that is thrown when the connection ends.
    pub(crate) fn over(&self) -> &Cancel {
        &self.0.cancel
    }

    /// Returns why the connection has ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.0.channels().ended.clone()
    }
}

impl Shared {
    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a frame.
    pub(super) fn write(&self, kind: Kind, channel: u32, body: &[u8]) -> Result<(), Broken> {
        let head = frame::head(kind, channel, body.len());
        self.write_by(|writer| writer.write_both(&head, body))
    }

    /// Writes a frame whose body is in a pipe, with as many bytes at least.
    pub(super) fn move_on(
        &self,
        channel: u32,
        from: BorrowedFd<'_>,
        count: usize,
    ) -> Result<(), Broken> {
        let head = frame::head(Kind::Data, channel, count);
        self.write_by(|writer| writer.write_and_move(&head, from, count))
    }

    fn write_by(&self, write: impl FnOnce(&mut Feed) -> io::Result<()>) -> Result<(), Broken> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match writer.as_mut() {
            Some(writer) => write(writer),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        drop(writer);
        self.written.store(true, Ordering::Relaxed);
        written.map_err(|error| {
            self.end(&Ended::of(&error, Duration::ZERO));
            let ended = self.channels().ended.clone();
            Broken::Ended(ended.unwrap_or(Ended::There))
        })
    }

    fn memory(&self) -> Vec<u8> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes back the memory of data that was used up.
    pub(super) fn recycle(&self, memory: Vec<u8>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE && (1..=frame::LONGEST_DATA).contains(&memory.capacity()) {
            spare.push(memory);
        }
    }

    /// Forgets a channel, and tells the other side where that does not know yet.
    pub(super) fn close(&self, id: u32, tell: bool) {
        self.channels().open.remove(&id);
        if tell {
            // Where the connection has ended, the other side knows.
            let _ = self.write(Kind::Close, id, b"");
        }
    }

    pub(super) fn end(&self, why: &Ended) {
        let (why, lines): (Ended, Vec<_>) = {
            let mut channels = self.channels();
            // The first reason counts: others follow from it.
            let why = channels.ended.get_or_insert(why.clone()).clone();
            (why, channels.open.values().cloned().collect())
        };
        // Before the writer: whoever waits for room in it lets it go then.
        self.cancel.cancel();
        lines.iter().for_each(|line| line.end(Broken::Ended(why.clone())));
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Sends signs of life until the connection ends.
    fn beat(&self, period: Duration) {
        while !self.cancel.is_cancelled_within(period) {
            if !self.written.swap(false, Ordering::Relaxed)
                && self.write(Kind::Alive, 0, b"").is_err()
            {
                return;
            }
        }
    }

    fn read_all(self: &Arc<Self>, mut input: Input, mut accept: Option<Accept>) {
        let patience = input.patience;
        let why = loop {
            let taken = match frame::read_into(&mut input, || self.memory()) {
                Ok(None) => break Ended::There,
                Ok(Some(frame)) => self.take(frame, accept.as_mut()),
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                break Ended::of(&error, patience);
            }
        };
        self.end(&why);
    }

    fn take(self: &Arc<Self>, frame: Frame, accept: Option<&mut Accept>) -> io::Result<()> {
        if frame.kind == Kind::Alive {
            return Ok(());
        }
        let mut channels = self.channels();
        if let Some(line) = channels.open.get(&frame.channel).map(Arc::clone) {
            drop(channels);
            return line.take(frame);
        }
        if frame.channel <= channels.last {
            // It was closed here, and the other side did not know yet.
            return Ok(());
        }
        let accept = accept.ok_or_else(|| bad("a channel that was not opened"))?;
        if channels.open.len() >= MOST_CHANNELS {
            return Err(bad("too many channels"));
        }
        let line = Arc::new(Line::new(&self.cancel)?);
        channels.last = frame.channel;
        channels.open.insert(frame.channel, Arc::clone(&line));
        drop(channels);
        let id = frame.channel;
        line.take(frame)?;
        accept(Channel { id, line, shared: Arc::clone(self), carried: Counter::default() });
        Ok(())
    }
}
