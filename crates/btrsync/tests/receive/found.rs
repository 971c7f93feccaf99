//! What random histories found, as short as it gets.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use btrsync_testutil::{LoopFs, assert_identical, btrfs, require_btrfs};
use rustix::fs::{IFlags, XattrFlags, ioctl_setflags, setxattr};

use crate::support::{FORMS, accepted, send};

/// Makes the steps in a subvolume, and sends what comes of each as the difference to the one before, in
/// each form.
#[track_caller]
fn arrives(dest_options: &str, steps: &[fn(&Path)]) {
    let from = LoopFs::builder().mount_options("compress-force=zstd").build();
    let to = LoopFs::builder().mount_options(dest_options).build();
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    let mut parent: Option<PathBuf> = None;
    for (number, step) in steps.iter().enumerate() {
        step(&origin);
        let snapshot = from.path().join(number.to_string());
        btrfs::snapshot_ro(&origin, &snapshot);
        for (form, args) in FORMS.into_iter().enumerate() {
            let into = to.path().join(format!("form-{form}"));
            fs::create_dir_all(&into).unwrap();
            accepted(&send(&snapshot, parent.as_deref(), args), &into);
            assert_identical(&snapshot, &into.join(number.to_string()));
        }
        parent = Some(snapshot);
    }
}

fn compression(path: &Path, how: &str) {
    setxattr(path, "btrfs.compression", how.as_bytes(), XattrFlags::empty()).unwrap();
}

fn chmod(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o7777)).unwrap();
}

fn flags(path: &Path, flags: IFlags) {
    ioctl_setflags(File::open(path).unwrap(), flags).unwrap();
}

#[test]
fn behind_a_short_extent_nothing_of_the_parent_is_left() {
    require_btrfs!();
    let make = |dir: &Path| fs::write(dir.join("file"), [b'x'; 581]).unwrap();
    let change = |dir: &Path| {
        let file = File::options().write(true).open(dir.join("file")).unwrap();
        file.set_len(482).unwrap();
        file.sync_all().unwrap();
        let (mut from, mut to) = (0, 4096);
        let source = File::open(dir.join("file")).unwrap();
        rustix::fs::copy_file_range(source, Some(&mut from), &file, Some(&mut to), 482).unwrap();
    };
    arrives("", &[make, change]);
}

#[test]
fn an_owner_that_changes_alone_leaves_the_mode() {
    require_btrfs!();
    let make = |dir: &Path| {
        fs::write(dir.join("file"), "x").unwrap();
        chmod(&dir.join("file"));
    };
    let change = |dir: &Path| {
        chown(dir.join("file"), Some(12_345), Some(70_000)).unwrap();
        chmod(&dir.join("file"));
    };
    arrives("", &[make, change]);
}

#[test]
fn what_asks_for_no_compression_stays_when_a_flag_changes() {
    require_btrfs!();
    let make = |dir: &Path| fs::write(dir.join("file"), "x").unwrap();
    let change = |dir: &Path| {
        flags(&dir.join("file"), IFlags::NOATIME);
        compression(&dir.join("file"), "none");
    };
    arrives("", &[make, change]);
}

#[test]
fn a_directory_goes_from_no_compression_to_no_copy_on_write() {
    require_btrfs!();
    let make = |dir: &Path| fs::create_dir(dir.join("dir")).unwrap();
    let refuse = |dir: &Path| flags(&dir.join("dir"), IFlags::from_bits_retain(0x400));
    let change = |dir: &Path| {
        flags(&dir.join("dir"), IFlags::empty());
        flags(&dir.join("dir"), IFlags::NOCOW);
    };
    arrives("", &[make, refuse, change]);
}

#[test]
fn a_file_ceases_to_copy_on_write_where_no_data_has_checksums() {
    require_btrfs!();
    let make = |dir: &Path| fs::write(dir.join("file"), [b'x'; 9000]).unwrap();
    let change = |dir: &Path| {
        let file = File::options().read(true).write(true).open(dir.join("file")).unwrap();
        file.set_len(0).unwrap();
        ioctl_setflags(&file, IFlags::NOCOW).unwrap();
        file.write_all_at(&[b'y'; 9000], 85_000).unwrap();
    };
    arrives("nodatasum", &[make, change]);
}

#[test]
fn a_file_gets_no_flag_of_the_directory_that_it_was_moved_into() {
    require_btrfs!();
    let make = |dir: &Path| fs::create_dir(dir.join("dir")).unwrap();
    let change = |dir: &Path| flags(&dir.join("dir"), IFlags::NOCOW);
    let add = |dir: &Path| {
        fs::write(dir.join("file"), [b'x'; 9000]).unwrap();
        compression(&dir.join("file"), "zstd");
        fs::rename(dir.join("file"), dir.join("dir/file")).unwrap();
    };
    arrives("", &[make, change, add]);
}

#[test]
fn a_subvolume_gets_nothing_of_the_directory_that_it_is_received_into() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    compression(to.path(), "zstd");
    let into = to.path().join("into");
    fs::create_dir(&into).unwrap();
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    let mut parent: Option<PathBuf> = None;
    for name in ["full", "incremental"] {
        fs::write(origin.join(name), name).unwrap();
        let snapshot = from.path().join(name);
        btrfs::snapshot_ro(&origin, &snapshot);
        accepted(&send(&snapshot, parent.as_deref(), FORMS[0]), &into);
        assert_identical(&snapshot, &into.join(name));
        parent = Some(snapshot);
    }
}
