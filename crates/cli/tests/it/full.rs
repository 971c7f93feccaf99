//! Destinations that fill up in the middle of a receive.
//!
//! The hazard is the full filesystem on which even cleaning up needs room. Nothing may stay under the
//! final name, and when there is room again the same command must complete.

use std::fs;
use std::path::PathBuf;

use btrsync_testutil::{LoopFs, require_btrfs, write_files};

use crate::interrupt::completes;
use crate::support::{
    Pair, give_room_back, leave_room, no_leftover, random_file, run, small_filesystem, subvolume,
};

/// A destination too small for a snapshot that has arrived before and one that has not.
pub(crate) fn small(room_mib: u64, fill_origin: impl Fn(PathBuf)) -> Pair {
    let pair = Pair::of(LoopFs::builder().size_mib(512).build(), small_filesystem());
    fs::write(subvolume(&pair.origin()).join("small"), "small").unwrap();
    pair.take("before");
    run(pair.args(&["-y"])).exits(0);
    fill_origin(pair.origin());
    pair.take("large");
    leave_room(&pair, room_mib << 20);
    pair
}

/// It fails for want of room, completely; and completes when there is room.
#[track_caller]
fn fails_then_completes(pair: &Pair) {
    for _ in 0..3 {
        let args = pair.args(&["-y", "--no-space-check"]);
        run(args).exits(1).complains(&["No space left", "what next"]);
        let there = fs::read_dir(pair.backup()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(there.collect::<Vec<_>>(), ["before"]);
        no_leftover(pair.dst.path());
    }
    give_room_back(pair);
    completes(pair);
}

#[test]
fn a_file_too_large_for_the_destination_leaves_nothing() {
    require_btrfs!();
    fails_then_completes(&small(24, |origin| random_file(&origin.join("bulk"), 48)));
}

#[test]
fn many_files_too_many_for_the_destination_leave_nothing() {
    require_btrfs!();
    // Each so small that it lies in the metadata.
    fails_then_completes(&small(8, |origin| write_files(&origin, 12_000, 2000)));
}
