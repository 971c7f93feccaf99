//! Bytes that belong to a flow and do not go through it, since the receiver fetches them by itself. They
//! count as if they did, and are held to the same rate.

use std::io;
use std::sync::Arc;

use super::{Counter, Pace};
use crate::Cancel;
use crate::cancel::cancelled;

/// The largest piece that is fetched at once; small enough to be told of while it is under way.
const PIECE: usize = 1 << 20;

/// How much may be fetched before it is asked whether to go on.
const ASK_AFTER: usize = 4 << 20;

/// Counts and paces what goes beside a flow.
#[derive(Debug, Clone)]
pub(crate) struct Beside {
    counter: Counter,
    pace: Option<Arc<Pace>>,
    cancel: Cancel,
    /// How much was noted since it was last asked whether to go on.
    unasked: usize,
}

impl Beside {
    pub(super) fn new(counter: Counter, pace: Option<Arc<Pace>>, cancel: Cancel) -> Self {
        Self { counter, pace, cancel, unasked: 0 }
    }

    /// The most that may be fetched at once.
    pub(crate) fn piece(&self) -> usize {
        self.pace.as_ref().map_or(PIECE, |pace| pace.piece().min(PIECE))
    }

    /// Notes bytes that were fetched, and waits until the pace allows more; fails with [`cancelled`] where
    /// the flow is cancelled.
    pub(crate) fn pass(&mut self, bytes: usize) -> io::Result<()> {
        self.counter.add(bytes);
        self.unasked += bytes;
        let pause = self.pace.as_ref().map(|pace| pace.pass(bytes));
        if pause.is_none() && self.unasked < ASK_AFTER {
            return Ok(());
        }
        self.unasked = 0;
        match self.cancel.is_cancelled_within(pause.unwrap_or_default()) {
            true => Err(cancelled()),
            false => Ok(()),
        }
    }

    /// Notes bytes that are not fetched, or came twice where the number is negative.
    pub(crate) fn count(&self, bytes: i64) {
        self.counter.add(bytes as usize);
    }
}
