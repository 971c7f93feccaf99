//! What a send that waits for its source says, on its way to whoever receives: from the thread that
//! makes the system call to the task that runs the transfer.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::send::Busy;

/// Where a send tells. As many are told as there are attempts, so nothing piles up.
#[derive(Debug)]
pub(crate) struct Teller(UnboundedSender<Busy>);

/// Where it is heard.
#[derive(Debug)]
pub(crate) struct Waits(UnboundedReceiver<Busy>);

pub(crate) fn channel() -> (Teller, Waits) {
    let (sender, receiver) = unbounded_channel();
    (Teller(sender), Waits(receiver))
}

impl Teller {
    pub(crate) fn tell(&self, busy: Busy) {
        // Where nobody listens, nobody wants to know.
        let _ = self.0.send(busy);
    }
}

impl Waits {
    /// Returns what is told next; nothing once the send has ended.
    pub(crate) async fn next(&mut self) -> Option<Busy> {
        self.0.recv().await
    }
}
