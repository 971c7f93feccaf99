//! What is printed, where, and in which order.

use std::process::Stdio;

use btrsync_testutil::require_btrfs;

use crate::support::{Ended, Pair, State, arrived, btrsync, paths, run};

#[test]
fn the_preview_has_its_lines() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let before = State::of(pair.dst.path());
    let ended = run(pair.args(&["-n", "--estimate=0"])).exits(0);
    let expected = format!(
        "At source {}\nAbout to sync the following subvolumes:\n\
        snaps/1\tfull -> backup (no COW ancestor among the source's snapshots)\n\
        snaps/2\tincr -> backup\n",
        pair.src.path().display()
    );
    assert_eq!((ended.out.as_str(), ended.err.as_str()), (expected.as_str(), ""));
    run(pair.args(&["-nv", "--estimate=0"])).exits(0).says(&[
        "\nsnaps/1\n\tfull (no COW ancestor among the source's snapshots)\n\tinto backup\n",
        "\nsnaps/2\n\tincremental from snaps/1 (nearest COW ancestor, sent earlier in this run)\n\tinto backup\n",
    ]);
    before.unchanged(pair.dst.path());
}

#[test]
fn a_full_transfer_says_why() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let reason = "none of its COW ancestors is at the destination";
    run(pair.args(&["-n", "-i", "2"]))
        .exits(0)
        .says(&[&format!("snaps/2\tfull -> backup ({reason})")]);
    let ended = run(pair.args(&["-n", "-i", "2", "--json"])).exits(0);
    assert_eq!(ended.events_of("transfer")[0]["reason"], reason);
    run(pair.args(&["-y", "-i", "1"])).exits(0);
    // The source's copy is changed under its old name: sent against it, the other would be wrong.
    let first = pair.snaps().join("1");
    btrsync_testutil::btrfs::set_ro(&first, false);
    std::fs::write(first.join("file"), "changed").unwrap();
    btrsync_testutil::btrfs::set_ro(&first, true);
    let problem =
        "the destination's copy of snaps/1 cannot be its parent: one of the two was changed";
    run(pair.args(&["-y"])).exits(0).says(&["snaps/2\tfull -> backup", problem]);
    arrived(&pair.snaps().join("2"), &pair.backup().join("2"));
}

#[test]
fn a_run_tells_what_it_does_as_quietly_as_wanted() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2", "3", "4"]);
    let ended = run(pair.args(&["-y", "--estimate=0", "-i", "1"])).exits(0);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], "snaps/1\tfull -> backup (no COW ancestor among the source's snapshots)");
    assert!(
        lines[1].starts_with(" - Done (") && lines[2].starts_with("1 subvolume sent, "),
        "{lines:?}"
    );
    assert_eq!((lines.len(), ended.err.as_str()), (3, ""));
    for (option, name) in [("-yq", "2"), ("-yqq", "3")] {
        let ended = run(pair.args(&[option, "-i", name])).exits(0);
        assert_eq!((ended.out.as_str(), ended.err.as_str()), ("", ""), "{option}");
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
    std::fs::create_dir(pair.backup().join("4")).unwrap();
    let ended = run(pair.args(&["-yq"])).exits(1).complains(&["already exists", "what next:"]);
    assert_eq!(ended.out, "");
    let ended = run(pair.args(&["-yqq"])).exits(1);
    assert_eq!((ended.out.as_str(), ended.err.as_str()), ("", ""));
}

#[test]
fn json_events_come_in_order_and_with_their_fields() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let ended = run(pair.args(&["-y", "--json"])).exits(0);
    let events: Vec<_> =
        ended.events().into_iter().filter(|event| event["event"] != "progress").collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["transfer", "transfer", "start", "done", "start", "done", "summary"]);
    for event in &events[..6] {
        let first = paths(event) == "snaps/1";
        assert_eq!(event["parent"].as_str(), if first { None } else { Some("snaps/1") });
        assert_eq!(event["kind"], if first { "full" } else { "incremental" });
        assert_eq!(event["into"], "backup");
        assert!(event["reason"].as_str().unwrap().contains("COW ancestor"));
    }
    assert_eq!(events[0]["source"], pair.src.path().to_str().unwrap());
    assert_eq!(events[0]["destination"], pair.dst.path().to_str().unwrap());
    assert!(events[3]["sent_bytes"].as_u64().unwrap() > 0 && events[3]["seconds"].is_number());
    let (summary, bytes) = (&events[6], |at: usize| events[at]["sent_bytes"].as_u64().unwrap());
    let counts = ["planned", "done", "failed", "left", "subvolumes", "exit_code"]
        .map(|key| summary[key].as_u64());
    assert_eq!(counts, [2, 2, 0, 0, 2, 0].map(Some));
    assert_eq!(summary["outcome"], "done");
    assert_eq!(summary["sent_bytes"].as_u64(), Some(bytes(3) + bytes(5)));
    assert_eq!(ended.err, "");
}

#[test]
fn a_dry_run_tells_json_too_and_a_rerun_only_sums_up() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let ended = run(pair.args(&["-n", "--json"])).exits(0);
    let kinds: Vec<_> = ended.events().iter().map(|event| event["event"].clone()).collect();
    assert_eq!(kinds, ["transfer", "summary"]);
    run(pair.args(&["-y"])).exits(0);
    let events = run(pair.args(&["-y", "--json"])).exits(0).events();
    assert_eq!((events.len(), &events[0]["planned"]), (1, &0.into()));
}

#[test]
fn a_reader_that_leaves_does_not_end_the_sync() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2", "3"]);
    for (option, name) in [("-p", "1"), ("--json", "2"), ("-v", "3")] {
        let mut command = btrsync();
        command
            .args(pair.args(&["-p", option, "-y", "-i", name]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{option}");
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
}

#[test]
fn without_a_terminal_it_refuses_at_once() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let before = State::of(pair.dst.path());
    let ended = run(pair.args(&[])).exits(2);
    assert_eq!(ended.out, "", "at once: not even a preview");
    ended.complains(&["there is no terminal to ask", "what next: give -y", "-n"]);
    let ended = run(pair.args(&["--json", "--interactive"])).exits(2);
    assert_eq!(ended.events_of("summary")[0]["exit_code"], 2);
    // Where nothing would be asked in the end it refuses all the same: a timer must not depend on luck.
    Ended::of(btrsync().args(["/no/such", "/place"])).exits(2);
    before.unchanged(pair.dst.path());
}

#[test]
fn wrong_usage_is_told_by_its_exit_code() {
    for args in [
        &[][..],
        &["one"],
        &["--no-such", "a", "b"],
        &["-P=0", "a", "b"],
        &["-y", "--scope", "x", "a", "b"],
    ] {
        let ended = run(args).exits(2);
        assert!(!ended.err.is_empty() && ended.out.is_empty(), "{ended:?}");
    }
    let again = ["-n", "-n", "-t1", "-t2", "-P=2", "-P=3", "--json", "--json", "/proc", "/proc"];
    run(again).exits(1).says(&["not on a btrfs"]);
    run(["-V"]).exits(0).says(&["btrsync ", env!("CARGO_PKG_VERSION")]);
    run(["--help"]).exits(0).says(&["SOURCE", "Exit codes:", "130 interrupted\n"]);
}

#[test]
fn what_cannot_be_written_fails_a_run_that_only_tells() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let into_full = |options: &[&str]| {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        btrsync().args(pair.args(options)).stdout(full).status().unwrap().code()
    };
    assert_eq!(into_full(&["-n"]), Some(1));
    assert_eq!(into_full(&["-n", "--json"]), Some(1));
    assert_eq!(into_full(&["-y"]), Some(0));
}
