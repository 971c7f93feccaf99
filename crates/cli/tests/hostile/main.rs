//! Hostile streams against the binary: whatever a stream holds, it stays in its subvolume, ends, and
//! is refused unless it is harmless.
//!
//! The hazard is a suite that sees nothing: so each group has controls that must be taken, and the
//! judge is itself tried with receivers that do what must not be done.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod arena;
mod bounded;
mod cases;
mod judge;
mod meanwhile;
mod receiver;
mod secret;
mod stream;
mod tried;
mod watch;

use btrsync_testutil::{require_btrfs, require_tool};

use arena::Arena;
use judge::{Case, judge};
use watch::Watch;

/// So many failures tell what there is to know, and each costs new filesystems.
const ENOUGH: usize = 40;

/// Judges all cases of a group and tells all that failed.
#[track_caller]
fn try_all(group: fn(&Arena) -> Vec<Case>) {
    let mut arena = Arena::new();
    let mut watch = Watch::of(&arena);
    let mut cases = group(&arena);
    let mut failed = Vec::new();
    for number in 0..cases.len() {
        let case = &cases[number];
        let command = receiver::receive(&arena, case);
        let wrong = judge(&arena, &watch, case, command);
        if wrong.is_empty() {
            continue;
        }
        failed.push(format!("{}:\n    {}", case.name, wrong.join("\n    ")));
        if failed.len() == ENOUGH {
            break;
        }
        // What was damaged must not be held against the next.
        drop(arena);
        arena = Arena::new();
        watch = Watch::of(&arena);
        cases = group(&arena);
    }
    let (count, all) = (failed.len(), cases.len());
    assert!(failed.is_empty(), "{count} of {all} cases failed:\n  {}", failed.join("\n  "));
}

macro_rules! groups {
    ($($group:ident)+) => { $(
        #[test]
        fn $group() {
            require_btrfs!();
            require_tool!("prlimit");
            try_all(cases::$group);
        }
    )+ };
}

groups! { paths links special subvolumes clones values encoded attributes frames damage load }
