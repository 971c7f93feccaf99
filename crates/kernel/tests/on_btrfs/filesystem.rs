//! What is said of the filesystem as a whole, against its super block and the other programs.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use btrsync_kernel::{commit, create, fs_info, info, is_btrfs, is_subvolume, sync};
use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, require_btrfs, require_tool};
use rustix::io::Errno;

use crate::support::{assert_fails, btrfs_text, open};

/// A field of the super block on the disk.
fn super_block(fs: &LoopFs, field: &str) -> String {
    let text = btrfs_text(&["inspect-internal", "dump-super"], &fs.image());
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(['\t', ' ']));
    value.unwrap_or_else(|| panic!("no {field} in {text}")).trim().to_owned()
}

fn assert_described(fs: &LoopFs) {
    let top = open(fs.path());
    sync(&top).unwrap();
    let info = fs_info(&top).unwrap();
    assert_eq!(info.fsid.to_string(), super_block(fs, "fsid"));
    assert_eq!(info.devices.to_string(), super_block(fs, "num_devices"));
    assert_eq!(info.node_size.to_string(), super_block(fs, "nodesize"));
    assert_eq!(info.sector_size.to_string(), super_block(fs, "sectorsize"));
    assert_eq!(info.generation.to_string(), super_block(fs, "generation"));
    let text = btrfs_text(&["filesystem", "show"], fs.path());
    assert!(text.contains(&format!("uuid: {}\n", info.fsid)), "{text}");
    assert!(text.contains(&format!("Total devices {} ", info.devices)), "{text}");
}

#[test]
fn a_filesystem_is_described_as_in_its_super_block() {
    require_btrfs!();
    require_tool!("blkid");
    let fs = LoopFs::builder().mkfs_args(["-n", "32768"]).build();
    assert_described(&fs);
    let info = fs_info(open(fs.path())).unwrap();
    assert_eq!((info.node_size, info.metadata_uuid), (32768, None));
    let blkid = program("blkid").args(["-p", "-o", "value", "-s", "UUID"]).arg(fs.image()).output();
    assert_eq!(String::from_utf8(blkid.unwrap().stdout).unwrap().trim(), info.fsid.to_string());
}

#[test]
fn a_changed_uuid_leaves_the_metadata_its_own() {
    require_btrfs!();
    require_tool!("btrfstune");
    let fs = LoopFs::new();
    let old = fs_info(open(fs.path())).unwrap().fsid;
    output(program("umount").arg(fs.path())).unwrap();
    output(program("btrfstune").arg("-m").arg(fs.image())).unwrap();
    output(program("mount").args(["-o", "loop"]).arg(fs.image()).arg(fs.path())).unwrap();
    assert_described(&fs);
    let info = fs_info(open(fs.path())).unwrap();
    assert_ne!(info.fsid, old);
    assert_eq!(info.metadata_uuid, Some(old));
}

#[test]
fn a_sync_commits_what_was_written() {
    require_btrfs!();
    let fs = LoopFs::builder().mount_options("commit=300").build();
    let top = open(fs.path());
    sync(&top).unwrap();
    let generation = || fs_info(&top).unwrap().generation.to_string();
    let before = super_block(&fs, "generation");
    assert_eq!(generation(), before);
    fs::write(fs.path().join("file"), b"x").unwrap();
    assert_eq!(super_block(&fs, "generation"), before, "not committed yet");
    let running = generation();
    assert_ne!(running, before, "but a transaction is running");
    sync(&top).unwrap();
    assert_eq!(super_block(&fs, "generation"), running);
}

#[test]
fn subvolumes_are_told_from_directories_and_btrfs_from_the_rest() {
    require_btrfs!();
    let fs = LoopFs::new();
    create(open(fs.path()), "subvolume".as_ref()).unwrap();
    fs::create_dir(fs.path().join("dir")).unwrap();
    fs::write(fs.path().join("file"), b"x").unwrap();
    for (name, subvolume) in [("", true), ("subvolume", true), ("dir", false), ("file", false)] {
        let fd = open(&fs.path().join(name));
        assert!(is_btrfs(&fd).unwrap());
        assert_eq!(is_subvolume(&fd).unwrap(), subvolume, "{name:?}");
    }
    for path in ["/proc", "/sys", "/dev/shm", "/dev/null"] {
        assert_foreign(open(Path::new(path)));
    }
}

fn assert_foreign(fd: impl AsFd) {
    assert!(!is_btrfs(&fd).unwrap() && !is_subvolume(&fd).unwrap());
    assert_fails(fs_info(&fd), "BTRFS_IOC_FS_INFO", Errno::NOTTY);
    assert_fails(info(&fd), "BTRFS_IOC_GET_SUBVOL_INFO", Errno::NOTTY);
    assert_fails(commit(&fd), "BTRFS_IOC_SYNC", Errno::NOTTY);
}
