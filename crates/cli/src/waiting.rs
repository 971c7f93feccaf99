//! Waits for another run that has a lock, where that is wanted.

use std::time::{Duration, Instant};

use btrsync::Cancel;
use btrsync::sync::root::RootError;

use crate::advice::Failure;
use crate::args::Wait;

/// How often a lock is tried for.
const PAUSE: Duration = Duration::from_millis(200);

/// Tries until nobody else has the lock that this needs, or that has taken too long. `note` is told why
/// once, when the waiting begins.
pub(crate) async fn until_free<T>(
    wait: Option<Wait>,
    cancel: &Cancel,
    note: impl Fn(&str),
    mut attempt: impl AsyncFnMut() -> Result<T, RootError>,
) -> Result<T, Failure> {
    let begin = Instant::now();
    let mut told = false;
    loop {
        let error = match attempt().await {
            Err(error @ RootError::Locked { .. }) if may_wait(wait, begin) => error,
            other => return Ok(other?),
        };
        if !std::mem::replace(&mut told, true) {
            note(&format!("{error}; waiting for it to end"));
        }
        tokio::time::sleep(PAUSE).await;
        if cancel.is_cancelled() {
            return Err(Failure::interrupted());
        }
    }
}

fn may_wait(wait: Option<Wait>, begin: Instant) -> bool {
    match wait {
        None => false,
        Some(Wait::Forever) => true,
        Some(Wait::For(time)) => begin.elapsed() < time,
    }
}
