//! What does not fit into the free space of the destination, told before it is sent.

use std::fs;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{btrfs, require_btrfs, require_tool};

use crate::full::small;
use crate::interrupt::completes;
use crate::support::{Pair, Pty, State, arrived, give_room_back, random_file, refuses, run};

const WORDS: [&str; 2] = ["~48.0 MiB of data are to be sent, and ", " free at the destination"];

/// A large snapshot, and less than half the room for it.
fn too_small() -> Pair {
    let pair = small(20, |origin| random_file(&origin.join("bulk"), 48));
    btrfs::sync(pair.dst.path());
    pair
}

#[test]
fn what_does_not_fit_is_refused_where_nobody_is_asked() {
    require_btrfs!();
    let pair = too_small();
    let command = || {
        let mut command = crate::support::btrsync();
        command.args(pair.args(&[]));
        command
    };
    refuses(1, &[WORDS[0], WORDS[1], "--no-space-check"], pair.dst.path(), command);
    // Telling is no sending.
    let told = run(pair.args(&["-n"])).exits(0).says(&["In all ~48.", " are free there"]);
    told.complains(&["note: ", WORDS[0], "it will not fit"]);
    let sent = run(pair.args(&["-y", "--no-space-check"])).exits(1);
    sent.complains(&["No space left"]);
    // Without an estimate there is nothing to compare.
    run(pair.args(&["-y", "--estimate=0"])).exits(1).complains(&["No space left"]);
    give_room_back(&pair);
    completes(&pair);
}

#[test]
fn who_is_asked_decides() {
    require_btrfs!();
    require_tool!("script");
    let pair = too_small();
    let before = State::of(pair.dst.path());
    let (code, text) = Pty::start(pair.args(&[])).shows("Proceed?").types("n\n").end();
    assert!(code == 1 && text.contains(WORDS[0]) && text.contains("it will not fit"), "{text}");
    before.unchanged(pair.dst.path());
}

#[test]
fn a_destination_that_compresses_gets_what_may_fit() {
    require_btrfs!();
    let pair = small(20, |origin| fs::write(origin.join("bulk"), vec![7; 48 << 20]).unwrap());
    let mut remount = program("mount");
    output(remount.args(["-o", "remount,compress=zstd"]).arg(pair.dst.path())).unwrap();
    let ended = run(pair.args(&["-y"])).exits(0);
    ended.complains(&["note: ", WORDS[0], "it may fit, for what is written there is compressed"]);
    arrived(&pair.snaps().join("large"), &pair.backup().join("large"));
}

/// A cleaner that is at work, or what is continued, makes room that is not free yet.
#[test]
fn room_that_is_about_to_come_is_no_reason_to_refuse() {
    require_btrfs!();
    let pair = too_small();
    let name = format!(".btrsync-{}.partial", "0".repeat(32));
    let left = pair.dst.path().join(name);
    btrfs::create_subvolume(&left);
    let ended = run(pair.args(&["-y"])).exits(1);
    ended.complains(&["what an interrupted run has left", "No space left"]);
}
