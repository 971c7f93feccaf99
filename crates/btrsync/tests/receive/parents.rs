//! Which subvolumes a stream may build on.

use std::fs;
use std::path::Path;

use btrsync::receive::SourceError;
use btrsync::{ReceiveError, receive::ApplyError};
use btrsync_stream::Command;
use btrsync_testutil::{LoopFs, assert_identical, btrfs, require_btrfs};
use uuid::Uuid;

use crate::script::{MADE, Script};
use crate::support::{accepted, refused, send};

/// A source with two snapshots, `one` and its successor `two`; and a destination with `one`.
struct Pair {
    from: LoopFs,
    to: LoopFs,
    incremental: Vec<u8>,
}

fn pair() -> Pair {
    let (from, to) = (LoopFs::new(), LoopFs::new());
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    fs::write(origin.join("file"), vec![b'1'; 20_000]).unwrap();
    let [one, two] = ["one", "two"].map(|name| from.path().join(name));
    btrfs::snapshot_ro(&origin, &one);
    fs::write(origin.join("new"), b"new").unwrap();
    btrfs::snapshot_ro(&origin, &two);
    fs::create_dir(to.path().join("in")).unwrap();
    accepted(&send(&one, None, &[]), &to.path().join("in"));
    Pair { incremental: send(&two, Some(&one), &[]), from, to }
}

impl Pair {
    #[track_caller]
    fn refuses(&self, words: &str) -> SourceError {
        match refused(&self.incremental, &self.to.path().join("in"), words) {
            ReceiveError::Parent(source) => source,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn accepts(&self) {
        accepted(&self.incremental, &self.to.path().join("in"));
        assert_identical(&self.from.path().join("two"), &self.to.path().join("in/two"));
    }
}

/// As somebody does who knows the ioctl: the `btrfs` program would forget the received UUID.
fn set_ro(path: &Path, read_only: bool) {
    btrsync_kernel::set_read_only(fs::File::open(path).unwrap(), read_only).unwrap();
}

#[test]
fn a_parent_that_was_changed_is_refused() {
    require_btrfs!();
    let pair = pair();
    let one = pair.to.path().join("in/one");
    set_ro(&one, false);
    assert!(matches!(pair.refuses("not read-only"), SourceError::Writable { .. }));
    fs::write(one.join("file"), b"changed").unwrap();
    // So many transactions later that it cannot be the receive itself.
    for _ in 0..4 {
        fs::write(one.join("file"), b"changed again").unwrap();
        btrfs::sync(pair.to.path());
    }
    set_ro(&one, true);
    assert!(matches!(
        pair.refuses("was changed after it was received"),
        SourceError::Changed { .. }
    ));
}

#[test]
fn a_parent_that_was_changed_at_the_source_is_refused() {
    require_btrfs!();
    let pair = pair();
    let one = pair.from.path().join("one");
    set_ro(&one, false);
    fs::write(one.join("file"), b"changed").unwrap();
    btrfs::sync(pair.from.path());
    set_ro(&one, true);
    let incremental = send(&pair.from.path().join("two"), Some(&one), &[]);
    let pair = Pair { incremental, ..pair };
    assert!(matches!(pair.refuses("was changed on one"), SourceError::Generation { .. }));
}

#[test]
fn a_parent_outside_of_the_directory_is_refused_and_one_deeper_is_found() {
    require_btrfs!();
    let pair = pair();
    let (inside, outside) = (pair.to.path().join("in/one"), pair.to.path().join("one"));
    // A read-only subvolume can only be moved within its directory.
    let move_to = |from: &Path, to: &Path| {
        set_ro(from, false);
        fs::rename(from, to).unwrap();
        set_ro(to, true);
    };
    move_to(&inside, &outside);
    let problem = pair.refuses("is not below the directory");
    assert!(matches!(problem, SourceError::Outside { .. }), "{problem:?}");
    fs::create_dir(pair.to.path().join("in/deeper")).unwrap();
    move_to(&outside, &pair.to.path().join("in/deeper/moved"));
    pair.accepts();
}

#[test]
fn a_parent_that_is_not_there_is_named() {
    require_btrfs!();
    let pair = pair();
    btrfs::delete(&pair.to.path().join("in/one"));
    assert!(matches!(pair.refuses("no subvolume with the UUID"), SourceError::Unknown { .. }));
}

/// Writable snapshots of what was received carry its UUID too.
#[test]
fn of_many_with_one_uuid_the_one_that_fits_is_taken() {
    require_btrfs!();
    let pair = pair();
    let at = |name: &str| pair.to.path().join("in").join(name);
    set_ro(&at("one"), false);
    for name in ["a", "b"] {
        btrfs::snapshot_rw(&at("one"), &at(name));
        fs::write(at(name).join("file"), b"changed").unwrap();
        set_ro(&at(name), true);
    }
    set_ro(&at("one"), true);
    pair.accepts();
}

#[test]
fn under_a_mount_of_a_subvolume_parents_are_found_too() {
    require_btrfs!();
    let (from, to) = (LoopFs::new(), LoopFs::new());
    btrfs::create_subvolume(&to.path().join("@home"));
    let mount = to.mount_subvol("@home");
    let origin = from.path().join("origin");
    btrfs::create_subvolume(&origin);
    btrfs::snapshot_ro(&origin, &from.path().join("one"));
    fs::write(origin.join("new"), b"new").unwrap();
    btrfs::snapshot_ro(&origin, &from.path().join("two"));
    let [one, two] = ["one", "two"].map(|name| from.path().join(name));
    accepted(&send(&one, None, &[]), mount.path());
    accepted(&send(&two, Some(&one), &[]), mount.path());
    assert_identical(&two, &mount.path().join("two"));
}

/// There and back: the parent is the subvolume that the other side's was received from.
#[test]
fn what_was_changed_on_the_other_side_comes_back() {
    require_btrfs!();
    let pair = pair();
    let there = pair.to.path().join("in");
    btrfs::snapshot_rw(&there.join("one"), &there.join("work"));
    fs::write(there.join("work/back"), b"back").unwrap();
    btrfs::snapshot_ro(&there.join("work"), &there.join("three"));
    let bytes = send(&there.join("three"), Some(&there.join("one")), &[]);
    accepted(&bytes, pair.from.path());
    assert_identical(&there.join("three"), &pair.from.path().join("three"));
}

/// A clone source is held to the same rules.
#[test]
fn clone_sources_outside_are_refused() {
    require_btrfs!();
    let fs = LoopFs::new();
    fs::create_dir(fs.path().join("in")).unwrap();
    btrfs::create_subvolume(&fs.path().join("secret"));
    fs::write(fs.path().join("secret/key"), vec![b's'; 8192]).unwrap();
    btrfs::snapshot_ro(&fs.path().join("secret"), &fs.path().join("outside"));
    btrfs::snapshot_ro(&fs.path().join("secret"), &fs.path().join("in/inside"));
    let identity = |path: &str| -> (Uuid, u64) {
        let show = btrfs::show(&fs.path().join(path));
        (show.get("UUID").parse().unwrap(), show.get("Generation").parse().unwrap())
    };
    let stream = |path: &str, file: &str| {
        let (uuid, generation) = identity(path);
        Script::full("v").mkfile("f").clone("f", (uuid, generation, file), 0, 8192).end()
    };
    let into = fs.path().join("in");
    let error = refused(&stream("outside", "key"), &into, "not below the directory");
    let ReceiveError::Apply { source: ApplyError::Source(SourceError::Outside { .. }), .. } = error
    else {
        panic!("{error:?}")
    };
    refused(&stream("secret", "key"), &into, "not below the directory");
    refused(&stream("in/inside", "../key"), &into, "special name");
    refused(&stream("in/inside", "none"), &into, "No such file");
    accepted(&stream("in/inside", "key"), &into);
    assert_eq!(fs::read(into.join("v/f")).unwrap(), vec![b's'; 8192]);
}

#[test]
fn a_parent_without_end_or_of_another_generation_is_no_parent() {
    require_btrfs!();
    let fs = LoopFs::new();
    accepted(&Script::full("v").mkfile("f").end(), fs.path());
    let snapshot = |clone_ctransid| {
        let (path, uuid) = (&b"w"[..], Uuid::from_u128(9));
        Script::begin(btrsync_stream::Version::V1)
            .then(Command::Snapshot { path, uuid, ctransid: 8, clone_uuid: MADE, clone_ctransid })
            .unlink("f")
            .end()
    };
    refused(&snapshot(6), fs.path(), "the stream was made against 6");
    accepted(&snapshot(7), fs.path());
    assert!(!fs.path().join("w/f").exists() && fs.path().join("v/f").exists());
}
