//! The data of small files, out of the tree.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use btrsync_kernel::InlineData;
use btrsync_testutil::{LoopFs, Random, btrfs, require_btrfs};
use rustix::fs::{XattrFlags, fsetxattr};
use rustix::io::Errno;

use crate::support::{assert_fails, open};

/// Writes a file, and returns its inode number.
fn write(path: &Path, data: &[u8]) -> u64 {
    fs::write(path, data).unwrap();
    fs::metadata(path).unwrap().ino()
}

#[test]
fn small_files_are_told_and_all_others_are_not() {
    require_btrfs!();
    let fs = LoopFs::new();
    let dir = fs.path().join("sub");
    btrfs::create_subvolume(&dir);
    let noise = Random::new(1).bytes(1 << 20);
    let small: Vec<(u64, &[u8])> = [1, 100, 1000, 2000]
        .map(|size| (write(&dir.join(size.to_string()), &noise[..size]), &noise[..size]))
        .into();
    let large = write(&dir.join("large"), &noise);
    let empty = write(&dir.join("empty"), b"");
    let hole = File::create_new(dir.join("hole")).unwrap();
    hole.write_all_at(b"behind a hole", 4096).unwrap();
    let compressed = File::create_new(dir.join("compressed")).unwrap();
    fsetxattr(&compressed, "btrfs.compression", b"zstd", XattrFlags::empty()).unwrap();
    compressed.write_all_at(&[b'a'; 1000], 0).unwrap();
    let last = write(&dir.join("last"), b"last");
    btrfs::sync(&dir);
    let mut inline = InlineData::new(open(&dir));
    let directory = fs::metadata(&dir).unwrap().ino();
    for (inode, data) in small.iter().chain([&(last, &b"last"[..]), &small[0]]) {
        assert_eq!(inline.of(*inode).unwrap(), Some(*data), "{inode}");
    }
    let [hole, compressed] = [hole, compressed].map(|file| file.metadata().unwrap().ino());
    for inode in [large, empty, hole, compressed, directory, last + 1, 1, 0, u64::MAX] {
        assert_eq!(inline.of(inode).unwrap(), None, "{inode}");
    }
}

/// More files than one search returns, in any order; among them some whose items fill a search alone.
#[test]
fn many_files_are_told_in_any_order() {
    require_btrfs!();
    let fs = LoopFs::new();
    let dir = fs.path().join("sub");
    btrfs::create_subvolume(&dir);
    let mut random = Random::new(2);
    let mut files = Vec::new();
    for number in 0..300 {
        let size = 1 + random.below(2000) as usize;
        let data = random.bytes(size);
        files.push((write(&dir.join(format!("{number}")), &data), data));
        if number % 100 == 50 {
            let holes = File::create_new(dir.join(format!("holes-{number}"))).unwrap();
            (0..1500).for_each(|block| holes.write_all_at(b"x", block << 13).unwrap());
        }
    }
    btrfs::snapshot_ro(&dir, &fs.path().join("snapshot"));
    let mut inline = InlineData::new(open(&fs.path().join("snapshot")));
    let mut check = |at: usize| {
        let (inode, data): &(u64, Vec<u8>) = &files[at];
        assert_eq!(inline.of(*inode).unwrap(), Some(&data[..]), "{inode}");
    };
    (0..files.len()).for_each(&mut check);
    (0..files.len()).rev().for_each(&mut check);
    (0..500).for_each(|_| check(random.below(files.len() as u64) as usize));
}

#[test]
fn what_is_no_btrfs_has_none() {
    let mut inline = InlineData::new(open(Path::new("/proc")));
    assert_fails(inline.of(256).map(drop), "BTRFS_IOC_TREE_SEARCH_V2", Errno::NOTTY);
}
