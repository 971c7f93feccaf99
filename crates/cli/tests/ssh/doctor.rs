//! `btrsync doctor` of other machines: with a btrsync there and without, and with everything wrong with them
//! that can be.
//!
//! The hazard is a machine that is called well from here: each that is ill in one way must be found so.

use std::ffi::OsString;
use std::fs;

use btrsync_testutil::machine::Machine;
use btrsync_testutil::require::find_tool;
use btrsync_testutil::require_machines;

use crate::agent::installed;
use crate::failures::{WITHOUT_BTRFS, only};
use crate::keys::Keys;
use crate::sides::{BOTH, Sides, Way, at, locked_by};
use crate::support::{Ended, Pair, State, subvolume};

fn doctor(sides: &Sides, words: &[OsString]) -> Ended {
    let start = [OsString::from("doctor"), "--json".into()];
    sides.run(start.iter().chain(words))
}

/// The checks of the other machine that are not well.
#[track_caller]
fn ill(ended: &Ended) -> Vec<String> {
    let checks = ended.events_of("check").into_iter();
    let checks = checks.filter(|check| check["state"] != "ok" && !check["location"].is_null());
    let told = checks.inspect(|check| assert!(check["do"].is_string(), "{check}"));
    told.map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .collect()
}

fn lacks(ended: &Ended) -> Vec<String> {
    let features = ended.events_of("between").into_iter();
    let lacking = features.filter(|feature| feature["has"] == false);
    lacking.map(|feature| feature["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn both_sides_are_well_and_stay_as_they_are() {
    require_machines!();
    for way in BOTH {
        for far in [installed(), Machine::builder()] {
            let sides = Sides::with(way, Pair::with_snapshots(&["1"]), far.clone());
            let before = [State::of(sides.pair.src.path()), State::of(sides.pair.dst.path())];
            let ended = doctor(&sides, &[sides.source(), sides.destination()]).exits(0);
            let is_there = ended.out.contains("protocol 1.");
            if is_there {
                assert_eq!((ill(&ended).len(), lacks(&ended).len()), (0, 0), "{ended:#?}");
            } else {
                assert_eq!(ill(&ended), ["btrsync warn"], "{ended:#?}");
                let lacking: &[&str] = match way {
                    Way::Push => &["resume", "verify", "compressed streams"],
                    Way::Pull => &["estimate", "verify", "compressed streams"],
                };
                assert_eq!(lacks(&ended), lacking);
            }
            before[0].unchanged(sides.pair.src.path());
            before[1].unchanged(sides.pair.dst.path());
            assert_eq!(
                (sides.far().logins(), fs::read_dir(sides.far().home("root")).unwrap().count()),
                (1, 1)
            );
            sides.is_quiet();
        }
    }
}

#[test]
fn whatever_is_wrong_with_a_login_has_its_own_advice() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    for (location, words) in [
        ("ghost@far:/x", "ssh-copy-id"),
        ("ssh://far:4711/x", "start sshd there"),
        ("ssh://no-such-host.invalid/x", "check the name of the host"),
    ] {
        let ended = doctor(&sides, &[location.into()]).exits(1);
        assert_eq!(ill(&ended), ["login bad"], "{ended:#?}");
        ended.says(&[words, "ssh to "]);
    }
    fs::write(sides.far().ssh_config().with_file_name("known_hosts"), "").unwrap();
    let ended = doctor(&sides, &["far:/".into()]).exits(1);
    ended.says(&["Host key verification failed", "compare the fingerprint"]);
    sides.is_quiet();
}

#[test]
fn a_machine_without_btrfs_progs_and_one_with_another_kind_of_path() {
    require_machines!();
    let programs = only(&WITHOUT_BTRFS);
    let path = format!("SetEnv PATH={}", programs.path().display());
    let sides =
        Sides::with(Way::Push, Pair::with_snapshots(&["1"]), Machine::builder().sshd_line(&path));
    let ended = doctor(&sides, &[sides.destination()]).exits(1);
    let found = ill(&ended);
    assert_eq!(found, ["btrsync warn", "btrfs-progs bad", "subvolumes warn"], "{ended:#?}");
    ended.says(&["install btrfs-progs there"]);
    for far in [installed(), Machine::builder()] {
        let sides = Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far);
        let bad = |location: OsString| {
            let found = ill(&doctor(&sides, &[location]).exits(1));
            found.into_iter().filter(|one| one.ends_with(" bad")).collect::<Vec<_>>()
        };
        assert_eq!(bad("far:/proc".into()), ["filesystem bad"]);
        assert_eq!(bad(at("far", &sides.pair.backup().join("x\x1b'\n/.."))), ["path bad"]);
        let missing = at("far", &sides.pair.backup().join("a'b\n$(touch x)"));
        assert!(ill(&doctor(&sides, &[missing]).exits(0)).contains(&"path warn".to_owned()));
        sides.pair.dst.remount("ro");
        assert_eq!(
            ill(&doctor(&sides, &[sides.source(), sides.destination()]).exits(1)).pop().unwrap(),
            "writable bad"
        );
        sides.is_quiet();
    }
}

#[test]
fn login_shells_of_every_kind() {
    require_machines!();
    let shells = ["dash", "bash", "zsh", "fish", "tcsh", "mksh"];
    let found: Vec<_> = shells.iter().filter_map(|shell| find_tool(shell)).collect();
    assert!(found.len() >= 2, "{found:?}");
    for shell in found {
        let far = Machine::builder().shell(&shell);
        let sides = Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far);
        let ended = doctor(&sides, &[sides.source(), sides.destination()]).exits(0);
        assert_eq!(ill(&ended), ["btrsync warn"], "{}", shell.display());
    }
}

#[test]
fn a_user_over_there_with_and_without_sudo() {
    require_machines!();
    let forbidden = "root ALL=(ALL) ALL\nanna ALL=(ALL) ALL\n";
    for program in [true, false] {
        let far = if program { installed() } else { Machine::builder() };
        let sides = Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far.clone());
        let to = at("anna@far", &sides.pair.backup());
        let bad = doctor(&sides, std::slice::from_ref(&to)).exits(1);
        assert!(ill(&bad).contains(&"rights bad".to_owned()), "{bad:#?}");
        let good = doctor(&sides, &["--sudo-dest".into(), to]).exits(0);
        assert!(good.out.contains("user 0, with all"), "{good:#?}");
        let sides = Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far.sudoers(forbidden));
        let to = at("anna@far", &sides.pair.backup());
        let bad = doctor(&sides, &["-s".into(), to]).exits(1);
        bad.says(&["a password is required"]);
        sides.is_quiet();
    }
}

#[test]
fn leftovers_and_locks_over_there_are_found_and_the_lock_is_not_taken() {
    require_machines!();
    for far in [installed(), Machine::builder()] {
        let sides = Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far);
        subvolume(&sides.pair.backup().join(".btrsync-00000000000000010000000000000002.partial"));
        let mut holder = locked_by(sides.far(), &sides.pair.backup());
        let found = ill(&doctor(&sides, &[sides.destination()]).exits(0));
        let found: Vec<_> = found.iter().filter(|one| *one != "btrsync warn").collect();
        assert_eq!(found, ["leftovers warn", "lock warn"]);
        drop(sides);
        holder.wait().unwrap();
    }
}

#[test]
fn a_key_that_can_do_one_thing_is_told_that_and_nothing_of_the_rest() {
    require_machines!();
    let keys = Keys::new(Way::Push, Pair::with_snapshots(&["1"]), "receive");
    let ended = doctor(&keys.sides, &[keys.sides.destination()]).exits(0);
    let ended = ended.says(&["this key allows only: receive", "resume"]);
    let point = format!(" at {}", keys.sides.pair.dst.path().display());
    assert!(!ended.out.contains(&point), "{ended:#?}");
    let there = |check: &serde_json::Value| !check["location"].is_null();
    let names: Vec<_> = ended.events_of("check").into_iter().filter(there).collect();
    for secret in ["kernel", "btrfs-progs", "rights", "metadata"] {
        assert!(names.iter().all(|check| check["name"] != secret), "{names:#?}");
    }
    assert_eq!(keys.log(), [] as [&str; 0]);
    let outside = doctor(&keys.sides, &["far:/etc".into()]).exits(1);
    outside.says(&["not allowed"]);
    assert_eq!(keys.log().len(), 1);
}

/// A program that only says who it is: protocol 1.0 without any more words, in MessagePack.
const OLDER: &str = r#"#!/bin/sh
printf '\nbtrsync speaks frames\n\017\000\000\000\000\000\000\000\000\202\245major\001\245minor\000'
cat >/dev/null
"#;

#[test]
fn an_older_btrsync_is_found_to_be_one() {
    require_machines!();
    let home = tempfile::tempdir().unwrap();
    let older = home.path().join("btrsync");
    fs::write(&older, OLDER).unwrap();
    fs::set_permissions(&older, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let sides =
        Sides::with(Way::Push, Pair::with_snapshots(&["1"]), Machine::builder().program(&older));
    let ended = doctor(&sides, &[sides.destination()]).exits(0);
    assert_eq!(ill(&ended), ["path warn"], "{ended:#?}");
    ended.says(&["is older"]);
}
