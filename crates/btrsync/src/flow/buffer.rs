//! A buffer in memory between the ends of a flow, filled by a thread of its own.
//!
//! A receiver pauses for a commit and a sender for the disk; a buffer lets the other go on. The
//! hazards are a buffer that grows with the speed of the sender, and a thread that waits for an end
//! that is gone. What is held is bounded, and each end wakes the other when it leaves.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Pace;
use crate::Cancel;
use crate::thread;

/// What is read at once.
const PIECE: usize = 128 * 1024;

/// The smallest buffer: with less the two threads would do nothing but wake each other.
const LEAST: usize = 4096;

/// The reading end of a buffer. Dropped, it ends the thread, which closes what it reads from.
#[derive(Debug)]
pub(super) struct Buffer {
    shared: Arc<Shared>,
    leave: Cancel,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    held: VecDeque<u8>,
    /// How the source ended; nothing comes after what is held.
    end: Option<io::Result<()>>,
    /// Nobody reads any more.
    left: bool,
}

impl Buffer {
    /// Starts to fill a buffer of `limit` bytes, or the least, from a source.
    pub(super) fn start(
        source: File,
        limit: usize,
        pace: Option<Arc<Pace>>,
        cancel: &Cancel,
    ) -> io::Result<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { limit: limit.max(LEAST), state, changed });
        let leave = cancel.child()?;
        let filler = Filler { shared: Arc::clone(&shared), source, pace, leave: leave.clone() };
        drop(thread::run(move || filler.run())?);
        Ok(Self { shared, leave })
    }

    /// Takes bytes; waits for some, or for the end of the source.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The thread watches the switch while we wait for it, and what is held is not wanted then.
        if self.leave.is_cancelled() {
            return Err(crate::cancel::cancelled());
        }
        let mut state = self.shared.wait(|state| state.held.is_empty() && state.end.is_none());
        if !state.held.is_empty() {
            let count = state.held.read(buffer)?;
            self.shared.changed.notify_all();
            return Ok(count);
        }
        state.end.replace(Ok(())).unwrap_or(Ok(())).map(|()| 0)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.leave.cancel();
        self.shared.lock().left = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for as long as something is so.
    fn wait(&self, is_so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_while(self.lock(), |state| is_so(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts bytes into the buffer, waiting for room; returns whether anybody still reads.
    fn put(&self, mut bytes: &[u8]) -> io::Result<bool> {
        while !bytes.is_empty() {
            let mut state = self.wait(|state| state.held.len() >= self.limit && !state.left);
            if state.left {
                return Ok(false);
            }
            let room = self.limit - state.held.len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            state.hold(now, self.limit)?;
            self.changed.notify_all();
            bytes = later;
        }
        Ok(true)
    }
}

impl State {
    /// Adds bytes. The memory grows with what is held, and never beyond the limit.
    fn hold(&mut self, bytes: &[u8], limit: usize) -> io::Result<()> {
        let needed = self.held.len() + bytes.len();
        if needed > self.held.capacity() {
            let wanted = needed.max(self.held.capacity().saturating_mul(2)).min(limit);
            self.held.try_reserve_exact(wanted - self.held.len()).map_err(io::Error::other)?;
        }
        self.held.extend(bytes);
        Ok(())
    }
}

/// What the thread works with.
struct Filler {
    shared: Arc<Shared>,
    source: File,
    pace: Option<Arc<Pace>>,
    leave: Cancel,
}

impl Filler {
    fn run(mut self) {
        let end = self.fill();
        self.shared.lock().end = Some(end);
        self.shared.changed.notify_all();
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let count =
                super::read(&mut self.source, &mut piece, self.pace.as_deref(), &self.leave)?;
            if count == 0 || !self.shared.put(&piece[..count])? {
                return Ok(());
            }
        }
    }
}
