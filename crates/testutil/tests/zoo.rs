//! The zoo through the system's own send and receive, and what the builders promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use btrsync_testutil::command::{output_with_input, program};
use btrsync_testutil::{
    Compare, LoopFs, assert_identical, btrfs, mutate_zoo, populate_zoo, require_btrfs, snapshot_of,
    write_files, write_files_seeded,
};

const ROUNDS: u32 = 6;

fn subvolume(path: PathBuf) -> PathBuf {
    btrfs::create_subvolume(&path);
    path
}

fn take(origin: &Path, name: String) -> PathBuf {
    let snapshot = origin.parent().unwrap().join(name);
    btrfs::snapshot_ro(origin, &snapshot);
    snapshot
}

#[test]
fn a_received_zoo_is_identical() {
    require_btrfs!();
    let (source, dest) = (LoopFs::new(), LoopFs::new());
    let origin = subvolume(source.path().join("origin"));
    populate_zoo(&origin);
    let snapshot = take(&origin, "snapshot".to_owned());
    btrfs::receive(&btrfs::send(&snapshot, None), dest.path());
    let received = dest.path().join("snapshot");
    assert_identical(&origin, &snapshot);
    Compare::default().root_mtime(false).assert_identical(&snapshot, &received);
    assert_eq!(btrfs::show(&received).get("Received UUID"), btrfs::show(&snapshot).get("UUID"));
}

#[test]
fn every_round_is_received_incrementally() {
    require_btrfs!();
    let (source, dest) = (LoopFs::new(), LoopFs::new());
    let origin = subvolume(source.path().join("origin"));
    populate_zoo(&origin);
    let mut last: Option<PathBuf> = None;
    for round in 0..=ROUNDS {
        if round > 0 {
            mutate_zoo(&origin, round);
        }
        let snapshot = take(&origin, format!("round-{round}"));
        btrfs::receive(&btrfs::send(&snapshot, last.as_deref()), dest.path());
        let received = dest.path().join(snapshot.file_name().unwrap());
        Compare::default().root_mtime(false).assert_identical(&snapshot, &received);
        last = Some(snapshot);
    }
}

/// The names of the commands in a stream, as `btrfs receive --dump` prints them.
fn commands(stream: &[u8]) -> BTreeSet<String> {
    let mut dump = program("btrfs");
    let text = output_with_input(dump.args(["receive", "--dump"]), stream).unwrap();
    let lines = String::from_utf8_lossy(&text).into_owned();
    lines.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect()
}

#[test]
fn every_command_of_version_1_occurs() {
    require_btrfs!();
    let fs = LoopFs::new();
    let origin = subvolume(fs.path().join("origin"));
    populate_zoo(&origin);
    let full = take(&origin, "full".to_owned());
    mutate_zoo(&origin, 1);
    let next = take(&origin, "next".to_owned());
    let seen = [commands(&btrfs::send(&full, None)), commands(&btrfs::send(&next, Some(&full)))];
    let expected: [&[&str]; 2] = [
        &[
            "subvol",
            "mkfile",
            "mkdir",
            "mknod",
            "mkfifo",
            "mksock",
            "symlink",
            "rename",
            "link",
            "set_xattr",
            "write",
            "clone",
            "truncate",
            "chmod",
            "chown",
            "utimes",
        ],
        &["snapshot", "unlink", "rmdir", "remove_xattr", "clone", "truncate", "link", "mkdir"],
    ];
    for (seen, expected) in seen.iter().zip(expected) {
        let absent: Vec<_> = expected.iter().filter(|name| !seen.contains(**name)).collect();
        assert!(absent.is_empty(), "{absent:?} not among {seen:?}");
    }
}

#[test]
fn rounds_change_much_and_always_the_same() {
    require_btrfs!();
    let fs = LoopFs::new();
    let [left, right] = ["left", "right"].map(|name| subvolume(fs.path().join(name)));
    populate_zoo(&left);
    populate_zoo(&right);
    for round in 1..=ROUNDS {
        let before = snapshot_of(&left);
        mutate_zoo(&left, round);
        mutate_zoo(&right, round);
        let changes = Compare::default().mtime(false).trees(&before, &snapshot_of(&left));
        assert!(changes.len() > 20, "round {round} changes too little: {changes:#?}");
        Compare::default().mtime(false).holes(true).assert_identical(&left, &right);
    }
}

#[test]
fn bulk_files_depend_on_the_seed() {
    require_btrfs!();
    let fs = LoopFs::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| fs.path().join(name));
    [&a, &b, &c].iter().for_each(|dir| fs::create_dir(dir).unwrap());
    write_files(&a, 3, 5000);
    write_files_seeded(&b, 3, 5000, 0);
    write_files_seeded(&c, 3, 5000, 1);
    let compare = Compare::default().mtime(false);
    compare.assert_identical(&a, &b);
    assert_eq!(compare.differences(&a, &c).len(), 3);
}
