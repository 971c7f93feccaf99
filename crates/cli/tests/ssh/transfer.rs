//! Push, pull, and between two other machines.

use std::fs;

use btrsync_testutil::machine::Machine;
use btrsync_testutil::{Network, btrfs, require_machines};

use crate::sides::{BOTH, BTRSYNC, Sides, Way, at};
use crate::support::{Ended, Pair, State, arrived, no_leftover, subvolume};

#[test]
fn a_zoo_is_pushed_and_pulled_and_then_its_differences() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_zoo(2));
        let ended = sides.sync(&["-y", "--json"]).exits(0);
        assert_eq!(ended.plan(), ["snaps/round-0 full", "snaps/round-1 incremental"], "{way:?}");
        sides.is_complete();
        sides.pair.next_round(2);
        let ended = sides.sync(&["-y", "--json"]).exits(0);
        assert_eq!(ended.plan(), ["snaps/round-2 incremental"], "{way:?}");
        assert_eq!(ended.events_of("done").len(), 1, "{way:?}");
        sides.is_complete();
        sides.sync(&["-y"]).exits(0).says(&["Nothing to do"]);
        assert_eq!(sides.far().logins(), 3, "{way:?}");
    }
}

/// Received by the one and sent on by the other, as in a chain of backups.
#[test]
fn a_received_subvolume_is_sent_on_and_known_by_its_origin() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1", "2"]));
    sides.sync(&["-y"]).exits(0);
    let third = btrsync_testutil::LoopFs::new();
    let back = at("far", &sides.pair.backup());
    sides.run(["-y".as_ref(), back.as_os_str(), third.path().as_os_str()]).exits(0);
    for name in ["1", "2"] {
        arrived(&sides.pair.backup().join(name), &third.path().join(name));
    }
    let ended = sides.run(["-y".as_ref(), sides.source().as_os_str(), third.path().as_os_str()]);
    ended.exits(0).says(&["Nothing to do"]);
    sides.is_quiet();
}

#[test]
fn from_one_other_machine_to_another_each_with_one_login() {
    require_machines!();
    let pair = Pair::with_zoo(2);
    let net = Network::of(&[Machine::builder(), Machine::builder()]);
    [pair.src.path(), pair.dst.path()].iter().for_each(|path| net.near.hide(path));
    net.far[0].hide(pair.dst.path());
    net.far[1].hide(pair.src.path());
    let mut command = net.near.command(crate::sides::BTRSYNC);
    command.args(["-y", "--json"]).arg(at("far0", &pair.snaps())).arg(at("far1", &pair.backup()));
    Ended::of(&mut command).exits(0);
    for name in ["round-0", "round-1"] {
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
    no_leftover(pair.dst.path());
    assert_eq!([net.far[0].logins(), net.far[1].logins()], [1, 1]);
    net.far.iter().for_each(crate::sides::all_end);
}

#[test]
fn within_one_other_machine_with_one_login() {
    require_machines!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let net = Network::new();
    [pair.src.path(), pair.dst.path()].iter().for_each(|path| net.near.hide(path));
    let run = |options: &[&str]| {
        let mut command = net.near.command(crate::sides::BTRSYNC);
        command.args(options).arg(at("far", &pair.snaps())).arg(at("far", &pair.backup()));
        Ended::of(&mut command)
    };
    run(&["-y"]).exits(0);
    ["1", "2"].iter().for_each(|name| arrived(&pair.snaps().join(name), &pair.backup().join(name)));
    assert_eq!(net.far[0].logins(), 1);
    // Into itself is refused, over there too.
    let mut command = net.near.command(crate::sides::BTRSYNC);
    command.arg("-y").arg(at("far", &pair.snaps())).arg(at("far", &pair.snaps().join("../snaps")));
    Ended::of(&mut command).exits(1).complains(&["same directory"]);
    crate::sides::all_end(&net.far[0]);
}

/// The stream says nothing of a root directory that has not changed since the parent.
#[test]
fn the_times_of_an_unchanged_root_are_those_of_the_source() {
    require_machines!();
    for way in BOTH {
        let pair = Pair::new();
        let origin = subvolume(&pair.origin());
        fs::create_dir(origin.join("below")).unwrap();
        btrfs::snapshot_ro(&origin, &pair.snaps().join("1"));
        for name in ["2", "3"] {
            fs::write(origin.join("below/new"), name).unwrap();
            btrfs::snapshot_ro(&origin, &pair.snaps().join(name));
        }
        let sides = Sides::new(way, pair);
        sides.sync(&["-y"]).exits(0);
        sides.is_complete();
        // Also where the parent came with another run.
        fs::write(sides.pair.origin().join("below/new"), "4").unwrap();
        btrfs::snapshot_ro(&sides.pair.origin(), &sides.pair.snaps().join("4"));
        sides.completes();
    }
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    require_machines!();
    for way in BOTH {
        let sides = Sides::new(way, Pair::with_snapshots(&["1", "2"]));
        let before = State::of(sides.pair.dst.path());
        sides.sync(&["-n"]).exits(0).says(&["snaps/1\tfull", "snaps/2\tincr"]);
        let ended = sides.sync(&["-nc", "--json"]).exits(0);
        assert_eq!(ended.plan(), ["snaps/1 full", "snaps/2 incremental"]);
        before.unchanged(sides.pair.dst.path());
        sides.is_quiet();
    }
}

#[test]
fn streams_are_dumped_and_compared_against_another_machine() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    sides.sync(&["-y"]).exits(0);
    sides.pair.take("2");
    let before = State::of(sides.pair.dst.path());
    let dumps = tempfile::tempdir().unwrap();
    let dir = dumps.path().to_str().unwrap();
    let ended = sides.sync(&["-y", "--json", "-o", dir]).exits(0);
    assert_eq!(ended.plan(), ["snaps/2 incremental"]);
    before.unchanged(sides.pair.dst.path());
    let dump = dumps.path().join("2.btrfs_stream");
    // And a file is a source for another machine.
    sides.run(["-y".as_ref(), dump.as_os_str(), sides.destination().as_os_str()]).exits(0);
    sides.is_complete();
}

#[test]
fn streams_of_another_machine_are_dumped_here() {
    require_machines!();
    let sides = Sides::pull(Pair::with_zoo(2));
    let dumps = tempfile::tempdir().unwrap();
    sides.sync(&["-y", "-o", dumps.path().to_str().unwrap(), "-O", "gzip | gzip -d"]).exits(0);
    for name in ["round-0", "round-1"] {
        let dump = dumps.path().join(format!("{name}.btrfs_stream"));
        let backup = sides.pair.backup();
        let args = ["-y".as_ref(), dump.as_os_str(), backup.as_os_str()];
        sides.run(args).exits(0);
    }
    sides.is_complete();
}

/// What `list` and `tree` show of another machine is what they show there, but for ages, which btrfs-progs do not
/// list.
#[test]
fn both_ends_are_listed_and_drawn_as_on_their_own_machines() {
    require_machines!();
    let ages = [(crate::agent::installed(), true), (Machine::builder(), false)];
    for (far, with_ages) in ages {
        let sides = Sides::with(Way::Pull, Pair::with_snapshots(&["1", "2"]), far);
        sides.sync(&["-y"]).exits(0);
        sides.pair.take("3");
        let mut there = sides.near().command(BTRSYNC);
        let there = listed(there.args(["list", "--json"]).arg(sides.source()), with_ages);
        let mut here = sides.far().command(BTRSYNC);
        let here =
            listed(here.args(["list", "--json"]).arg(sides.pair.snaps().join("")), with_ages);
        assert_eq!(there, here);
        assert_eq!(there.len(), 3, "{there:#?}");
        let drawn = sides.run(["tree".into(), sides.source(), sides.destination()]).exits(0);
        drawn.says(&["snaps/1", "snaps/2", "snaps/3"]);
        sides.is_quiet();
    }
}

/// The subvolumes of a listing.
fn listed(list: &mut std::process::Command, with_ages: bool) -> Vec<serde_json::Value> {
    let mut all = Ended::of(list).exits(0).events_of("subvolume");
    if !with_ages {
        all.iter_mut().for_each(|one| one["made"] = serde_json::Value::Null);
    }
    all
}
