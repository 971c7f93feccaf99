//! The cost of a listing, alone in its process so that no other test's time is counted.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::env;
use std::time::Duration;

use btrsync_testutil::require_btrfs;

mod many;

/// The goal for each 10,000 subvolumes.
const GOAL: Duration = Duration::from_millis(20);

/// Without optimization the code that turns items into values takes five times as long; the rest
/// is for a machine that is busy with other things.
const SLACK: u32 = if cfg!(debug_assertions) { 8 } else { 1 };

#[test]
fn ten_thousand_subvolumes_are_listed_in_twenty_milliseconds() {
    require_btrfs!();
    let full = env::var_os("BTRSYNC_TEST_FULL").is_some();
    let count = if full { 10_000 } else { 1_000 };
    let cost = many::measure(&many::snapshots(count), count);
    let bound = GOAL * SLACK * count as u32 / 10_000;
    assert!(cost.process <= bound, "{count} subvolumes took {cost:?}, more than {bound:?}");
}
