//! The information by descriptor, which needs no rights, is that of the listing, which does.

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime};

use btrsync_kernel::{info, is_read_only, is_subvolume, list, root_times};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs};

use crate::hard_tree;
use crate::support::open;

#[test]
fn the_information_by_descriptor_is_that_of_the_listing() {
    require_btrfs!();
    let tree = hard_tree::build();
    for subvolume in list(open(tree.fs.path())).unwrap() {
        let root = open(&tree.fs.path().join(&subvolume.path));
        assert_eq!(info(&root).unwrap(), subvolume.info, "{}", subvolume.path.display());
        assert_eq!(is_read_only(&root).unwrap(), subvolume.info.read_only);
        assert!(is_subvolume(&root).unwrap());
    }
}

#[test]
fn the_tree_is_hard() {
    require_btrfs!();
    let tree = hard_tree::build();
    let all: Vec<_> = list(open(tree.fs.path())).unwrap().into_iter().map(|s| s.info).collect();
    // Each would make the comparisons of this crate's tests pass with one field taken for another.
    assert!(all.iter().any(|info| info.ctransid != info.generation));
    assert!(all.iter().any(|info| info.otransid != info.ctransid));
    assert!(all.iter().any(|info| info.stransid != 0 && info.stransid != info.rtransid));
    assert!(all.iter().any(|info| info.ctime != info.otime));
    assert!(all.iter().any(|info| info.stime.nanoseconds != 0 && info.stime != info.rtime));
    assert!(all.iter().any(|info| info.rtime.nanoseconds != 0));
    assert!(all.iter().any(|info| info.parent_uuid.is_some() && info.received_uuid.is_some()));
    assert!(all.iter().any(|info| info.read_only) && all.iter().any(|info| !info.read_only));
    assert!(all.iter().any(|info| info.directory > 256 && info.parent_id > Some(5)));
}

#[test]
fn any_file_tells_the_subvolume_it_is_in() {
    require_btrfs!();
    let tree = hard_tree::build();
    let subvolume = tree.fs.path().join("dir a/sub/a");
    let expected = info(open(&subvolume)).unwrap();
    for inside in ["file", "dir b", "dir b/sub"] {
        let file = open(&subvolume.join(inside));
        assert_eq!(info(&file).unwrap(), expected);
        assert!(!is_subvolume(&file).unwrap());
    }
}

#[test]
fn the_times_of_a_root_directory_are_read_without_a_path_to_it() {
    require_btrfs!();
    let fs = LoopFs::new();
    let path = fs.path().join("a");
    btrfs::create_subvolume(&path);
    // Before 1970, so that the sign counts.
    let before = SystemTime::UNIX_EPOCH - Duration::from_millis(1_500);
    let after = SystemTime::UNIX_EPOCH + Duration::new(7, 9);
    let dir = File::open(&path).unwrap();
    dir.set_times(FileTimes::new().set_accessed(after).set_modified(before)).unwrap();
    btrfs::sync(fs.path());
    let id = btrsync_kernel::info(&dir).unwrap().id;
    let top = File::open(fs.path()).unwrap();
    let times = root_times(&top, id).unwrap().unwrap();
    assert_eq!((times.mtime.seconds, times.mtime.nanoseconds), (-2, 500_000_000));
    assert_eq!((times.atime.seconds, times.atime.nanoseconds), (7, 9));
    assert_eq!(root_times(&top, 9_999).unwrap(), None);
}
