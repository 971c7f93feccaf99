//! What is compressed on the way between two machines, and what is not.
//!
//! The hazard is a link that is measured wrongly, so that it is slower with than without; so the times are
//! those of a link that is really slow. What arrives is compared with the source, as always.

use btrsync_testutil::machine::{Machine, Weather};
use btrsync_testutil::{Random, require_machines, require_tool};
use serde_json::Value;

use crate::agent::{installed, sides};
use crate::sides::{BOTH, BTRSYNC, Sides, Way};
use crate::support::{Ended, Pair, subvolume, text_file};

/// What was sent, and what of that went over the wire.
#[track_caller]
fn amounts(ended: &Ended) -> (u64, u64) {
    let summary = &ended.events_of("summary")[0];
    let amount = |name: &str| summary[name].as_u64().unwrap();
    (amount("sent_bytes"), amount("wire_bytes"))
}

#[test]
fn compressed_on_the_way_it_arrives_as_it_was() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_zoo(3));
        let ended = sides.sync(&["-y", "--json", "--verify", "--compress=zstd:5"]).exits(0);
        sides.is_complete();
        let (sent, wire) = amounts(&ended);
        assert!(wire < sent / 10 * 9, "{way:?}: {wire} of {sent}");
    }
}

#[test]
fn what_is_compressed_already_is_not_again_and_what_is_not_wanted_neither() {
    require_machines!();
    for way in BOTH {
        let sides = sides(way, Pair::with_compressed(10));
        let (sent, wire) = amounts(&sides.sync(&["-y", "--json", "--compress"]).exits(0));
        sides.is_complete();
        assert!(sent < 8 << 20 && wire > sent / 100 * 95, "{way:?}: {wire} of {sent}");
        text_file(&sides.pair.origin().join("more"), 3);
        sides.pair.take("plain");
        let args = ["-y", "--json", "--compress=none", "--compressed-data=never"];
        let (sent, wire) = amounts(&sides.sync(&args).exits(0));
        assert_eq!(sent, wire, "{way:?}");
        assert!(sent > 3 << 20);
    }
}

#[test]
fn who_asks_for_what_the_other_machine_cannot_do_is_told() {
    require_machines!();
    let sides = Sides::new(Way::Push, Pair::with_snapshots(&["1"]));
    let words = ["note: nothing is compressed on the way to far", "--ssh-compress"];
    sides.sync(&["-y", "--compress=zstd"]).exits(0).complains(&words);
    sides.pair.take("2");
    let quiet = sides.sync(&["-y", "--compress=none"]).exits(0);
    assert_eq!(quiet.err, "", "{quiet:#?}");
    sides.is_complete();
}

/// A program that says nothing of what the last ones have learned.
const OLDER: &str = r#"#!/bin/sh
BTRSYNC "$@" | perl -e '
    while (sysread(STDIN, $b, 65536)) {
        $b =~ s/packs-zstd/knits-wool/; $b =~ s/(send|take)s-compressed/$1s-unheard-of/g;
        for ($at = 0; $at < length $b; $at += syswrite(STDOUT, $b, 65536, $at)) {}
    }'
"#;

#[test]
fn an_older_one_is_asked_for_nothing_new() {
    require_machines!();
    require_tool!("perl");
    let home = tempfile::tempdir().unwrap();
    let older = home.path().join("btrsync");
    std::fs::write(&older, OLDER.replace("BTRSYNC", BTRSYNC)).unwrap();
    std::fs::set_permissions(&older, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for way in BOTH {
        let far = Machine::builder().program(&older);
        let sides = Sides::with(way, Pair::with_compressed(10), far);
        let ended = sides.sync(&["-y", "--json", "--compress", "--verify"]).exits(0);
        let (sent, wire) = amounts(&ended);
        // A plain stream, of version 1.
        assert!(sent > 10 << 20 && wire == sent, "{way:?}: {wire} of {sent}");
        let notes = ended.events_of("note");
        let is_said =
            |note: &Value| note["message"].as_str().unwrap().contains("nothing is compressed");
        assert!(notes.iter().any(is_said), "{notes:?}");
        sides.is_complete();
    }
}

/// How long the transfer of a file takes over a link of 20 Mbit/s, in seconds.
#[track_caller]
fn timed(content: &[u8], option: &str) -> f64 {
    let pair = Pair::new();
    std::fs::write(subvolume(&pair.origin()).join("content"), content).unwrap();
    pair.take("content");
    let sides = Sides::with(Way::Push, pair, installed());
    sides.net.weather(0, Weather::Slow(20_000));
    let ended = sides.sync(&["-y", "--json", option]).exits(0);
    sides.net.mend(0);
    sides.is_complete();
    ended.events_of("done")[0]["seconds"].as_f64().unwrap()
}

/// Times with the link measured and without compression, in turn; the best of each, for only this
/// program should count, and not what else goes on.
#[track_caller]
fn both(content: &[u8], rounds: usize) -> (f64, f64) {
    let round = |_| (timed(content, "--compress=auto"), timed(content, "--compress=none"));
    let best = |(a, b): (f64, f64), (c, d): (f64, f64)| (a.min(c), b.min(d));
    (0..rounds).map(round).reduce(best).unwrap()
}

#[test]
fn a_slow_link_is_noticed_and_what_does_not_shrink_takes_no_longer() {
    require_machines!();
    require_tool!("tc");
    let lines = (0..250_000).map(|at| format!("{at:>12} of a log that says the same again\n"));
    let (with, without) = both(lines.collect::<String>().as_bytes(), 1);

    assert!(with <= 0.5 * without, "{with} and {without}");
    let (with, without) = both(&Random::new(1).bytes(4 << 20), 2);

    assert!(with <= 1.1 * without, "{with} and {without}");
}
