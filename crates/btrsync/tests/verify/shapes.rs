//! Shapes of trees: deep, wide, sparse, with other subvolumes in them; and what counts as chosen.

use std::fs::{self, File};
use std::path::Path;

use btrsync::verify::{DigestOptions, Digests, Verdict, What, compare};
use btrsync_testutil::{LoopFs, btrfs, nest_directories, require_btrfs, write_files};

use crate::pair::{fix_times, set_times, write_at};
use crate::support::{differences, differences_with, read};

/// A tree deeper than the longest path, and than there are descriptors.
#[tokio::test]
async fn a_tree_may_be_deeper_than_any_path() {
    require_btrfs!();
    let fs = LoopFs::new();
    let [left, right] = ["left", "right"].map(|name| fs.path().join(name));
    let nest = |dir: &Path, levels| {
        fs::create_dir_all(dir.join("a")).unwrap();
        fs::create_dir_all(dir.join("z")).unwrap();
        nest_directories(&dir.join("a"), levels);
    };
    nest(&left, 1500);
    nest(&right, 1501);
    let (left, right) = (read(&left), read(&right));
    assert_ne!(left.root().body, right.root().body);
    let verdict = compare(&left, &right, usize::MAX).await.unwrap();
    let Verdict::Different { differences, .. } = verdict else { panic!("{verdict:?}") };
    let extra: Vec<_> = differences.iter().filter(|one| one.what == What::Extra).collect();
    assert_eq!(extra.len(), 1);
    assert_eq!(extra[0].path.components().count(), 1 + 1501);
}

#[tokio::test]
async fn directories_of_many_entries_are_compared_one_by_one() {
    require_btrfs!();
    let fs = LoopFs::new();
    let [left, right] = ["left", "right"].map(|name| fs.path().join(name));
    for dir in [&left, &right] {
        fs::create_dir(dir).unwrap();
        write_files(dir, 5000, 10);
        fix_times(dir);
    }
    assert!(differences(&left, &right).await.is_empty());
    for number in [0, 2500, 4999] {
        write_at(&right.join(format!("file-{number:06}")), 3);
    }
    fix_times(&right);
    let found = differences(&left, &right).await;
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected = ["file-000000", "file-002500", "file-004999"]
        .map(|name| format!("{name}: content differs"));
    assert_eq!(shown, expected);
    let (left, right) = (read(&left), read(&right));
    let verdict = compare(&left, &right, 2).await.unwrap();
    assert_eq!(verdict, Verdict::Different { differences: found[..2].to_vec(), total: 3 });
}

#[tokio::test]
async fn holes_count_as_chosen_and_the_time_of_the_root_too() {
    require_btrfs!();
    let fs = LoopFs::new();
    let [left, right] = ["left", "right"].map(|name| fs.path().join(name));
    for dir in [&left, &right] {
        fs::create_dir(dir).unwrap();
    }
    File::create(left.join("sparse")).unwrap().set_len(1 << 20).unwrap();
    fs::write(right.join("sparse"), vec![0; 1 << 20]).unwrap();
    [&left, &right].iter().for_each(|dir| fix_times(dir));
    btrfs::sync(fs.path());
    assert!(differences(&left, &right).await.is_empty());
    let holes = DigestOptions { holes: true, ..DigestOptions::default() };
    let found = differences_with(&left, &right, holes).await;
    assert_eq!(found.iter().map(|one| &one.what).collect::<Vec<_>>(), [&What::Layout]);
    set_times(&right, 77, 2);
    let found = differences(&left, &right).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_path(), found[0].what.word()), (Path::new(""), "mtime"));
    let loose = DigestOptions { root_mtime: false, ..DigestOptions::default() };
    assert!(differences_with(&left, &right, loose).await.is_empty());
}

#[tokio::test]
async fn subvolumes_in_a_subvolume_are_not_part_of_it() {
    require_btrfs!();
    let fs = LoopFs::new();
    let [origin, snapshot, plain] =
        ["origin", "snapshot", "plain"].map(|name| fs.path().join(name));
    btrfs::create_subvolume(&origin);
    btrfs::create_subvolume(&origin.join("nested"));
    fs::write(origin.join("nested/inside"), b"").unwrap();
    btrfs::snapshot_ro(&origin, &snapshot);
    fs::create_dir(&plain).unwrap();
    let loose = DigestOptions { root_mtime: false, ..DigestOptions::default() };
    for copy in [&snapshot, &plain] {
        assert!(differences_with(&origin, copy, loose).await.is_empty());
    }
    fs::create_dir(plain.join("nested")).unwrap();
    let found = differences_with(&origin, &plain, loose).await;
    assert_eq!(found.iter().map(|one| &one.what).collect::<Vec<_>>(), [&What::Extra]);
}
