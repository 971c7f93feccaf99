//! Holds bytes to a rate.
//!
//! The hazard is a burst: a sum that is right over an hour is of no use to whoever shares the line. So
//! only a fraction of a second can be made up for, and pieces are as small as the rate.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What may be made up for after a pause, and the time that one piece takes at most.
const BURST: Duration = Duration::from_millis(100);

/// A rate that all who share it keep together.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Bytes in a second.
    rate: f64,
    /// When what was let through so far should have come through.
    due: Mutex<Instant>,
}

impl Pace {
    /// Makes a pace of so many bytes in a second, at least one.
    pub(crate) fn new(rate: u64) -> Self {
        Self { rate: rate.max(1) as f64, due: Mutex::new(Instant::now()) }
    }

    /// The most that may go through at once.
    pub(crate) fn piece(&self) -> usize {
        // From 0 up to any number it is the nearest that fits.
        ((self.rate * BURST.as_secs_f64()) as usize).max(1)
    }

    /// Lets bytes through; returns how long to wait before they go on.
    pub(crate) fn pass(&self, bytes: usize) -> Duration {
        self.pass_at(bytes, Instant::now())
    }

    fn pass_at(&self, bytes: usize, now: Instant) -> Duration {
        let time = Duration::try_from_secs_f64(bytes as f64 / self.rate).unwrap_or(Duration::MAX);
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        *due = (*due).max(earliest).checked_add(time).unwrap_or(now);
        due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets 1,000 pieces through and returns the time that it took.
    fn time_of(pace: &Pace, begin: Instant, pause_before: u32, pause: Duration) -> Duration {
        let mut now = begin;
        for piece in 0..1000 {
            if piece == pause_before {
                now += pause;
            }
            now += pace.pass_at(pace.piece(), now);
        }
        now - begin
    }

    #[test]
    fn the_rate_is_kept() {
        for rate in [1, 100, 1024, 1 << 20, 1 << 33] {
            let pace = Pace::new(rate);
            let begin = Instant::now();
            let time = time_of(&pace, begin, 0, Duration::ZERO).as_secs_f64();
            let expected = pace.piece() as f64 * 1000.0 / rate as f64;
            assert!((time / expected - 1.0).abs() < 0.01, "{rate}: {time} for {expected}");
        }
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let pace = Pace::new(1 << 20);
        let pause = Duration::from_secs(60);
        let time = time_of(&pace, Instant::now(), 500, pause);
        assert!(
            time > Duration::from_secs(60 + 99) && time < Duration::from_secs(60 + 101),
            "{time:?}"
        );
    }

    #[test]
    fn several_keep_it_together() {
        let pace = Pace::new(1000);
        let now = Instant::now();
        let waits: Vec<Duration> = (0..4).map(|_| pace.pass_at(1000, now)).collect();
        assert!(waits[3] > Duration::from_millis(3900) && waits[3] <= Duration::from_secs(4));
    }
}
