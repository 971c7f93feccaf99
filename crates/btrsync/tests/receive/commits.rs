//! How often the filesystem is committed for one subvolume.

use std::fs::{self, File};
use std::path::Path;

use btrsync_testutil::{Compare, LoopFs, btrfs, require_btrfs};

use crate::support::{accepted, send};

/// A snapshot that is there already, and one that is not, between which so many files have changed.
fn snapshots(changed: usize) -> (LoopFs, LoopFs) {
    let (source, dest) = (LoopFs::new(), LoopFs::new());
    let origin = source.path().join("origin");
    btrfs::create_subvolume(&origin);
    let write = |text: &str| {
        (0..changed).for_each(|file| fs::write(origin.join(file.to_string()), text).unwrap());
    };
    write("before");
    btrfs::snapshot_ro(&origin, &source.path().join("a"));
    accepted(&send(&source.path().join("a"), None, &[]), dest.path());
    write(&"after".repeat(2000));
    btrfs::snapshot_ro(&origin, &source.path().join("b"));
    (source, dest)
}

fn generation(fs: &Path) -> u64 {
    btrfs::sync(fs);
    btrsync_kernel::fs_info(File::open(fs).unwrap()).unwrap().generation
}

/// How many commits it takes to receive the second snapshot. One of the kernel's own may come between.
fn commits(changed: usize) -> u64 {
    let count = || {
        let (source, dest) = snapshots(changed);
        let (before, new) = (source.path().join("a"), source.path().join("b"));
        let stream = send(&new, Some(&before), &[]);
        let first = generation(dest.path());
        accepted(&stream, dest.path());
        let count = generation(dest.path()) - first;
        Compare::default().assert_identical(&new, &dest.path().join("b"));
        count
    };
    (0..3).map(|_| count()).min().unwrap()
}

#[test]
fn few_files_are_not_worth_a_commit_of_their_own() {
    require_btrfs!();
    // Made, received, read-only, named.
    assert_eq!(commits(20), 4);
    assert_eq!(commits(100), 5);
}
