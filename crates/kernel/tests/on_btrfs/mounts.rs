//! Paths are from the top level whatever is mounted, and however deep the directories are.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use btrsync_kernel::{create, find, info, is_subvolume, list, path_of};
use btrsync_testutil::{LoopFs, require_btrfs};
use rustix::fs::{Mode, OFlags, mkdirat, openat};

use crate::hard_tree;
use crate::support::open;

#[test]
fn a_mount_of_a_nested_subvolume_lists_the_whole_filesystem() {
    require_btrfs!();
    let tree = hard_tree::build();
    let expected = list(open(tree.fs.path())).unwrap();
    for inside in ["dir a/sub/a", "dir a/sub/a/dir b/sub/b", "rw/inside a snapshot", "ro"] {
        let mount = tree.fs.mount_subvol(inside);
        let root = open(mount.path());
        assert_eq!(list(&root).unwrap(), expected, "mounted {inside}");
        let id = info(&root).unwrap().id;
        assert_eq!(path_of(&root, id).unwrap().unwrap(), Path::new(inside));
    }
}

#[test]
fn any_file_of_the_filesystem_will_do() {
    require_btrfs!();
    let tree = hard_tree::build();
    let expected = list(open(tree.fs.path())).unwrap();
    for inside in ["dir a", "dir a/sub/a/file", "moved/renamed directory", "rw"] {
        assert_eq!(list(open(&tree.fs.path().join(inside))).unwrap(), expected, "by {inside}");
    }
}

/// The names of nested directories, each of 250 bytes and different from the others.
fn names(levels: usize) -> Vec<String> {
    (0..levels).map(|level| format!("{level:0250}")).collect()
}

/// Makes and enters directories, step by step: their path gets too long for one call.
pub(crate) fn nest(top: &Path, levels: usize) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    names(levels).iter().fold(open(top).into(), |at: OwnedFd, name| {
        let _ = mkdirat(&at, name, Mode::from_raw_mode(0o755));
        openat(&at, name, flags, Mode::empty()).unwrap()
    })
}

/// Opens an entry of a directory that a path cannot reach.
pub(crate) fn open_at(directory: &OwnedFd, name: &str) -> File {
    openat(directory, name, OFlags::RDONLY, Mode::empty()).unwrap().into()
}

#[test]
fn directories_deeper_than_one_answer_of_the_kernel_have_a_path() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    // 4,016 and 4,267 bytes: on both sides of the 4,080 that INO_LOOKUP can answer.
    for levels in [16, 17, 20, 40] {
        let bottom = nest(fs.path(), levels);
        create(&bottom, "deep".as_ref()).unwrap();
        let deep = open_at(&bottom, "deep");
        assert!(is_subvolume(&deep).unwrap());
        let id = info(&deep).unwrap().id;
        let expected = PathBuf::from(names(levels).join("/")).join("deep");
        let found = find(&top, id).unwrap().unwrap();
        assert_eq!(found.path, expected, "{levels} levels");
        assert!(list(&top).unwrap().contains(&found));
    }
}

#[test]
fn a_path_across_several_deep_subvolumes_is_put_together() {
    require_btrfs!();
    let fs = LoopFs::new();
    let inner = fs.path().join("outer");
    create(open(fs.path()), "outer".as_ref()).unwrap();
    let bottom = nest(&inner, 18);
    create(&bottom, "inner".as_ref()).unwrap();
    create(open_at(&bottom, "inner"), "innermost".as_ref()).unwrap();
    let paths: Vec<PathBuf> = list(open(fs.path())).unwrap().into_iter().map(|s| s.path).collect();
    let deep = format!("outer/{}/inner", names(18).join("/"));
    assert_eq!(paths, ["", "outer", &deep, &format!("{deep}/innermost")].map(PathBuf::from));
}

#[test]
fn a_place_of_a_nested_subvolume_in_a_snapshot_is_none() {
    require_btrfs!();
    let tree = hard_tree::build();
    let place = tree.fs.path().join("ro/dir b/sub/b");
    assert!(fs::read_dir(&place).unwrap().next().is_none());
    assert!(!is_subvolume(open(&place)).unwrap());
}
