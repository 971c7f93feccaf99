//! Waits for the end of a child process that nothing more is wanted of.

use std::process::Child;
use std::time::{Duration, Instant};

/// Waits for a child to end, for some time; returns whether it has.
pub(crate) fn ends_within(child: &mut Child, time: Duration) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < time {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            _ => return true,
        }
    }
    false
}
