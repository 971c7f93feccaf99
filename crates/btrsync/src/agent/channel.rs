//! One operation on a connection, beside others.
//!
//! Each side may send only what the other has granted, so a receiver that is slow holds up its own
//! operation and no other, and nobody can make us hold more than the window. What is granted is counted in
//! bytes of bodies, with something for each frame, so that empty ones are not free.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, PollFlags, eventfd};

use super::frame::{Frame, Kind, LONGEST_DATA, LONGEST_MESSAGE, bad};
use super::mux::{Ended, Shared};
use super::packing::unpack;
use crate::{Cancel, Counter};

/// What a frame counts beside its body.
const EACH: usize = 32;

/// What each side may send on a channel at first. A message of any size fits.
pub(super) const WINDOW: usize = LONGEST_MESSAGE + LONGEST_DATA;

/// What may be under way in a transfer, once it has begun to flow.
pub(super) const WIDE: usize = 4 << 20;

/// Why nothing comes, or goes, any more.
#[derive(Debug, Clone)]
pub(crate) enum Broken {
    /// The operation was cancelled here.
    Cancelled,
    /// The other side has closed the channel.
    Closed,
    /// The connection has ended.
    Ended(Ended),
}

/// What arrives on a channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Message(Vec<u8>),
    Data(Vec<u8>),
    /// Is data when it is taken.
    Packed(Vec<u8>),
    End,
}

impl Item {
    fn cost(&self) -> usize {
        EACH + match self {
            Self::Message(body) | Self::Data(body) | Self::Packed(body) => body.len(),
            Self::End => 0,
        }
    }
}

/// What wakes one waiting thread.
#[derive(Debug)]
struct Event(OwnedFd);

impl Event {
    fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    fn set(&self) {
        // It can fail only where the counter is full, and then it is set.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    fn wait(&self, cancel: &Cancel) -> Result<(), Broken> {
        cancel.wait(&self.0, PollFlags::IN).map_err(|_| Broken::Cancelled)?;
        // It fails only where it is clear.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
        Ok(())
    }
}

/// What both the channel and the thread that reads the connection know of it.
#[derive(Debug)]
pub(super) struct Line {
    state: Mutex<State>,
    readable: Event,
    writable: Event,
    /// Only one thread waits for room at a time.
    turn: Mutex<()>,
    /// Thrown when the other side wants nothing more.
    gone: Cancel,
}

#[derive(Debug)]
struct State {
    inbox: VecDeque<Item>,
    /// Whether somebody waits for what comes into it.
    awaited: bool,
    /// What the other side may still send.
    granted: usize,
    /// What it may send again, but was not told yet.
    owed: usize,
    /// What we may send.
    credit: usize,
    /// Whether and why nothing more comes.
    over: Option<Broken>,
}

impl Line {
    pub(super) fn new(cancel: &Cancel) -> io::Result<Self> {
        let state = State {
            inbox: VecDeque::new(),
            awaited: false,
            granted: WINDOW,
            owed: 0,
            credit: WINDOW,
            over: None,
        };
        Ok(Self {
            state: Mutex::new(state),
            readable: Event::new()?,
            writable: Event::new()?,
            turn: Mutex::default(),
            gone: cancel.child()?,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else sends.
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a frame of the other side.
    pub(super) fn take(&self, frame: Frame) -> io::Result<()> {
        let item = match frame.kind {
            Kind::Message => Item::Message(frame.body),
            Kind::Data => Item::Data(frame.body),
            Kind::Packed => Item::Packed(frame.body),
            Kind::End => Item::End,
            Kind::Window => return self.grow(&frame.body),
            Kind::Close => {
                self.end(Broken::Closed);
                return Ok(());
            }
            Kind::Alive => return Ok(()),
        };
        let mut state = self.lock();
        let left = state.granted.checked_sub(item.cost());
        state.granted = left.ok_or_else(|| bad("more than was granted"))?;
        state.inbox.push_back(item);
        if std::mem::take(&mut state.awaited) {
            self.readable.set();
        }
        Ok(())
    }

    fn grow(&self, body: &[u8]) -> io::Result<()> {
        let bytes = body.try_into().map_err(|_| bad("a window of no size"))?;
        let mut state = self.lock();
        let credit = state.credit.checked_add(u32::from_le_bytes(bytes) as usize);
        state.credit = credit.ok_or_else(|| bad("a window without end"))?;
        self.writable.set();
        Ok(())
    }

    /// Notes that nothing more comes. What has come can still be read.
    pub(super) fn end(&self, why: Broken) {
        // First: whoever reads the end of the data must know why.
        self.gone.cancel();
        self.lock().over.get_or_insert(why);
        self.readable.set();
        self.writable.set();
    }
}

/// One end of a channel. One thread may read while others write. Dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(super) id: u32,
    pub(super) line: Arc<Line>,
    pub(super) shared: Arc<Shared>,
    /// The bytes of bulk data that have come, as they came.
    pub(super) carried: Counter,
}

impl Channel {
    /// Returns the number of the channel.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Returns the counter of the bulk data that comes, as it comes.
    pub(crate) fn carried(&self) -> Counter {
        self.carried.clone()
    }

    /// Returns the switch that is thrown when the other side wants nothing more.
    pub(crate) fn gone(&self) -> &Cancel {
        &self.line.gone
    }

    /// Sends a message.
    pub(crate) fn message(&self, bytes: &[u8], cancel: &Cancel) -> Result<(), Broken> {
        self.put(Kind::Message, bytes, cancel)
    }

    /// Sends bulk data.
    pub(crate) fn data(&self, bytes: &[u8], cancel: &Cancel) -> Result<(), Broken> {
        bytes.chunks(LONGEST_DATA).try_for_each(|chunk| self.put(Kind::Data, chunk, cancel))
    }

    /// Sends bulk data that is in a pipe, [`LONGEST_DATA`] bytes at most; returns how many.
    pub(crate) fn data_from(
        &self,
        (from, count): (BorrowedFd<'_>, usize),
        cancel: &Cancel,
    ) -> Result<usize, Broken> {
        let count = count.min(LONGEST_DATA);
        let _turn = self.line.turn();
        self.spend(EACH + count, cancel)?;
        self.shared.move_on(self.id, from, count).map(|()| count)
    }

    /// Sends a block of bulk data that is compressed.
    pub(crate) fn packed(&self, body: &[u8], cancel: &Cancel) -> Result<(), Broken> {
        self.put(Kind::Packed, body, cancel)
    }

    /// Tells that the data has ended.
    pub(crate) fn end(&self, cancel: &Cancel) -> Result<(), Broken> {
        self.put(Kind::End, b"", cancel)
    }

    /// Wants nothing more of the other side, which is told so; whoever waits for it here is told too.
    pub(crate) fn abandon(&self) {
        self.line.end(Broken::Cancelled);
        // Where the connection has ended, the other side knows.
        let _ = self.shared.write(Kind::Close, self.id, b"");
    }

    /// Lets the other side have more under way.
    pub(crate) fn widen(&self) -> Result<(), Broken> {
        self.line.lock().granted += WIDE - WINDOW;
        self.grant(WIDE - WINDOW)
    }

    /// Waits for what comes next.
    pub(crate) fn next(&self, cancel: &Cancel) -> Result<Item, Broken> {
        loop {
            let mut state = self.line.lock();
            if let Some(item) = state.inbox.pop_front() {
                let owed = state.settle(&item);
                drop(state);
                if owed > 0 {
                    self.grant(owed)?;
                }
                return self.open(item);
            }
            if let Some(over) = &state.over {
                return Err(over.clone());
            }
            state.awaited = true;
            drop(state);
            self.line.readable.wait(cancel)?;
        }
    }

    /// Takes back the memory of data that was used up.
    pub(crate) fn recycle(&self, memory: Vec<u8>) {
        self.shared.recycle(memory);
    }

    /// Decompresses what is compressed.
    fn open(&self, item: Item) -> Result<Item, Broken> {
        if let Item::Data(body) | Item::Packed(body) = &item {
            self.carried.add(body.len());
        }
        let Item::Packed(body) = item else { return Ok(item) };
        let block = unpack(&body).map(Item::Data);
        block.ok_or_else(|| {
            let why = Ended::Broken("a block that cannot be decompressed".to_owned());
            self.shared.end(&why);
            Broken::Ended(why)
        })
    }

    fn put(&self, kind: Kind, body: &[u8], cancel: &Cancel) -> Result<(), Broken> {
        let _turn = self.line.turn();
        self.spend(EACH + body.len(), cancel)?;
        self.shared.write(kind, self.id, body)
    }

    /// Waits until the other side takes so much.
    fn spend(&self, cost: usize, cancel: &Cancel) -> Result<(), Broken> {
        loop {
            let mut state = self.line.lock();
            if let Some(over) = &state.over {
                return Err(over.clone());
            }
            if state.credit >= cost {
                state.credit -= cost;
                return Ok(());
            }
            drop(state);
            self.line.writable.wait(cancel)?;
        }
    }

    fn grant(&self, bytes: usize) -> Result<(), Broken> {
        match self.shared.write(Kind::Window, self.id, &(bytes as u32).to_le_bytes()) {
            // What has come can still be read, whatever became of the connection.
            Err(Broken::Ended(_)) => Ok(()),
            other => other,
        }
    }
}

impl State {
    /// Notes that something was taken out; returns what the other side is to be told of. It is told in
    /// large pieces, but for what a message could wait for.
    fn settle(&mut self, item: &Item) -> usize {
        self.owed += item.cost();
        let may_wait = matches!(item, Item::Data(_) | Item::Packed(_)) || !self.inbox.is_empty();
        if self.over.is_some() || self.owed < WINDOW / 4 && may_wait {
            return 0;
        }
        self.granted += self.owed;
        std::mem::take(&mut self.owed)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.shared.close(self.id, self.line.lock().over.is_none());
    }
}
