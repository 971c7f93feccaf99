//! Waits for another run that has a lock: as long as that is wanted, and a while where it may be dead.
//!
//! The hazard is our own run of a minute ago, whose connection was lost: over there it is not known yet that
//! nobody is here any more, and the rerun would fail for what is nobody's lock.

use std::time::{Duration, Instant};

use btrsync::Cancel;
use btrsync::sync::root::{Holder, RootError};

use crate::advice::Failure;
use crate::args::Wait;

/// How often a lock is tried for.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a run in doubt is waited for before that is told.
const UNTOLD: Duration = Duration::from_secs(1);

/// How often a run must be seen to hear something: a single time it can be the last word of a dead one, that
/// was on its way.
const HEARD: u32 = 3;

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For another run.
    pub(crate) wait: Option<Wait>,
    /// For a word on a connection.
    pub(crate) silence: Duration,
}

/// Tries until nobody else has the lock that this needs, or that has taken too long. `note` is told why
/// once, when the waiting begins.
pub(crate) async fn until_free<T>(
    patience: Patience,
    cancel: &Cancel,
    note: impl Fn(&str),
    mut attempt: impl AsyncFnMut() -> Result<T, RootError>,
) -> Result<T, Failure> {
    let begin = Instant::now();
    let (mut doubt, mut told) = (Doubt::new(patience.silence), false);
    loop {
        let (error, holder) = match attempt().await {
            Err(error @ RootError::Locked { holder, .. }) => (error, holder),
            other => return Ok(other?),
        };
        let waited = begin.elapsed();
        let is_wanted = may_wait(patience.wait, waited);
        if !is_wanted && !doubt.remains(holder, waited) {
            return Err(error.into());
        }
        if (is_wanted || waited > UNTOLD) && !std::mem::replace(&mut told, true) {
            note(&format!("{error}; waiting for it to end"));
        }
        tokio::time::sleep(PAUSE).await;
        if cancel.is_cancelled() {
            return Err(Failure::interrupted());
        }
    }
}

fn may_wait(wait: Option<Wait>, waited: Duration) -> bool {
    match wait {
        None => false,
        Some(Wait::Forever) => true,
        Some(Wait::For(time)) => waited < time,
    }
}

/// Whether a run that holds a lock may be dead.
#[derive(Debug)]
struct Doubt {
    silence: Duration,
    /// What it had heard when it was looked at last.
    heard: Option<u64>,
    /// How often that had changed.
    changes: u32,
}

impl Doubt {
    fn new(silence: Duration) -> Self {
        Self { silence, heard: None, changes: 0 }
    }

    /// Takes a look at it. What is silent ends after as much silence as we would end after, and a little.
    fn remains(&mut self, holder: Holder, waited: Duration) -> bool {
        let little = self.silence / 3;
        match holder {
            Holder::Here => false,
            Holder::Hears(now) => {
                let before = self.heard.replace(now);
                self.changes += u32::from(before.is_some_and(|before| before != now));
                self.changes < HEARD && waited < self.silence + little
            }
            Holder::Unknown => waited < little,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(30);

    /// For how many looks, one a second, a doubt remains.
    fn looks(holder: impl Fn(u64) -> Holder) -> u64 {
        let mut doubt = Doubt::new(SILENCE);
        (0..).find(|second| !doubt.remains(holder(*second), Duration::from_secs(*second))).unwrap()
    }

    #[test]
    fn who_is_here_lives_and_so_does_who_hears_more_and_more() {
        assert_eq!(looks(|_| Holder::Here), 0);
        assert_eq!(looks(Holder::Hears), 3);
        // A sign of life every five seconds.
        assert_eq!(looks(|second| Holder::Hears(second / 5)), 15);
    }

    #[test]
    fn who_hears_nothing_more_may_be_dead_until_it_would_have_noticed() {
        assert_eq!(looks(|_| Holder::Hears(7)), 40);
        assert_eq!(looks(|second| Holder::Hears(second.min(1))), 40);
        assert_eq!(looks(|_| Holder::Unknown), 10);
    }
}
