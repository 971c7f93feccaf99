//! Data that is written out before a commit that does not write it.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use btrsync_kernel::{
    Encoded, Received, Timestamp, begin_write_out, encoded_write, set_received, write_out,
    writes_out,
};
use btrsync_testutil::{LoopFs, Random, RecordedFs, btrfs, require_btrfs};
use rustix::fs::{IFlags, XattrFlags, fsetxattr, ioctl_setflags};
use uuid::Uuid;

use crate::data::COMPRESSED;
use crate::support::open;

const FILES: [&str; 6] = ["plain", "inline", "nocow", "compressed", "encoded", "cut"];

/// Makes files whose data takes one way to the disk each.
fn write_all(dir: &Path) -> Vec<File> {
    FILES.iter().map(|name| write(&dir.join(name), name)).collect()
}

fn write(path: &Path, kind: &str) -> File {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).unwrap();
    let noise = Random::new(7).bytes(1 << 20);
    match kind {
        "inline" => file.write_all_at(&noise[..100], 0).unwrap(),
        "nocow" => {
            ioctl_setflags(&file, IFlags::NOCOW).unwrap();
            file.write_all_at(&noise, 0).unwrap();
        }
        "compressed" => {
            fsetxattr(&file, "btrfs.compression", b"zstd", XattrFlags::empty()).unwrap();
            file.write_all_at(&vec![b'a'; 4 << 20], 0).unwrap();
        }
        "encoded" => {
            let (length, compression, data) = (8192, 1, COMPRESSED);
            let (unencoded_length, unencoded_offset, offset) = (length, 0, 0);
            let encoded =
                Encoded { offset, length, unencoded_length, unencoded_offset, compression, data };
            encoded_write(&file, &encoded).unwrap();
        }
        "cut" => {
            file.write_all_at(&noise, 0).unwrap();
            file.set_len(100_001).unwrap();
            file.set_len(200_000).unwrap();
        }
        _ => file.write_all_at(&noise, 0).unwrap(),
    }
    file
}

/// Writes files and commits; returns those that a power cut then spoils.
fn spoiled(out: bool) -> Vec<&'static str> {
    let fs = LoopFs::new();
    btrfs::create_subvolume(&fs.path().join("sub"));
    btrfs::sync(fs.path());
    let fs = RecordedFs::new(fs);
    let dir = fs.path().join("sub");
    let files = write_all(&dir);
    if out {
        files.iter().for_each(|file| begin_write_out(file).unwrap());
        files.iter().for_each(|file| write_out(file).unwrap());
    }
    let (uuid, stime) = (Uuid::from_u128(1), Timestamp::default());
    set_received(open(&dir), Received { uuid, stransid: 1, stime }).unwrap();
    let moment = fs.now();
    let expected = FILES.map(|name| fs::read(dir.join(name)).unwrap());
    drop(files);
    let survivor = fs.finish().cut(moment, &mut Random::new(1));
    let dir = survivor.path().join("sub");
    let is_spoiled =
        |at: &usize| fs::read(dir.join(FILES[*at])).ok().as_ref() != Some(&expected[*at]);
    (0..FILES.len()).filter(is_spoiled).map(|at| FILES[at]).collect()
}

#[test]
fn what_is_written_out_comes_with_the_next_commit() {
    require_btrfs!();
    assert!(writes_out());
    assert_eq!(spoiled(true), [""; 0]);
}

/// The commit does not do it by itself.
#[test]
fn what_is_not_written_out_does_not_come_with_it() {
    require_btrfs!();
    let spoiled = spoiled(false);
    assert!(spoiled.contains(&"plain") && spoiled.contains(&"nocow"), "{spoiled:?}");
}

#[test]
fn what_is_in_memory_is_told_where_the_kernel_can() {
    require_btrfs!();
    let fs = LoopFs::new();
    let path = fs.path().join("file");
    std::fs::write(&path, vec![7; 3 << 20]).unwrap();
    btrfs::sync(fs.path());
    let file = open(&path);
    let told = |offset| btrsync_kernel::in_memory(&file, offset, 1 << 20);
    let Some(first) = told(0) else { return };
    assert_eq!((first, told(2 << 20), told(3 << 20)), (1 << 20, Some(1 << 20), Some(0)));
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    assert_eq!(told(1 << 20), Some(0));
}
