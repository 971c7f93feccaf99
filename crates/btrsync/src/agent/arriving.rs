//! A stream that comes on a channel, for whoever reads it here.
//!
//! The hazard is to take a stream that breaks off for one that has ended: only the word for the end is an
//! end. The reader takes from the channel by itself; a pipe in between, and a thread that fills it, would
//! copy all of it twice more. What it does not take is not granted again, so the sender waits for it.

use std::io::{self, Read};
use std::sync::Arc;

use super::channel::{Channel, Item};
use crate::cancel::cancelled;
use crate::flow::Feeding;

/// When a transfer has got so far it is worth a larger window; before that it could be refused.
const FLOWS: usize = 256 * 1024;

/// The data that comes on a channel, up to its end.
#[derive(Debug)]
pub(super) struct Arriving {
    channel: Arc<Channel>,
    held: Vec<u8>,
    /// How much of that was taken.
    taken: usize,
    /// How much has come, until it flows.
    begun: Option<usize>,
    ended: bool,
}

impl Arriving {
    pub(super) fn new(channel: &Arc<Channel>) -> Self {
        let (channel, held) = (Arc::clone(channel), Vec::new());
        Self { channel, held, taken: 0, begun: Some(0), ended: false }
    }

    /// Waits for more.
    fn refill(&mut self) -> io::Result<()> {
        if self.channel.gone().is_cancelled() {
            return Err(cancelled());
        }
        self.channel.recycle(std::mem::take(&mut self.held));
        self.taken = 0;
        match self.channel.next(self.channel.gone()).map_err(|_| cancelled())? {
            Item::Data(bytes) => self.held = bytes,
            // Data that ends otherwise is cut off, which its reader will see.
            _ => self.ended = true,
        }
        self.begun = self.begun.map(|begun| begun + self.held.len());
        match self.begun.take_if(|begun| *begun > FLOWS) {
            Some(_) => self.channel.widen().map_err(|_| cancelled()),
            None => Ok(()),
        }
    }
}

impl Feeding for Arriving {}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.held.len() && !self.ended && !buffer.is_empty() {
            self.refill()?;
        }
        let count = (&self.held[self.taken..]).read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}
