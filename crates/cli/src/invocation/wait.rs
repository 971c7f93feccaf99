//! Locks the destination, and waits for that where it is wanted.

use std::time::{Duration, Instant};

use btrsync::sync::root::RootError;

use super::Invocation;
use crate::advice::Failure;
use crate::args::Wait;
use crate::target::Target;

/// How often a lock is tried for.
const PAUSE: Duration = Duration::from_millis(200);

impl Invocation<'_> {
    /// Keeps other runs out of the destination.
    pub(super) async fn lock(&self, target: &Target) -> Result<(), Failure> {
        let begin = Instant::now();
        let mut told = false;
        loop {
            let error = match target.root.lock(&target.path).await {
                Err(error @ RootError::Locked { .. }) if self.may_wait(begin) => error,
                other => return Ok(other?),
            };
            if !std::mem::replace(&mut told, true) {
                self.report.note(&format!("{error}; waiting for it to end"));
            }
            tokio::time::sleep(PAUSE).await;
            if self.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
        }
    }

    fn may_wait(&self, begin: Instant) -> bool {
        match self.args.wait {
            None => false,
            Some(Wait::Forever) => true,
            Some(Wait::For(time)) => begin.elapsed() < time,
        }
    }
}
