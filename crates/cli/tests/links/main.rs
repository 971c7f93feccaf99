//! The network at its worst, over real ssh: slow, lossy, cut, silent, resetting, and peers that stand still.
//!
//! The hazard is a run that takes a bad link for a dead one, or a dead one for a slow one: the first gives
//! up what would have come to its end, the second waits for ever. So each test measures how long a run takes
//! to end, and what the rerun has to send again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]
#![allow(clippy::print_stderr, reason = "what was measured is for the documentation")]

mod dead;
mod frozen;
mod moments;
mod scene;
#[allow(dead_code, reason = "shared with the tests over ssh, which use the rest")]
#[path = "../ssh/sides.rs"]
mod sides;
mod slow;
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests on one machine, which use the rest"
)]
#[path = "../it/support/mod.rs"]
mod support;
