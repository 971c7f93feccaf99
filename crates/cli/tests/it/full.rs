//! Destinations that fill up in the middle of a receive.
//!
//! The hazard is the full filesystem on which even cleaning up needs room. Nothing may stay under the
//! final name, and when there is room again the same command must complete.

use std::fs::{self, File};
use std::path::PathBuf;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs, write_files};
use rustix::fs::{FallocateFlags, fallocate};

use crate::interrupt::completes;
use crate::support::{Pair, no_leftover, random_file, run, subvolume};

/// A destination too small for a snapshot that has arrived before and one that has not.
pub(crate) fn small(room_mib: u64, fill_origin: impl Fn(PathBuf)) -> (Pair, PathBuf) {
    // Data and metadata share one room; else what one kind has taken stays its own for minutes.
    let dest = LoopFs::builder().size_mib(120).mkfs_args(["--mixed"]).build();
    let pair = Pair::of(LoopFs::builder().size_mib(512).build(), dest);
    fs::write(subvolume(&pair.origin()).join("small"), "small").unwrap();
    pair.take("before");
    run(pair.args(&["-y"])).exits(0);
    fill_origin(pair.origin());
    pair.take("large");
    let filler = pair.dst.path().join("filler");
    fill(&filler, room_mib);
    (pair, filler)
}

/// Makes a file as large as leaves only `room` MiB for data.
fn fill(filler: &PathBuf, room: u64) {
    let file = File::create(filler).unwrap();
    let part = 4 << 20;
    let parts =
        (0..).take_while(|n| fallocate(&file, FallocateFlags::empty(), n * part, part).is_ok());
    let taken = parts.count() as u64 * part;
    file.set_len(taken - (room << 20)).unwrap();
    file.sync_all().unwrap();
}

/// It fails for want of room, completely; and completes when there is room.
#[track_caller]
fn fails_then_completes((pair, filler): (Pair, PathBuf)) {
    for _ in 0..3 {
        let args = pair.args(&["-y", "--no-space-check"]);
        run(args).exits(1).complains(&["No space left", "what next"]);
        let there = fs::read_dir(pair.backup()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(there.collect::<Vec<_>>(), ["before"]);
        no_leftover(pair.dst.path());
    }
    fs::remove_file(filler).unwrap();
    btrfs::sync(pair.dst.path());
    // What was deleted gives its room back in its own time.
    output(program("btrfs").args(["subvolume", "sync"]).arg(pair.dst.path())).unwrap();
    completes(&pair);
}

#[test]
fn a_file_too_large_for_the_destination_leaves_nothing() {
    require_btrfs!();
    fails_then_completes(small(24, |origin| random_file(&origin.join("bulk"), 48)));
}

#[test]
fn many_files_too_many_for_the_destination_leave_nothing() {
    require_btrfs!();
    // Each so small that it lies in the metadata.
    fails_then_completes(small(8, |origin| write_files(&origin, 12_000, 2000)));
}
