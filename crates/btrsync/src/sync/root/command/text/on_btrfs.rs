//! What is read of the texts against what the kernel tells, of a filesystem of hostile names.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use btrsync_kernel::{self as kernel, Subvolume};
use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, btrfs, require_btrfs};

use super::{Listed, Shown, Version, listing, read_only, root_id, shown};

const NAMES: [&[u8]; 16] = [
    b"plain",
    b" spaces ",
    b"trailing newline\n",
    b"\nleading newline",
    b"\n",
    b"tab\t",
    b"\xff\xfe",
    b"<FS_TREE>",
    b"DELETED",
    b"ID 999",
    b"-",
    b"...",
    b"a\nID 999 gen 7 cgen 7 parent 5 top level 5 parent_uuid - received_uuid - \
      uuid 11111111-aaaa-4444-8888-000000000999 path evil",
    b"a\n999\t7\t7\t5\t5\t\t-\t-\t11111111-aaaa-4444-8888-000000000999\tevil",
    b"a\n\tName: \t\t\ta\n\tUUID: \t\t\t-",
    &[b'x'; 255],
];

fn run(words: &[&str], path: &Path) -> Vec<u8> {
    output(program("btrfs").args(words).arg(path)).unwrap()
}

/// Every name at the top, as a directory in it, and as a read-only snapshot in a subvolume in that.
fn hostile() -> LoopFs {
    let fs = LoopFs::builder().mount_options("noatime,commit=300").build();
    for name in NAMES.map(OsStr::from_bytes) {
        let outer = fs.path().join(name);
        btrfs::create_subvolume(&outer);
        fs::create_dir(outer.join(name)).unwrap();
        btrfs::create_subvolume(&outer.join(name).join("in it"));
        btrfs::snapshot_ro(&outer, &outer.join("ro"));
        btrfs::snapshot_ro(&outer, &outer.join(name).join("in it").join(name));
    }
    receive(&fs);
    fs
}

fn receive(fs: &LoopFs) {
    let stream = btrfs::send(&fs.path().join("plain/plain/in it/plain"), None);
    fs::create_dir(fs.path().join("received")).unwrap();
    btrfs::receive(&stream, &fs.path().join("received"));
    btrfs::snapshot_ro(&fs.path().join("received/plain"), &fs.path().join("received/of it"));
    btrfs::sync(fs.path());
}

fn of_kernel(vol: &Subvolume) -> Listed {
    Listed {
        id: vol.info.id,
        generation: vol.info.generation,
        otransid: vol.info.otransid,
        parent_id: vol.info.parent_id.unwrap(),
        parent_uuid: vol.info.parent_uuid,
        received_uuid: vol.info.received_uuid,
        uuid: vol.info.uuid,
        path: vol.path.clone(),
    }
}

fn below_top_level(fs: &LoopFs) -> Vec<Subvolume> {
    let mut all = kernel::list(File::open(fs.path()).unwrap()).unwrap();
    assert_eq!(all.remove(0).path, Path::new(""));
    all
}

const LIST: [&str; 3] = ["subvolume", "list", "-apcuqR"];

fn assert_listed(at: &Path, truth: &[Subvolume]) {
    let asked = root_id(&run(&["inspect-internal", "rootid"], at)).unwrap();
    let with = |more: &str| run(&[LIST.as_slice(), &[more]].concat(), at);
    let listed = listing(&run(&LIST, at), &with("-t"), asked).unwrap();
    assert_eq!(listed, truth.iter().map(of_kernel).collect::<Vec<_>>());
    let wanted: HashSet<u64> =
        truth.iter().filter(|vol| vol.info.read_only).map(|vol| vol.info.id).collect();
    assert_eq!(read_only(&with("-r"), &listed, asked).unwrap(), wanted);
}

#[test]
fn the_listing_is_that_of_the_kernel_whatever_is_asked_for() {
    require_btrfs!();
    Version::parse(&run(&[], "--version".as_ref())).unwrap().check().unwrap();
    let fs = hostile();
    let truth = below_top_level(&fs);
    assert_eq!(truth.len(), 4 * NAMES.len() + 2);
    for at in ["", "received", "plain", "plain/plain", "<FS_TREE>", "<FS_TREE>/<FS_TREE>/in it"] {
        assert_listed(&fs.path().join(at), &truth);
    }
    let mount = fs.mount_subvol("plain/plain/in it");
    assert_listed(mount.path(), &truth);
}

#[test]
fn what_waits_for_the_cleaner_is_not_listed() {
    require_btrfs!();
    let fs = LoopFs::new();
    for name in ["kept", "gone"] {
        btrfs::create_subvolume(&fs.path().join(name));
    }
    let inside = File::create(fs.path().join("gone/file")).unwrap();
    btrfs::delete(&fs.path().join("gone"));
    btrfs::sync(fs.path());
    let pending = run(&["subvolume", "list", "-d"], fs.path());
    assert!(pending.ends_with(b"path DELETED\n"), "one must be pending");
    assert_listed(fs.path(), &below_top_level(&fs));
    drop(inside);
}

fn shown_of(vol: &Subvolume) -> Shown {
    let info = &vol.info;
    let top = vol.path.as_os_str().is_empty();
    Shown {
        path: if top { "/".into() } else { vol.path.clone() },
        name: vol.path.file_name().unwrap_or("<FS_TREE>".as_ref()).to_owned(),
        id: info.id,
        generation: info.generation,
        otransid: info.otransid,
        parent_id: info.parent_id.unwrap_or(0),
        parent_uuid: info.parent_uuid,
        received_uuid: info.received_uuid,
        uuid: info.uuid,
        read_only: info.read_only,
        stransid: Some(info.stransid),
        rtransid: Some(info.rtransid),
    }
}

#[test]
fn what_is_shown_is_what_the_kernel_tells_or_refused() {
    require_btrfs!();
    let fs = hostile();
    let all = kernel::list(File::open(fs.path()).unwrap()).unwrap();
    let mut refused = 0;
    for vol in &all {
        match shown(&run(&["subvolume", "show"], &fs.path().join(&vol.path))) {
            Ok(shown) => assert_eq!(shown, shown_of(vol)),
            Err(_) => refused += 1,
        }
    }
    // Those of the one name that looks like fields.
    assert_eq!(refused, 4);
}
