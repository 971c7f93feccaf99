//! Destinations that have too little room, and then enough.

use std::fs::{self, File};
use std::path::PathBuf;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, btrfs};
use rustix::fs::{FallocateFlags, fallocate};

use super::Pair;

/// A filesystem on which data and metadata share one room; else what one kind has taken stays its own
/// for minutes.
pub(crate) fn small_filesystem() -> LoopFs {
    LoopFs::builder().size_mib(120).mkfs_args(["--mixed"]).build()
}

/// Leaves room for so many bytes, and little more.
pub(crate) fn leave_room(pair: &Pair, room: u64) {
    let file = File::create(filler(pair)).unwrap();
    let part = 4 << 20;
    let parts =
        (0..).take_while(|n| fallocate(&file, FallocateFlags::empty(), n * part, part).is_ok());
    let taken = parts.count() as u64 * part;
    file.set_len(taken.saturating_sub(room)).unwrap();
    file.sync_all().unwrap();
}

/// Gives all room back.
#[track_caller]
pub(crate) fn give_room_back(pair: &Pair) {
    let _ = fs::remove_file(filler(pair));
    btrfs::sync(pair.dst.path());
    // What was deleted gives its room back in its own time.
    output(program("btrfs").args(["subvolume", "sync"]).arg(pair.dst.path())).unwrap();
}

fn filler(pair: &Pair) -> PathBuf {
    pair.dst.path().join("filler")
}
