//! At which moments of a record the power is cut.
//!
//! The hazard is chance that never meets the moment that matters: most writes are data, and the few
//! that count are those around the end of each subvolume.

use std::env;

use btrsync_testutil::Random;
use btrsync_testutil::powercut::Moment;

use crate::scene::Told;

fn is_full() -> bool {
    env::var_os("BTRSYNC_TEST_FULL").is_some()
}

/// Returns moments anywhere in a run, each as likely as the others.
pub(crate) fn anywhere(told: &Told) -> Vec<Moment> {
    let mut random = Random::new(told.recording.end() as u64);
    let count = if is_full() { 80 } else { 6 };
    (0..count).map(|_| random.below(told.recording.end() as u64) as usize).collect()
}

/// Returns moments: right after each success, at flushes around it, and anywhere.
pub(crate) fn moments(told: &Told) -> Vec<Moment> {
    let (around, anywhere) = if is_full() { (8, 40) } else { (1, 1) };
    let mut random = Random::new(told.recording.end() as u64);
    let mut moments = Vec::new();
    let flushes = told.recording.flushes();
    for success in &told.successes {
        moments.push(success.moment);
        let before = flushes.partition_point(|flush| *flush < success.moment);
        let after = before + around / 2;
        let near = &flushes[before.saturating_sub(around)..after.min(flushes.len())];
        // Before the flush, and in the middle of what follows it.
        moments.extend(near.iter().flat_map(|flush| [*flush, flush + 2]));
    }
    moments.extend((0..anywhere).map(|_| random.below(told.recording.end() as u64) as usize));
    moments.sort_unstable();
    moments.retain(|moment| *moment <= told.recording.end());
    moments
}
