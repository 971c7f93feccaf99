//! Destinations that cannot be written, for every reason there is.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use btrsync_testutil::command::program;
use btrsync_testutil::{LoopFs, btrfs, require_btrfs, require_tool};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::support::{
    Ended, Pair, arrived, btrsync, gives_up, random_file, refuses, run, subvolume,
};

/// Refuses to send the snapshots to a destination.
#[track_caller]
fn refuses_dest(pair: &Pair, dest: &Path, words: &[&str]) {
    refuses(1, words, pair.dst.path(), || {
        let mut command = btrsync();
        command.arg(pair.snaps()).arg(dest);
        command
    });
}

#[test]
fn a_destination_that_is_not_there_or_not_a_directory() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let (missing, file) = (pair.dst.path().join("missing"), pair.backup().join("file"));
    fs::write(&file, "x").unwrap();
    symlink("nowhere", pair.backup().join("dangling")).unwrap();
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    for path in [&missing, &missing.join("below"), &pair.backup().join("dangling")] {
        refuses_dest(&pair, path, &["the destination", &shown(path), "does not exist", "give -c"]);
    }
    refuses_dest(&pair, &file, &[&shown(&file), "is not a directory", "name a directory"]);
    refuses_dest(&pair, &file.join("x"), &[&shown(&file), "name a directory"]);
    for path in [&file, &file.join("x")] {
        refuses(1, &[&shown(&file), "name a directory"], pair.dst.path(), || {
            let mut command = btrsync();
            command.arg("-c").arg(pair.snaps()).arg(path);
            command
        });
    }
}

#[test]
fn a_destination_that_is_not_on_btrfs() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    refuses_dest(&pair, Path::new("/proc"), &["/proc is not on a btrfs filesystem", "findmnt"]);
}

#[test]
fn a_read_only_destination() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let inside = subvolume(&pair.dst.path().join("sealed")).join("dir");
    fs::create_dir(&inside).unwrap();
    btrfs::set_ro(&pair.dst.path().join("sealed"), true);
    refuses_dest(
        &pair,
        &inside,
        &["cannot receive into", "sealed/dir", "the subvolume that holds it is read-only"],
    );
    pair.dst.remount("ro");
    let words = ["cannot receive into", "backup", "the filesystem is read-only", "remount,rw"];
    run(pair.args(&["-y"])).exits(1).complains(&words).complains(&["what next:"]);
    pair.dst.remount("rw");
    run(pair.args(&["-y"])).exits(0);
    arrived(&pair.snaps().join("1"), &pair.backup().join("1"));
}

/// Opens the way to the test's filesystems for everybody, and puts the binary there.
fn open_to_all(fs: &LoopFs) -> std::path::PathBuf {
    for dir in fs.path().ancestors().take(3) {
        fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    }
    let binary = fs.path().join("btrsync");
    fs::copy(env!("CARGO_BIN_EXE_btrsync"), &binary).unwrap();
    binary
}

#[test]
fn somebody_who_is_not_root() {
    require_btrfs!();
    require_tool!("setpriv");
    let pair = Pair::with_snapshots(&["1"]);
    let binary = open_to_all(&pair.src);
    fs::set_permissions(pair.backup(), Permissions::from_mode(0o777)).unwrap();
    refuses(1, &["Operation not permitted", "run it as root"], pair.dst.path(), || {
        let mut command = program("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(&binary).arg(pair.snaps()).arg(pair.backup());
        command
    });
    // Root in a container has the name and not the rights.
    refuses(1, &["Operation not permitted", "run it as root"], pair.dst.path(), || {
        let mut command = program("setpriv");
        command.args(["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]);
        command.arg(&binary).arg(pair.snaps()).arg(pair.backup());
        command
    });
}

/// Makes a file that leaves 48 MiB: a filesystem that is full to the brim fails before the transfer.
fn fill(path: &Path) {
    let file = File::create(path).unwrap();
    let stat = statvfs(path).unwrap();
    let free = stat.f_bavail * stat.f_frsize;
    fallocate(&file, FallocateFlags::empty(), 0, free - (48 << 20)).unwrap();
    file.sync_all().unwrap();
}

#[test]
fn a_full_destination_and_when_there_is_space_again() {
    require_btrfs!();
    // Data and metadata in one: otherwise freed space would not always be of the kind that is short.
    let dst = LoopFs::builder().mkfs_args(["--mixed"]).build();
    let pair = Pair { dst, ..Pair::with_snapshots(&["small"]) };
    fs::create_dir(pair.backup()).unwrap();
    run(pair.args(&["-y"])).exits(0);
    random_file(&pair.origin().join("large"), 80);
    pair.take("large");
    let filler = pair.dst.path().join("filler");
    fill(&filler);
    let words = ["snaps/large", "No space left on device", "free some space"];
    gives_up(1, &words, pair.dst.path(), || {
        let mut command = btrsync();
        command.args(pair.args(&["--no-space-check"]));
        command
    });
    arrived(&pair.snaps().join("small"), &pair.backup().join("small"));
    fs::remove_file(&filler).unwrap();
    btrfs::sync(pair.dst.path());
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    assert_eq!(ended.plan(), ["snaps/large incremental"]);
    arrived(&pair.snaps().join("large"), &pair.backup().join("large"));
}

/// What is local goes through the kernel alone.
#[test]
fn no_btrfs_program_is_needed() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let mut command = btrsync();
    command.env("PATH", pair.snaps()).args(pair.args(&["-y"]));
    Ended::of(&mut command).exits(0);
    arrived(&pair.snaps().join("1"), &pair.backup().join("1"));
}
