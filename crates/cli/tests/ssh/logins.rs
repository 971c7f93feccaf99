//! One login, few questions, and a socket that nobody else can use.

use std::fs;
use std::os::unix::fs::MetadataExt;

use btrsync_testutil::machine::Machine;
use btrsync_testutil::{btrfs, require_machines};
use rustix::process::Signal;

use crate::sides::{BOTH, Sides, Way, all_end, at, sockets};
use crate::support::{Pair, arrived, signal};

/// A number of snapshots, all of one subvolume.
fn many(pair: &Pair, from: usize, to: usize) {
    for number in from..to {
        btrfs::snapshot_ro(&pair.origin(), &pair.snaps().join(format!("snap-{number}")));
    }
}

/// How many commands one more run starts over there, and how many scripts its shell is given.
fn effort(sides: &Sides) -> (usize, usize) {
    let before = sides.far().sessions();
    let mut strace = sides.near().command("strace");
    let trace = sides.near().write("trace", "");
    strace.args(["-f", "-qq", "-e", "trace=write,writev,sendto,execve", "-s", "4", "-o"]);
    strace.arg(&trace).arg(crate::sides::BTRSYNC).arg("-y");
    let run = strace.arg(sides.source()).arg(sides.destination());
    crate::support::Ended::of(run).exits(0).says(&["Nothing to do"]);
    let trace = fs::read_to_string(trace).unwrap();
    // Each script begins with its mark.
    let asked =
        trace.lines().filter(|line| line.contains("write(") && line.contains("\"N=")).count();
    (sides.far().sessions() - before, asked)
}

#[test]
fn the_number_of_round_trips_does_not_depend_on_that_of_subvolumes() {
    require_machines!();
    btrsync_testutil::require_tool!("strace");
    for way in BOTH {
        let pair = Pair::with_snapshots(&[]);
        many(&pair, 0, 3);
        let sides = Sides::new(way, pair);
        sides.sync(&["-y"]).exits(0);
        let few = effort(&sides);
        many(&sides.pair, 3, 100);
        sides.sync(&["-yB"]).exits(0);
        assert_eq!(effort(&sides), few, "{way:?}");
        assert!(few.0 <= 2 && (1..=12).contains(&few.1), "{few:?}");
        assert_eq!(sides.far().logins(), 4);
    }
}

#[test]
fn the_socket_is_private_while_it_runs_and_gone_afterwards() {
    require_machines!();
    let sides = Sides::push(Pair::with_large(64));
    let running = sides.start(&[]).in_transfer(1 << 20);
    let found = sockets(sides.near());
    assert_eq!(found.len(), 1, "{found:?}");
    let metadata = fs::metadata(&found[0]).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o700, 0));
    running.end().exits(0);
    sides.is_complete();
    assert_eq!(sides.far().logins(), 1);
}

#[test]
fn what_a_killed_run_leaves_of_its_socket_the_next_one_removes() {
    require_machines!();
    let sides = Sides::push(Pair::with_large(64));
    let running = sides.start(&[]).in_transfer(1 << 20);
    signal(sides.near().process(crate::sides::BTRSYNC).unwrap(), Signal::KILL);
    assert_eq!(running.end().code, -1);
    // All that it has started ends by itself, on both sides.
    all_end(sides.near());
    all_end(sides.far());
    sides.completes();
}

#[test]
fn a_key_and_a_configuration_are_named_on_the_command_line() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    let config = sides.near().home("root").join(".ssh/config");
    let moved = sides.near().write("elsewhere", fs::read(&config).unwrap());
    fs::remove_file(&config).unwrap();
    sides.sync(&["-y"]).exits(1).complains(&["ssh to far failed"]);
    sides.sync(&["-y", "--ssh-config", moved.to_str().unwrap(), "--ssh-compress"]).exits(0);
    sides.is_complete();
    // Without a key in the configuration, the one that is named.
    let text = fs::read_to_string(&moved).unwrap();
    let without: String =
        text.lines().filter(|line| !line.contains("IdentityFile")).collect::<Vec<_>>().join("\n");
    fs::write(&config, without + "\n").unwrap();
    sides.pair.take("2");
    sides.sync(&["-y"]).exits(1).complains(&["ssh to far failed", "Permission denied"]);
    sides.sync(&["-y", "--ssh-identity", sides.far().identity().to_str().unwrap()]).exits(0);
    sides.is_complete();
}

#[test]
fn several_sources_on_one_machine_need_one_login() {
    require_machines!();
    let sides = Sides::pull(Pair::with_snapshots(&["1", "2"]));
    let sources = ["1", "2"].map(|name| at("far", &sides.pair.snaps().join(name)));
    let [one, two] = sources;
    sides.run(["-y".into(), one, two, sides.destination()]).exits(0);
    for name in ["1", "2"] {
        arrived(&sides.pair.snaps().join(name), &sides.pair.backup().join(name));
    }
    assert_eq!(sides.far().logins(), 1);
    sides.is_quiet();
}

/// The cipher that both sides agree on, with these lines in the user's configuration and that of the other side.
#[track_caller]
fn cipher(theirs: &str, there: &str) -> String {
    let far = Machine::builder().sshd_line("LogLevel DEBUG1").sshd_line(there);
    let sides = Sides::with(Way::Push, Pair::with_snapshots(&["1"]), far);
    let config = sides.near().home("root").join(".ssh/config");
    let ours = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("Host far\n{theirs}{ours}")).unwrap();
    sides.sync(&["-y"]).exits(0);
    sides.is_complete();
    let log = sides.far().log();
    let (_, told) = log.split_once("server->client cipher: ").unwrap_or_else(|| panic!("{log}"));
    told.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_fast_cipher_is_preferred_unless_the_user_or_the_other_side_says_otherwise() {
    require_machines!();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap();
    let has_aes = ["aes", "pclmulqdq"].iter().all(|it| cpu.split_whitespace().any(|is| is == *it))
        || ["aes", "pmull"].iter().all(|it| cpu.split_whitespace().any(|is| is == *it));
    let fast = if has_aes { "aes128-gcm@openssh.com" } else { "chacha20-poly1305@openssh.com" };
    assert_eq!(cipher("", ""), fast);
    assert_eq!(cipher("  Ciphers aes192-ctr,aes128-gcm@openssh.com\n", ""), "aes192-ctr");
    let chacha = "chacha20-poly1305@openssh.com";
    assert_eq!(cipher("", &format!("Ciphers {chacha}")), chacha);
}
