//! `--bootstrap`: a btrsync that is put where there is none.
//!
//! The hazard is a program that somebody else has put there, run as root, and one that is left where nobody
//! asked for it. So each test looks at what is in the home of the other machine, and runs what needs a btrsync.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::machine::{Builder, Machine, USER};
use btrsync_testutil::{require_machines, require_tool};

use crate::agent::{NEWER, installed};
use crate::failures::only;
use crate::keys::Keys;
use crate::sides::{BTRSYNC, Sides, Way, at};
use crate::support::{Ended, Pair};

/// The binary of debugging size would take its time.
static SMALL: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let small = dir.path().join("btrsync");
    output(program("strip").arg("-o").arg(&small).arg(BTRSYNC)).unwrap();
    (dir, small)
});

fn option() -> String {
    format!("--bootstrap={}", SMALL.1.display())
}

fn sides(far: Builder) -> Sides {
    Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far)
}

fn cache(sides: &Sides) -> PathBuf {
    sides.far().home("root").join(".cache/btrsync")
}

/// The names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).map(|entries| entries.map(|entry| entry.unwrap().file_name()));
    let mut names: Vec<_> =
        entries.into_iter().flatten().map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// The one program in the cache.
#[track_caller]
fn cached(sides: &Sides) -> PathBuf {
    let names = names(&cache(sides));
    assert!(names.len() == 1 && names[0].starts_with("btrsync-0."), "{names:?}");
    cache(sides).join(&names[0])
}

/// Nothing but what was there before is in the home of the other machine.
#[track_caller]
fn nothing_was_put(sides: &Sides) {
    assert_eq!(names(&sides.far().home("root")), [".ssh"]);
}

/// Only with a btrsync on both sides there is something to verify with.
#[track_caller]
fn is_used(sides: &Sides) {
    sides.sync(&["-y", "--verify", &option()]).exits(0);
    sides.is_complete();
}

#[track_caller]
fn is_refused(sides: &Sides, words: &[&str]) {
    let told = sides.sync(&["-n", &option()]).exits(0);
    told.complains(&["note: btrfs-progs do the work on far, for it cannot be put there"])
        .complains(words);
    sides.sync(&["-y", &option()]).exits(0);
    sides.is_complete();
}

#[test]
fn it_is_put_there_once_and_used_from_then_on() {
    require_machines!();
    require_tool!("strip");
    let sides = sides(Machine::builder());
    sides.sync(&["-n"]).exits(0);
    nothing_was_put(&sides);
    is_used(&sides);
    let there = cached(&sides);
    let [dir, file] = [cache(&sides), there.clone()].map(|path| fs::metadata(path).unwrap());
    assert_eq!((dir.mode() & 0o7777, file.mode() & 0o7777, dir.uid()), (0o700, 0o700, 0));
    assert_eq!(fs::read(&there).unwrap(), fs::read(&SMALL.1).unwrap());
    sides.pair.take("2");
    is_used(&sides);
    let again = fs::metadata(cached(&sides)).unwrap();
    assert_eq!((again.ino(), again.mtime_nsec()), (file.ino(), file.mtime_nsec()));
}

#[test]
fn what_somebody_has_changed_is_replaced_and_never_run() {
    require_machines!();
    require_tool!("strip");
    let sides = sides(Machine::builder());
    is_used(&sides);
    let (there, ran) = (cached(&sides), sides.far().home("root").join("ran"));
    let evil = format!("#!/bin/sh\ntouch '{}'\n", ran.display());
    let put = || fs::write(&there, &evil).unwrap();
    let link = || {
        let other = sides.far().home("root").join("evil");
        fs::write(&other, &evil).unwrap();
        fs::set_permissions(&other, Permissions::from_mode(0o755)).unwrap();
        fs::remove_file(&there).unwrap();
        symlink(&other, &there).unwrap();
    };
    // One byte of it, and no other length.
    let flip = || {
        let mut bytes = fs::read(&there).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&there, bytes).unwrap();
    };
    for (number, change) in [&put as &dyn Fn(), &link, &flip].iter().enumerate() {
        change();
        sides.pair.take(&format!("next-{number}"));
        is_used(&sides);
        assert!(!ran.exists());
        assert_eq!(fs::read(cached(&sides)).unwrap(), fs::read(&SMALL.1).unwrap());
        assert!(!fs::symlink_metadata(&there).unwrap().is_symlink());
    }
}

#[test]
fn a_cache_that_is_not_that_users_alone_is_not_used() {
    require_machines!();
    require_tool!("strip");
    let sides = sides(Machine::builder());
    let (dir, home) = (cache(&sides), sides.far().home("root"));
    let words = ["not a directory of that user alone"];
    fs::create_dir_all(&dir).unwrap();
    for bits in [0o777, 0o755, 0o1700] {
        fs::set_permissions(&dir, Permissions::from_mode(bits)).unwrap();
        is_refused(&sides, &words);
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
    chown(&dir, Some(47_110), None).unwrap();
    is_refused(&sides, &words);
    fs::remove_dir(&dir).unwrap();
    fs::create_dir(home.join("own")).unwrap();
    fs::set_permissions(home.join("own"), Permissions::from_mode(0o700)).unwrap();
    symlink(home.join("own"), &dir).unwrap();
    is_refused(&sides, &words);
    assert_eq!(names(&home.join("own")), [] as [&str; 0]);
    fs::remove_file(&dir).unwrap();
    fs::remove_dir(home.join(".cache")).unwrap();
    fs::write(home.join(".cache"), "").unwrap();
    is_refused(&sides, &["mkdir"]);
}

#[test]
fn what_an_interrupted_copy_and_other_versions_have_left_goes() {
    require_machines!();
    require_tool!("strip");
    let sides = sides(Machine::builder());
    let dir = cache(&sides);
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
    let secret = sides.far().home("root").join("secret");
    fs::write(&secret, "secret").unwrap();
    symlink(&secret, dir.join(".new")).unwrap();
    fs::write(dir.join("btrsync-0.0.1-0123456789abcdef"), "old").unwrap();
    is_used(&sides);
    cached(&sides);
    assert_eq!(fs::read_to_string(secret).unwrap(), "secret");
}

#[test]
fn one_that_is_there_and_fits_is_preferred_and_one_that_does_not_is_not() {
    require_machines!();
    require_tool!("strip");
    let there = sides(installed());
    is_used(&there);
    nothing_was_put(&there);
    let home = tempfile::tempdir().unwrap();
    let newer = home.path().join("btrsync");
    fs::write(&newer, NEWER).unwrap();
    fs::set_permissions(&newer, Permissions::from_mode(0o755)).unwrap();
    let other = sides(Machine::builder().program(&newer));
    is_used(&other);
    cached(&other);
}

#[test]
fn nothing_is_put_by_who_only_looks_or_has_a_key_for_one_thing() {
    require_machines!();
    require_tool!("strip");
    let looking = sides(Machine::builder());
    let words = ["doctor".into(), option().into(), looking.destination()];
    looking.run(words).exits(0);
    nothing_was_put(&looking);
    let keys = Keys::new(Way::Push, Pair::with_snapshots(&["1"]), "receive");
    keys.sides.sync(&["-y", &option()]).exits(0);
    keys.sides.is_complete();
    nothing_was_put(&keys.sides);
    assert_eq!(keys.log(), [] as [&str; 0]);
}

/// The shell of a machine without `sha256sum` can check nothing, and what is no program helps nobody.
#[test]
fn what_cannot_be_checked_or_run_is_not_used() {
    require_machines!();
    require_tool!("strip");
    let programs = only(&[
        "sh", "cat", "readlink", "stat", "find", "mkdir", "mv", "flock", "test", "btrfs", "uname",
        "id", "head", "rm", "sync", "od",
    ]);
    let path = format!("SetEnv PATH={}", programs.path().display());
    let sides_without = sides(Machine::builder().sshd_line(&path));
    is_refused(&sides_without, &["sha256sum", "nothing can be checked"]);
    nothing_was_put(&sides_without);
    let sides = sides(Machine::builder());
    let run = |option: &str| sides.sync(&["-y", option]);
    run("--bootstrap=/etc/passwd").exits(1).complains(&["/etc/passwd is no program", "what next"]);
    run("--bootstrap=/nonexistent").exits(1).complains(&["cannot read /nonexistent"]);
    let both = ["-y", "--bootstrap", "--remote-btrsync", "none"];
    sides.sync(&both).exits(2);
    // The program of these tests is not static.
    let own = run("--bootstrap").exits(1);
    own.complains(&["not a static build", "what next: name a static build", "--bootstrap=FILE"]);
    nothing_was_put(&sides);
}

#[test]
fn with_sudo_it_is_in_the_cache_of_the_user_and_works_as_root() {
    require_machines!();
    require_tool!("strip");
    let sides = sides(Machine::builder());
    let to = at("anna@far", &sides.pair.backup());
    let option = option();
    let words = ["-ys".into(), "--verify".into(), option.into(), sides.source(), to];
    let ended: Ended = sides.run(words).exits(0);
    assert!(!ended.err.contains("note"), "{ended:#?}");
    sides.is_complete();
    nothing_was_put(&sides);
    let dir = sides.far().home(USER).join(".cache/btrsync");
    assert_eq!((names(&dir).len(), fs::metadata(&dir).unwrap().uid()), (1, 47_110));
}
