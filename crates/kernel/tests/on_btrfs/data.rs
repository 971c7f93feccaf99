//! Shared and compressed data, seals and protections.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use btrsync_kernel::{
    Encoded, FileData, Protection, Verity, clone_range, directory_path, enable_verity,
    encoded_write, file_data, info, inode_path, protection, set_protection,
};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs};
use rustix::io::Errno;

use crate::support::{assert_fails, open};

/// Opens a new file for reading and writing.
fn create(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create_new(true).open(path).unwrap()
}

#[test]
fn a_range_is_shared_where_it_is_wanted() {
    require_btrfs!();
    let fs = LoopFs::new();
    let source: Vec<u8> = (0..5u8).flat_map(|block| [block; 4096]).collect();
    fs::write(fs.path().join("source"), &source).unwrap();
    let (from, to) = (open(&fs.path().join("source")), create(&fs.path().join("to")));
    clone_range(&to, 8192, &from, 4096, 4096).unwrap();
    let expected = [vec![0; 8192], vec![1; 4096]].concat();
    assert!(fs::read(fs.path().join("to")).unwrap() == expected);
    assert_fails(clone_range(&to, 100, &from, 0, 4096), "FICLONERANGE", Errno::INVAL);
    assert_fails(clone_range(&to, 0, &from, 0, 1 << 20), "FICLONERANGE", Errno::INVAL);
    let elsewhere = LoopFs::new();
    let there = create(&elsewhere.path().join("to"));
    assert_fails(clone_range(&there, 0, &from, 0, 4096), "FICLONERANGE", Errno::XDEV);
}

#[test]
fn the_data_of_files_is_counted_as_long_as_it_is_and_as_it_is_stored() {
    require_btrfs!();
    let fs = LoopFs::builder().mount_options("compress-force=zstd").build();
    let dir = fs.path().join("sub");
    btrfs::create_subvolume(&dir);
    let told = |since| file_data(open(&dir), since, || false).unwrap();
    assert_eq!(told(0), FileData::default());
    fs::write(dir.join("one"), vec![b'a'; 1 << 20]).unwrap();
    create(&dir.join("hole")).set_len(1 << 30).unwrap();
    btrfs::sync(&dir);
    let one = told(0);
    assert!(one.length == 1 << 20 && (1..1 << 17).contains(&one.stored), "{one:?}");
    let before = info(open(&dir)).unwrap().ctransid;
    fs.remount("compress=no");
    fs::write(dir.join("two"), vec![b'a'; 1 << 20]).unwrap();
    btrfs::sync(&dir);
    let (both, two) = (told(0), told(before));
    assert_eq!((two.length, two.stored), (1 << 20, 1 << 20));
    assert_eq!((both.length, both.stored), (2 << 20, one.stored + (1 << 20)));
    assert!(file_data(open(&dir), 0, || true).unwrap().length < both.length);
}

/// 8,192 times 'a', as zlib compresses it.
pub(crate) const COMPRESSED: &[u8] = &[
    0x78, 0x9c, 0xed, 0xc1, 0x01, 0x0d, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0xac, 0xef, 0x5f, 0xc2, 0x1c,
    0x6e, 0x40, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xef, 0x06, 0x8e, 0xff, 0x20, 0xb5,
];

#[test]
fn a_compressed_extent_is_written_as_it_is() {
    require_btrfs!();
    let fs = LoopFs::new();
    let file = create(&fs.path().join("file"));
    let encoded = Encoded {
        offset: 4096,
        length: 4096,
        unencoded_length: 8192,
        unencoded_offset: 4096,
        compression: 1,
        data: COMPRESSED,
    };
    encoded_write(&file, &encoded).unwrap();
    let expected = [vec![0; 4096], vec![b'a'; 4096]].concat();
    assert!(fs::read(fs.path().join("file")).unwrap() == expected);
    let unaligned = Encoded { offset: 1, ..encoded };
    assert_fails(encoded_write(&file, &unaligned), "BTRFS_IOC_ENCODED_WRITE", Errno::INVAL);
    let huge = Encoded { unencoded_length: 1 << 30, ..encoded };
    assert_fails(encoded_write(&file, &huge), "BTRFS_IOC_ENCODED_WRITE", Errno::INVAL);
}

#[test]
fn a_sealed_file_cannot_be_written() {
    require_btrfs!();
    let fs = LoopFs::new();
    let path = fs.path().join("file");
    fs::write(&path, b"sealed").unwrap();
    let verity = Verity { algorithm: 1, block_size: 4096, salt: b"salt", signature: b"" };
    if !Path::new("/sys/fs/btrfs/features/verity").exists() {
        // A kernel that was built without.
        let refused = enable_verity(open(&path), &verity);
        return assert_fails(refused, "FS_IOC_ENABLE_VERITY", Errno::OPNOTSUPP);
    }
    let writable = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    assert_fails(enable_verity(open(&path), &verity), "FS_IOC_ENABLE_VERITY", Errno::TXTBSY);
    drop(writable);
    enable_verity(open(&path), &verity).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"sealed");
    let error = OpenOptions::new().write(true).open(&path).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::PERM.raw_os_error()));
    assert_fails(enable_verity(open(&path), &verity), "FS_IOC_ENABLE_VERITY", Errno::EXIST);
}

#[test]
fn a_protection_is_set_and_lifted_and_leaves_the_compression_alone() {
    require_btrfs!();
    let fs = LoopFs::new();
    let path = fs.path().join("file");
    fs::write(&path, b"file").unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(&path, "btrfs.compression", b"zstd", flags).unwrap();
    for (immutable, append_only) in [(true, false), (false, true), (true, true), (false, false)] {
        let wanted = Protection { immutable, append_only };
        set_protection(open(&path), wanted).unwrap();
        assert_eq!(protection(open(&path)).unwrap(), wanted);
        let plain = OpenOptions::new().write(true).open(&path).is_ok();
        assert_eq!(plain, wanted == Protection::default());
        let mut value = [0; 16];
        let len = rustix::fs::getxattr(&path, "btrfs.compression", &mut value[..]).unwrap();
        assert_eq!(&value[..len], b"zstd");
    }
}

#[test]
fn paths_from_the_top_and_of_inodes() {
    require_btrfs!();
    let fs = LoopFs::new();
    fs::create_dir_all(fs.path().join("a/b")).unwrap();
    btrfs::create_subvolume(&fs.path().join("a/b/vol"));
    fs::create_dir_all(fs.path().join("a/b/vol/c/d")).unwrap();
    fs::write(fs.path().join("a/b/vol/c/file"), b"").unwrap();
    for path in ["", "a", "a/b", "a/b/vol", "a/b/vol/c", "a/b/vol/c/d"] {
        let dir = open(&fs.path().join(path));
        assert_eq!(directory_path(&dir).unwrap().as_deref(), Some(Path::new(path)));
    }
    let vol = open(&fs.path().join("a/b/vol"));
    let inode = std::os::unix::fs::MetadataExt::ino(
        &fs::metadata(fs.path().join("a/b/vol/c/file")).unwrap(),
    );
    assert_eq!(inode_path(&vol, inode).unwrap().as_deref(), Some(Path::new("c/file")));
    assert_eq!(inode_path(&vol, 256).unwrap().as_deref(), Some(Path::new("")));
    assert_eq!(inode_path(&vol, 99_999).unwrap(), None);
    let mount = fs.mount_subvol("a/b/vol");
    let below = open(&mount.path().join("c/d"));
    assert_eq!(directory_path(&below).unwrap().as_deref(), Some(Path::new("a/b/vol/c/d")));
}
