//! A btrsync on the other machine, or on both others, in place of btrfs-progs.
//!
//! The hazard is a test that believes it and was served by `btrfs receive` after all: so each looks at what
//! runs there, or at what only a btrsync can do.

use std::fs::File;

use btrsync_testutil::machine::{Builder, Machine};
use btrsync_testutil::{Network, require_machines};
use rustix::process::Signal;

use crate::sides::{BOTH, BTRSYNC, Sides, Way, at, locked_by};
use crate::support::{Ended, Pair, State, arrived, no_leftover, signal};

/// A machine with this program in its search path.
pub(crate) fn installed() -> Builder {
    Machine::builder().program(BTRSYNC)
}

pub(crate) fn sides(way: Way, pair: Pair) -> Sides {
    Sides::with(way, pair, installed())
}

/// Asserts that a run is served by a btrsync, and not by btrfs-progs.
#[track_caller]
fn is_served(sides: &Sides) {
    let running = sides.start(&[]).in_transfer(4 << 20);
    let there = sides.far().processes();
    assert!(there.iter().any(|one| one.command.ends_with("btrsync serve")), "{there:#?}");
    assert!(!there.iter().any(|one| one.command.contains("btrfs ")), "{there:#?}");
    running.end().exits(0);
}

#[test]
fn it_does_all_the_work_over_there() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_large(96));
        is_served(&sides);
        sides.is_complete();
        assert_eq!(sides.far().logins(), 1);
    }
}

#[test]
fn a_zoo_is_pushed_and_pulled_and_then_its_differences() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_zoo(2));
        let ended = sides.sync(&["-y", "--json", "--verify"]).exits(0);
        assert_eq!(ended.plan(), ["snaps/round-0 full", "snaps/round-1 incremental"], "{way:?}");
        sides.is_complete();
        sides.pair.next_round(2);
        let ended = sides.sync(&["-y", "--json"]).exits(0);
        assert_eq!(ended.plan(), ["snaps/round-2 incremental"], "{way:?}");
        sides.is_complete();
        sides.sync(&["-y"]).exits(0).says(&["Nothing to do"]);
        assert_eq!(sides.far().logins(), 3, "{way:?}");
    }
}

#[test]
fn from_one_other_machine_to_another_with_it_on_either_or_both() {
    require_machines!();
    for machines in [
        [installed(), installed()],
        [installed(), Machine::builder()],
        [Machine::builder(), installed()],
    ] {
        let pair = Pair::with_zoo(2);
        let net = Network::of(&machines);
        [pair.src.path(), pair.dst.path()].iter().for_each(|path| net.near.hide(path));
        net.far[0].hide(pair.dst.path());
        net.far[1].hide(pair.src.path());
        let mut command = net.near.command(BTRSYNC);
        command.arg("-y").arg(at("far0", &pair.snaps())).arg(at("far1", &pair.backup()));
        Ended::of(&mut command).exits(0);
        for name in ["round-0", "round-1"] {
            arrived(&pair.snaps().join(name), &pair.backup().join(name));
        }
        no_leftover(pair.dst.path());
        assert_eq!([net.far[0].logins(), net.far[1].logins()], [1, 1]);
        net.far.iter().for_each(crate::sides::all_end);
    }
}

#[test]
fn copies_over_there_are_verified() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_zoo(2));
        sides.sync(&["-y"]).exits(0);
        let verify = || sides.run(["verify".into(), sides.source(), sides.destination()]);
        verify().exits(0).says(&["2 checked: 2 equal"]);
        let copy = sides.pair.backup().join("round-1");
        // Not by the program, which would take the received UUID away.
        let set_ro = |to| btrsync_kernel::set_read_only(File::open(&copy).unwrap(), to).unwrap();
        set_ro(false);
        std::fs::write(copy.join("changed"), "x").unwrap();
        set_ro(true);
        verify().exits(5).says(&["changed"]);
        sides.is_quiet();
    }
}

#[test]
fn a_run_of_that_machine_keeps_ours_out_and_is_named() {
    require_machines!();
    let sides = sides(Way::Push, Pair::with_snapshots(&["1"]));
    let before = State::of(sides.pair.dst.path());
    let mut holder = locked_by(sides.far(), &sides.pair.backup());
    let ended = sides.sync(&["-y"]).exits(4);
    ended.complains(&["another run is using far:", "backup", "(process "]);
    before.unchanged(sides.pair.dst.path());
    // Whoever has the lock open has it, also without the program that took it.
    sides.far().processes().iter().for_each(|one| signal(one.pid, Signal::KILL));
    holder.wait().unwrap();
    sides.completes();
}

#[test]
fn with_sudo_it_works_for_a_user_over_there() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_zoo(1));
        let (from, to) = match way {
            Way::Push => (sides.source(), at("anna@far", &sides.pair.backup())),
            Way::Pull => (at("anna@far", &sides.pair.snaps()), sides.destination()),
        };
        let args = |options: &str| [options.into(), from.clone(), to.clone()];
        sides.run(args("-y")).exits(1).complains(&["anna@far", "--sudo-src or --sudo-dest"]);
        sides.run(args("-ys")).exits(0);
        sides.is_complete();
    }
}

#[test]
fn which_one_is_used_can_be_said() {
    require_machines!();
    let sides = sides(Way::Push, Pair::with_snapshots(&["1"]));
    let not = sides.sync(&["-n", "--remote-btrsync", "none"]).exits(0);
    assert!(!not.err.contains("note"), "{not:#?}");
    sides.sync(&["-y", "--remote-btrsync", "none"]).exits(0);
    sides.pair.take("2");
    sides.sync(&["-y", "--remote-btrsync", BTRSYNC]).exits(0);
    sides.is_complete();
    let no = sides.sync(&["-y", "--remote-btrsync", "/nonexistent"]).exits(1);
    no.complains(&["cannot use btrsync on far", "/nonexistent", "what next: install btrsync"]);
    sides.is_quiet();
}

#[test]
fn without_it_the_preview_says_what_that_costs() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_snapshots(&["1"]));
        let words = ["note: btrfs-progs do the work on far", "no resume and no --verify"];
        sides.sync(&["-n"]).exits(0).complains(&words);
        let quiet = sides.sync(&["-y"]).exits(0);
        assert_eq!(quiet.err, "", "{quiet:#?}");
    }
}

#[test]
fn paths_of_a_home_directory_mean_the_same() {
    require_machines!();
    let sides = sides(Way::Push, Pair::with_snapshots(&["1"]));
    let link = sides.far().home("root").join("backup");
    std::os::unix::fs::symlink(sides.pair.backup(), link).unwrap();
    for there in ["far:backup", "far:~/backup", "far:~root/backup", "ssh://far/~/backup"] {
        let ended = sides.run(["-n".into(), sides.source(), there.into()]).exits(0);
        ended.says(&["snaps/1\tfull"]);
    }
    sides.run(["-y".into(), sides.source(), "far:backup".into()]).exits(0);
    sides.is_complete();
}

#[test]
fn what_only_an_older_snapshot_has_is_cloned_from_that_in_both_ways() {
    require_machines!();
    for way in BOTH {
        let (clones, sent) = crate::clones::last(&sides(way, crate::clones::restored()));
        assert_eq!(clones, serde_json::json!(["snaps/1", "snaps/0"]), "{way:?}");
        assert!(sent < 1 << 19, "{way:?}: {sent}");
    }
}

#[test]
fn what_will_be_sent_is_measured_over_there_and_the_room_for_it() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_large(20));
        let told = sides.sync(&["-n", "--json"]).exits(0);
        let transfer = &told.events_of("transfer")[0];
        let bytes = transfer["estimated_bytes"].as_u64().unwrap();
        assert!((20 << 20..21 << 20).contains(&bytes), "{way:?}: {transfer}");
    }
}

/// A program that only says who it is: protocol 2.0, in MessagePack.
pub(crate) const NEWER: &str = r#"#!/bin/sh
printf '\nbtrsync speaks frames\n\017\000\000\000\000\000\000\000\000\202\245major\002\245minor\000'
cat >/dev/null
"#;

#[test]
fn one_of_another_version_is_not_used_and_one_that_was_named_is_an_error() {
    require_machines!();
    let home = tempfile::tempdir().unwrap();
    let newer = home.path().join("btrsync");
    std::fs::write(&newer, NEWER).unwrap();
    std::fs::set_permissions(&newer, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let far = Machine::builder().program(&newer);
    let sides = Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far);
    let words = "on far speaks version 2.0 of the protocol and this one 1.0";
    sides.sync(&["-n"]).exits(0).complains(&["note: btrfs-progs do the work on far", words]);
    let named = sides.sync(&["-y", "--remote-btrsync", newer.to_str().unwrap()]).exits(1);
    named.complains(&[words, "what next: update the older one"]);
    sides.sync(&["-y"]).exits(0);
    sides.is_complete();
}
