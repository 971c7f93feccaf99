//! Sources that cannot be sent, and command lines that make no sense.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use btrsync_testutil::{LoopFs, Random, btrfs, require_btrfs};
use rustix::fs::{Advice, fadvise};

use crate::support::{Pair, btrsync, gives_up, refuses, run, snapshot, subvolume};

/// Refuses to send a source to the backup.
#[track_caller]
fn refuses_source(pair: &Pair, source: impl AsRef<OsStr>, code: i32, words: &[&str]) {
    refuses(code, words, pair.dst.path(), || {
        let mut command = btrsync();
        command.arg(&source).arg(pair.backup());
        command
    });
}

#[test]
fn a_source_that_is_not_there_or_not_a_directory() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let (missing, file) = (pair.src.path().join("missing"), pair.origin().join("file"));
    let dangling = pair.src.path().join("dangling");
    symlink("nowhere", &dangling).unwrap();
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    for path in [&missing, &missing.join(""), &missing.join("below/"), &dangling] {
        refuses_source(
            &pair,
            path,
            1,
            &["cannot open", &shown(path), "No such file", "check the path"],
        );
    }
    refuses_source(&pair, &file, 1, &[&shown(&file), "is not a usable stream file"]);
    refuses_source(&pair, file.join("x"), 1, &[&shown(&file), "irectory", "name a directory"]);
    refuses_source(&pair, missing.join("*"), 1, &["no subvolume of", "matches", &shown(&missing)]);
    refuses_source(&pair, "", 1, &["cannot open", "No such file"]);
}

#[test]
fn a_source_that_is_not_on_btrfs() {
    require_btrfs!();
    let pair = Pair::new();
    refuses_source(&pair, "/proc", 1, &["/proc is not on a btrfs filesystem", "findmnt"]);
    refuses_source(&pair, "/proc/s*", 1, &["/proc is not on a btrfs filesystem", "findmnt"]);
}

#[test]
fn a_glob_that_matches_nothing() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let glob = pair.snaps().join("day-*");
    refuses_source(&pair, &glob, 1, &["matches", glob.to_str().unwrap(), "quote the pattern"]);
}

#[test]
fn only_writable_subvolumes() {
    require_btrfs!();
    let pair = Pair::new();
    for name in ["origin", "snaps/a", "snaps/b"] {
        subvolume(&pair.src.path().join(name));
    }
    let hint = "btrfs subvolume snapshot -r";
    refuses_source(&pair, pair.origin(), 1, &["origin is a writable subvolume", hint]);
    refuses_source(
        &pair,
        pair.snaps(),
        1,
        &["no read-only subvolume is in", "2 there can be written", hint],
    );
    refuses_source(
        &pair,
        pair.snaps().join("*"),
        1,
        &["no read-only subvolume", "2 there can be written", hint],
    );
    // With nothing there at all there is nothing to do, as for a directory of snapshots on its first day.
    fs::create_dir(pair.src.path().join("empty")).unwrap();
    let empty = pair.src.path().join("empty");
    run(["-y".as_ref(), empty.as_os_str(), pair.backup().as_os_str()])
        .exits(0)
        .says(&["Nothing to do"]);
}

#[test]
fn source_and_destination_are_one() {
    require_btrfs!();
    let pair = Pair::new();
    snapshot(&pair.dst.path().join("origin"), &pair.backup().join("1"));
    symlink("backup", pair.dst.path().join("link")).unwrap();
    for source in [pair.backup(), pair.backup().join(""), pair.dst.path().join("link/")] {
        refuses_source(
            &pair,
            source,
            1,
            &["the same directory", "backup", "name another destination"],
        );
    }
}

#[test]
fn the_same_filesystem_is_noted() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let dest = pair.src.path().join("elsewhere");
    fs::create_dir(&dest).unwrap();
    let args = |options| {
        [OsStr::new(options), pair.snaps().as_os_str(), dest.as_os_str()].map(OsStr::to_owned)
    };
    run(args("-y")).exits(0).says(&["Nothing to do"]).complains(&[
        "note: ",
        "on the same filesystem",
        "no backup",
    ]);
    let ended = run([&["--json".into()], &args("-y")[..]].concat()).exits(0);
    assert_eq!(ended.events_of("note").len(), 1);
    run(args("-yf")).exits(0);
    crate::support::arrived(&pair.snaps().join("1"), &dest.join("1"));
}

#[test]
fn places_that_are_none() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    refuses_source(&pair, "ssh:///snaps", 2, &["ssh:///snaps", "it names no host", "HOST:PATH"]);
    refuses_source(&pair, "ssh://host:0/x", 2, &["its port is no number"]);
    refuses_source(&pair, "gopher://host/x", 2, &["unknown protocol 'gopher'", "known: ssh"]);
    for place in ["@host:/backup", "gopher://x"] {
        refuses(2, &[], pair.dst.path(), || {
            let mut command = btrsync();
            command.arg(pair.snaps()).arg(place);
            command
        });
    }
}

#[test]
fn damaged_data_at_the_source() {
    require_btrfs!();
    let pair = Pair { src: LoopFs::new(), dst: LoopFs::new() };
    fs::create_dir(pair.backup()).unwrap();
    let origin = subvolume(&pair.origin());
    let marked = Random::new(77).bytes(1 << 20);
    fs::write(origin.join("damaged"), &marked).unwrap();
    let snap = snapshot(&origin, &pair.src.path().join("snap"));
    btrfs::sync(&origin);
    damage(&pair.src.image(), &marked[..4096]);
    let cached = File::open(snap.join("damaged")).unwrap();
    fadvise(&cached, 0, None, Advice::DontNeed).unwrap();
    gives_up(1, &["snap", "Input/output error", "check the disks"], pair.dst.path(), || {
        let mut command = btrsync();
        command.arg(&snap).arg(pair.backup());
        command
    });
}

/// Overwrites a block of an image where it holds `block`.
#[track_caller]
fn damage(image: &Path, block: &[u8]) {
    use std::os::unix::fs::FileExt;
    let bytes = fs::read(image).unwrap();
    let at =
        bytes.chunks(4096).position(|chunk| chunk == block).expect("the data is on the device");
    let file = File::options().write(true).open(image).unwrap();
    file.write_all_at(&[0; 4096], (at * 4096) as u64).unwrap();
}
