//! The oracle's own tests; it is trusted because of the table in `rows`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod each;
mod pair;
mod rows;

use std::fs;
use std::os::unix::fs::FileExt;

use btrsync_testutil::{
    Compare, LoopFs, assert_identical, btrfs, differences, nest_directories, require_btrfs,
    snapshot_of, write_files,
};
use rustix::fs::{FallocateFlags, fallocate};

use pair::{chmod, fix_times, open, pair, set_times};

#[test]
fn times_are_compared_as_chosen() {
    require_btrfs!();
    let fs = LoopFs::new();
    let (left, right) = pair(&fs, "times");
    for (path, shown) in [("file", "file"), ("symlink", "symlink"), ("sub", "sub"), ("", ".")] {
        set_times(&right.join(path), 77, 2);
        let line = format!("{shown}: mtime: source (1000000, 1), dest (1000000, 2)");
        assert_eq!(differences(&left, &right), [line]);
        let without_root = Compare::default().root_mtime(false).differences(&left, &right);
        assert_eq!(without_root.is_empty(), path.is_empty());
        assert!(Compare::default().mtime(false).differences(&left, &right).is_empty());
        set_times(&right.join(path), 77, 1);
    }
    fix_times(&left);
    set_times(&right.join("file"), -1, 1);
    assert_identical(&left, &right);
    // Reading for the comparison above must not have changed any; only symlinks cannot be spared.
    set_times(&left.join("symlink"), 77, 1);
    set_times(&right.join("symlink"), 77, 1);
    let lines = Compare::default().atime(true).differences(&left, &right);
    assert_eq!(lines, ["file: atime: source (77, 5), dest (-1, 5)"]);
}

#[test]
fn holes_are_compared_as_chosen() {
    require_btrfs!();
    let fs = LoopFs::new();
    let (left, right) = pair(&fs, "holes");
    open(&right.join("sparse")).write_all_at(&[0; 4096], 8192).unwrap();
    fix_times(&right);
    btrfs::sync(fs.path());
    assert_identical(&left, &right);
    let lines = Compare::default().holes(true).differences(&left, &right);
    assert_eq!(lines, ["sparse: data ranges: source [], dest [(8192, 12288)]"]);
    let filled = Compare::default().filled_holes(true);
    assert_eq!(
        filled.differences(&left, &right),
        ["sparse: a hole is filled: data from 8192 to 12288"]
    );
    assert!(filled.differences(&right, &left).is_empty());
    // Preallocation past the end is no data for any reader.
    let file = open(&left.join("file"));
    fallocate(file, FallocateFlags::KEEP_SIZE, 20_000, 1 << 20).unwrap();
    fix_times(&left);
    assert_identical(&left, &right);
}

#[test]
fn nested_subvolumes_of_the_source_are_left_out_as_chosen() {
    require_btrfs!();
    let fs = LoopFs::new();
    let (origin, snapshot, plain) =
        (fs.path().join("origin"), fs.path().join("snapshot"), fs.path().join("plain"));
    btrfs::create_subvolume(&origin);
    btrfs::create_subvolume(&origin.join("nested"));
    fs::write(origin.join("nested/inside"), b"").unwrap();
    btrfs::snapshot_ro(&origin, &snapshot);
    btrfs::create_subvolume(&plain);
    let loose = Compare::default().root_mtime(false);
    let strict = loose.clone().ignore_nested(false);
    for source in [&origin, &snapshot] {
        assert_eq!(loose.differences(source, &plain), [""; 0]);
        assert_eq!(strict.differences(source, &plain), ["nested: missing in dest"]);
        assert_eq!(loose.differences(&plain, source), ["nested: extra in dest"]);
    }
    assert_identical(&origin, &origin);
    assert_identical(&snapshot, &snapshot);
    fs::create_dir(plain.join("nested")).unwrap();
    assert_eq!(loose.differences(&snapshot, &plain), ["nested: extra in dest"]);
    let line = "nested: type: source \"nested subvolume\", dest \"directory\"";
    assert_eq!(strict.differences(&snapshot, &plain), [line]);
}

#[test]
fn trees_deeper_than_a_path_are_compared() {
    require_btrfs!();
    let fs = LoopFs::new();
    let compare = Compare::default().mtime(false);
    let [left, right] = [500, 501].map(|levels| {
        let dir = fs.path().join(levels.to_string());
        fs::create_dir(&dir).unwrap();
        nest_directories(&dir, levels);
        snapshot_of(&dir)
    });
    assert_eq!((left.entries(), right.entries()), (501, 502));
    let lines = compare.trees(&left, &right);
    assert!(lines.len() == 1 && lines[0].ends_with("d: extra in dest"));
}

#[test]
fn the_list_is_bounded_and_a_tree_in_memory_is_a_state() {
    require_btrfs!();
    let fs = LoopFs::new();
    let before = snapshot_of(fs.path());
    write_files(fs.path(), 60, 10);
    let compare = Compare::default().root_mtime(false);
    let lines = compare.trees(&before, &snapshot_of(fs.path()));
    assert_eq!((lines.len(), lines[50].as_str()), (51, "and 10 more"));
    assert_eq!(compare.limit(100).trees(&before, &snapshot_of(fs.path())).len(), 60);
}

#[test]
#[should_panic(expected = "file: mode: source 0644, dest 0600")]
fn a_difference_fails_the_test() {
    if btrsync_testutil::require::btrfs_missing().is_some() {
        panic!("skipped, so: file: mode: source 0644, dest 0600");
    }
    let fs = LoopFs::new();
    let (left, right) = pair(&fs, "assert");
    chmod(&right.join("file"), 0o600);
    assert_identical(&left, &right);
}
