//! Every way of sending, interrupted in every way at random moments, and then run again.
//!
//! The hazard is the moment that nobody has thought of. So moments are drawn by chance, and what counts
//! is the same after each: under final names only what is complete, and after the plain rerun all that
//! there is at the source, nothing else, and no more of it sent twice than was promised. A point is its
//! number: `BTRSYNC_TEST_SEED=NUMBER` runs one again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]
#![allow(clippy::print_stderr, reason = "a point that fails must be known by more than its number")]

mod amounts;
mod dump;
mod fault;
mod point;
mod receive;
mod scene;
#[allow(dead_code, reason = "shared with the tests over ssh, which use the rest")]
#[path = "../ssh/sides.rs"]
mod sides;
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests on one machine, which use the rest"
)]
#[path = "../it/support/mod.rs"]
mod support;
mod sync;

use btrsync_testutil::{LoopFs, require_btrfs, require_machines, require_tool};

use dump::Dump;
use fault::Fault;
use point::each_point;
use receive::Receive;
use scene::Place;
use sides::Way;
use support::small_filesystem;
use sync::Sync;

#[test]
fn local() {
    require_btrfs!();
    each_point(16, 320, |form| Sync::new(Place::Here, form, LoopFs::new(), &Fault::HERE));
}

#[test]
fn pulled() {
    require_machines!();
    require_tool!("ss");
    each_point(12, 192, |form| {
        Sync::new(Place::Apart(Way::Pull), form, LoopFs::new(), &Fault::APART)
    });
}

#[test]
fn pushed() {
    require_machines!();
    require_tool!("ss");
    each_point(12, 144, |form| {
        Sync::new(Place::Apart(Way::Push), form, LoopFs::new(), &Fault::APART)
    });
}

#[test]
fn pulled_from_a_btrsync() {
    require_machines!();
    require_tool!("ss");
    let place = Place::Served(Way::Pull);
    each_point(6, 96, |form| Sync::new(place, form, LoopFs::new(), &Fault::APART));
}

#[test]
fn pushed_to_a_btrsync() {
    require_machines!();
    require_tool!("ss");
    let place = Place::Served(Way::Push);
    each_point(6, 96, |form| Sync::new(place, form, LoopFs::new(), &Fault::APART));
}

#[test]
fn received() {
    require_btrfs!();
    each_point(20, 240, Receive::new);
}

#[test]
fn dumped() {
    require_btrfs!();
    each_point(12, 120, Dump::new);
}

#[test]
fn without_room() {
    require_machines!();
    each_point(4, 48, |form| Sync::new(Place::Here, form, small_filesystem(), &[Fault::Full]));
    each_point(0, 24, |form| {
        Sync::new(Place::Apart(Way::Pull), form, small_filesystem(), &[Fault::Full])
    });
    each_point(0, 24, |form| {
        Sync::new(Place::Apart(Way::Push), form, small_filesystem(), &[Fault::Full])
    });
    each_point(0, 24, |form| {
        Sync::new(Place::Served(Way::Push), form, small_filesystem(), &[Fault::Full])
    });
}

/// A dead line is only noticed after half a minute, so this waits for both at once.
#[test]
fn over_a_dead_line() {
    require_machines!();
    let dead = |way| move |form| Sync::new(Place::Apart(way), form, LoopFs::new(), &[Fault::Dead]);
    std::thread::scope(|scope| {
        scope.spawn(|| each_point(0, 8, dead(Way::Push)));
        each_point(1, 8, dead(Way::Pull));
    });
}
