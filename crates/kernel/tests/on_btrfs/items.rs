//! What the tree of a subvolume tells of its files, against what the files tell.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;

use btrsync_kernel::{Error, ExtentData, FileExtent, Inode, Item, Place, items, place};
use btrsync_testutil::{LoopFs, Random, btrfs, require_btrfs};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, fsetxattr, makedev, mknodat};
use rustix::io::Errno;

use crate::support::{assert_fails, open};

/// What is told of one inode.
#[derive(Debug, Default)]
struct Told {
    inode: Option<Inode>,
    names: Vec<(u64, Vec<u8>)>,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    extents: Vec<(u64, u64, Option<Vec<u8>>)>,
}

/// What is told of all, by their inode numbers, in order.
fn told(dir: &Path) -> Vec<(u64, Told)> {
    let mut all: Vec<(u64, Told)> = Vec::new();
    let visited: Result<(), Error> = items(open(dir), |number, item| {
        if let Item::Inode(inode) = item {
            all.push((number, Told { inode: Some(inode), ..Told::default() }));
            return Ok(());
        }
        let (last, told) = all.last_mut().unwrap();
        assert_eq!(*last, number, "the inode comes first");
        match item {
            Item::Inode(_) => {}
            Item::Name { directory, name } => told.names.push((directory, name.to_vec())),
            Item::Attribute { name, value } => {
                told.attributes.push((name.to_vec(), value.to_vec()));
            }
            Item::Extent(FileExtent { offset, length, data }) => {
                let plain = match data {
                    ExtentData::Plain(data) => Some(data.to_vec()),
                    _ => None,
                };
                told.extents.push((offset, length, plain));
            }
        }
        Ok(())
    });
    visited.unwrap();
    all
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

fn of(all: &[(u64, Told)], path: &Path) -> (u64, Inode) {
    let number = fs::symlink_metadata(path).unwrap().ino();
    let at = all.binary_search_by_key(&number, |(number, _)| *number).unwrap();
    (number, all[at].1.inode.unwrap())
}

#[test]
fn the_record_is_what_a_look_at_the_file_tells() {
    require_btrfs!();
    let fs = LoopFs::new();
    let dir = fs.path().join("sub");
    btrfs::create_subvolume(&dir);
    fs::write(dir.join("file"), "data").unwrap();
    fs::hard_link(dir.join("file"), dir.join("link")).unwrap();
    fs::create_dir(dir.join("directory")).unwrap();
    symlink("target", dir.join("symlink")).unwrap();
    let (device, number) = (dir.join("device"), makedev(0x123, 0x45678));
    mknodat(CWD, &device, FileType::CharacterDevice, Mode::RUSR, number).unwrap();
    std::os::unix::fs::chown(dir.join("file"), Some(70_000), Some(80_000)).unwrap();
    btrfs::sync(&dir);
    let all = told(&dir);
    for name in ["", "file", "link", "directory", "symlink", "device"] {
        let path = dir.join(name);
        let (_, inode) = of(&all, &path);
        let look = fs::symlink_metadata(&path).unwrap();
        assert_eq!((inode.mode, inode.uid, inode.gid), (look.mode(), look.uid(), look.gid()));
        assert_eq!((inode.size, u64::from(inode.links)), (look.len(), look.nlink()), "{name}");
        for (time, seconds, nanoseconds) in [
            (inode.atime, look.atime(), look.atime_nsec()),
            (inode.mtime, look.mtime(), look.mtime_nsec()),
            (inode.ctime, look.ctime(), look.ctime_nsec()),
        ] {
            assert_eq!((time.seconds, i64::from(time.nanoseconds)), (seconds, nanoseconds));
        }
    }
    assert_eq!(of(&all, &device).1.device, 0x123 << 20 | 0x45678);
}

#[test]
fn names_attributes_and_data_are_all_told() {
    require_btrfs!();
    let fs = LoopFs::new();
    let dir = fs.path().join("sub");
    btrfs::create_subvolume(&dir);
    fs::create_dir(dir.join("other")).unwrap();
    let path = dir.join("file");
    let file = File::create(&path).unwrap();
    // More than one item has room for.
    let many = (0..300).map(|number| format!("{number:0>200}"));
    let mut names: Vec<_> = many.map(|name| (256, name.into_bytes())).collect();
    names.iter().for_each(|(_, name)| {
        fs::hard_link(&path, dir.join(std::str::from_utf8(name).unwrap())).unwrap();
    });
    fs::hard_link(&path, dir.join("other/link")).unwrap();
    let other = fs::metadata(dir.join("other")).unwrap().ino();
    names.extend([(256, b"file".to_vec()), (other, b"link".to_vec())]);
    let mut attributes = Vec::new();
    for number in 0..50u8 {
        let (name, value) = (format!("user.{number}"), vec![number; usize::from(number)]);
        fsetxattr(&file, name.as_str(), &value, XattrFlags::empty()).unwrap();
        attributes.push((name.into_bytes(), value));
    }
    let noise = Random::new(1).bytes(20_000);
    file.write_all_at(&noise, 8192).unwrap();
    btrfs::sync(&dir);
    let all = told(&dir);
    let number = fs::metadata(&path).unwrap().ino();
    let (_, told) = all.into_iter().find(|(at, _)| *at == number).unwrap();
    assert_eq!(sorted(told.names), sorted(names));
    assert_eq!(sorted(told.attributes), sorted(attributes));
    assert_eq!(told.extents, [(8192, 20_480, None)]);
}

/// More than one search returns, of all sizes.
#[test]
fn the_data_of_small_files_is_that_of_the_files() {
    require_btrfs!();
    let fs = LoopFs::new();
    let dir = fs.path().join("sub");
    btrfs::create_subvolume(&dir);
    let mut random = Random::new(2);
    for number in 0..500 {
        let size = random.below(5000) as usize;
        fs::write(dir.join(number.to_string()), random.bytes(size)).unwrap();
    }
    btrfs::snapshot_ro(&dir, &fs.path().join("snapshot"));
    let dir = fs.path().join("snapshot");
    let mut plain = 0;
    for (number, told) in told(&dir) {
        let [(0, length, Some(data))] = &told.extents[..] else { continue };
        let (_, name) = &told.names[0];
        let mut content = Vec::new();
        let path = dir.join(std::str::from_utf8(name).unwrap());
        File::open(path).unwrap().read_to_end(&mut content).unwrap();
        assert_eq!((data, *length), (&content, content.len() as u64), "{number}");
        plain += 1;
    }
    assert!(plain > 100, "{plain}");
}

#[test]
fn a_directory_has_its_place_and_what_is_not_there_has_none() {
    require_btrfs!();
    let fs = LoopFs::new();
    let dir = fs.path().join("sub");
    btrfs::create_subvolume(&dir);
    fs::create_dir_all(dir.join("one/two")).unwrap();
    btrfs::sync(&dir);
    let numbers = ["one", "one/two"].map(|name| fs::metadata(dir.join(name)).unwrap().ino());
    let found = place(open(&dir), numbers[1]).unwrap().unwrap();
    let Place { parent, name, inode } = &found;
    assert_eq!((*parent, &name[..], inode.mode & 0o777), (numbers[0], &b"two"[..], 0o755));
    assert_eq!(place(open(&dir), 100_000).unwrap(), None);
}

#[test]
fn what_is_no_btrfs_has_no_items() {
    let none: Result<(), Error> = items(open(Path::new("/proc")), |_, _| Ok(()));
    assert_fails(none, "BTRFS_IOC_TREE_SEARCH_V2", Errno::NOTTY);
}
