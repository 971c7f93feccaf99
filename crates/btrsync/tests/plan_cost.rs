//! Planning takes time in proportion to the number of subvolumes, whatever their relations.
//!
//! Alone in its process, so that no other test takes the processor away while it measures.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::time::Duration;

mod shapes;

const SMALL: u64 = 2_000;
const GROWTH: u32 = 8;

/// Eight times the snapshots take eight to ten times as long, and with a walk over the chain for each
/// of its members thirty to sixty times.
const GENEROUS: u32 = 20;

fn best(shape: &shapes::Shape) -> Duration {
    (0..3).map(|_| shape.measure().1).min().unwrap()
}

#[test]
fn eight_times_the_snapshots_take_about_eight_times_as_long() {
    let large = shapes::all(SMALL * u64::from(GROWTH));
    for (small, large) in shapes::all(SMALL).iter().zip(&large) {
        let (short, long) = (best(small), best(large));
        assert!(long < short * GENEROUS, "{}: {short:?}, then {long:?}", large.name);
    }
}
