//! What chattr(1) sets, and files that refuse changes.

use std::fs::{self, File};
use std::path::Path;

use btrsync_testutil::{LoopFs, assert_identical, btrfs, require_btrfs};
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use crate::support::{accepted, send};

fn flags(path: &Path) -> IFlags {
    ioctl_getflags(File::open(path).unwrap()).unwrap()
}

fn set(path: &Path, flags: IFlags) {
    ioctl_setflags(File::open(path).unwrap(), flags).unwrap();
}

/// Takes a snapshot, receives it as the difference to the one before, and compares.
fn step(from: &LoopFs, to: &LoopFs, round: u32, paths: &[&str]) {
    let name = |round| format!("snap-{round}");
    let snap = from.path().join(name(round));
    btrfs::snapshot_ro(&from.path().join("origin"), &snap);
    let parent = round.checked_sub(1).map(|round| from.path().join(name(round)));
    accepted(&send(&snap, parent.as_deref(), &["--proto", "2"]), to.path());
    assert_identical(&snap, &to.path().join(name(round)));
    for path in paths {
        let [here, there] = [from, to].map(|fs| flags(&fs.path().join(name(round)).join(path)));
        assert_eq!(here, there, "{path} in round {round}");
    }
}

const PATHS: [&str; 8] =
    ["immutable", "append", "nocow", "cow", "compressed", "noatime", "dir", "dir/inside"];

#[test]
fn flags_travel_and_protected_files_are_changed_all_the_same() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    let at = |name: &str| origin.join(name);
    fs::create_dir(at("dir")).unwrap();
    for name in PATHS.iter().filter(|name| **name != "dir") {
        fs::write(at(name), name.repeat(2000)).unwrap();
    }
    step(&from, &to, 0, &PATHS);
    // Only while it is empty can a file cease to copy on write.
    fs::write(at("nocow"), b"").unwrap();
    set(&at("nocow"), IFlags::NOCOW);
    fs::write(at("nocow"), b"written again".repeat(1000)).unwrap();
    set(&at("compressed"), IFlags::COMPRESSED | IFlags::NODUMP);
    let zstd = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(at("compressed"), "btrfs.compression", b"zstd", zstd).unwrap();
    set(&at("noatime"), IFlags::NOATIME | IFlags::SYNC);
    set(&at("immutable"), IFlags::IMMUTABLE);
    set(&at("append"), IFlags::APPEND);
    set(&at("dir/inside"), IFlags::IMMUTABLE);
    set(&at("dir"), IFlags::IMMUTABLE | IFlags::NOATIME);
    step(&from, &to, 1, &PATHS);
    // The protection is the same again afterwards, so the stream does not speak of it.
    for name in ["immutable", "append", "dir", "dir/inside"] {
        let was = flags(&at(name));
        set(&at(name), was.difference(IFlags::IMMUTABLE | IFlags::APPEND));
    }
    fs::write(at("immutable"), b"changed").unwrap();
    fs::rename(at("append"), at("renamed")).unwrap();
    fs::hard_link(at("immutable"), at("dir/link")).unwrap();
    fs::remove_file(at("dir/inside")).unwrap();
    fs::rename(at("dir"), at("moved")).unwrap();
    set(&at("immutable"), IFlags::IMMUTABLE);
    set(&at("renamed"), IFlags::APPEND);
    set(&at("moved"), IFlags::IMMUTABLE | IFlags::NOATIME);
    fs::write(at("nocow"), b"").unwrap();
    set(&at("nocow"), IFlags::empty());
    fs::write(at("nocow"), b"and again".repeat(1000)).unwrap();
    let paths = ["immutable", "renamed", "nocow", "cow", "compressed", "noatime", "moved"];
    step(&from, &to, 2, &paths);
    // Unprotected for good, and gone.
    for name in ["immutable", "renamed", "moved"] {
        set(&at(name), IFlags::empty());
    }
    fs::remove_dir_all(at("moved")).unwrap();
    fs::remove_file(at("renamed")).unwrap();
    step(&from, &to, 3, &["immutable", "compressed"]);
}
