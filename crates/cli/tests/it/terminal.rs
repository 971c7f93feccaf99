//! On a terminal: the question and its answers, Ctrl-C, and the bars.

use std::fs;

use btrsync_testutil::{require_btrfs, require_tool};

use crate::support::{Ended, Pair, Pty, State, arrived, snapshot};

const QUESTION: &str = "Proceed? [y/N/(s)kip] ";

#[test]
fn a_yes_sends() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["1", "2"]);
    for (name, answer) in [("1", "y\n"), ("2", " Yes \n")] {
        let (code, text) = Pty::start(pair.args(&["-i", name])).shows(QUESTION).types(answer).end();
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("At source ") && text.contains(" - Done"), "{text}");
        arrived(&pair.snaps().join(name), &pair.backup().join(name));
    }
    let (code, text) = Pty::start(pair.args(&[])).end();
    assert!(code == 0 && text.contains("Nothing to do") && !text.contains(QUESTION), "{text}");
}

#[test]
fn anything_but_a_yes_sends_nothing() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["1"]);
    let before = State::of(pair.dst.path());
    // The last one ends the input.
    for (answer, expected) in [("n\n", 1), ("\n", 1), ("yep\n", 1), ("s\n", 0), ("\x04", 1)] {
        let (code, text) = Pty::start(pair.args(&[])).shows(QUESTION).types(answer).end();
        assert_eq!(code, expected, "{answer:?}: {text}");
        assert!(!text.contains("Done"), "{text}");
        before.unchanged(pair.dst.path());
    }
}

#[test]
fn a_skip_goes_on_with_the_next_source_and_a_no_does_not() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::new();
    let snaps = ["a", "b"].map(|name| {
        snapshot(&pair.src.path().join(format!("origin-{name}")), &pair.snaps().join(name))
    });
    let args = [&snaps[0], &snaps[1], &pair.backup()].map(|path| path.as_os_str().to_owned());
    let (code, text) = Pty::start(&args).shows(QUESTION).types("n\n").end();
    assert_eq!((code, text.matches(QUESTION).count()), (1, 1), "{text}");
    let asked = Pty::start(&args)
        .shows(QUESTION)
        .types("s\n")
        .shows("snaps/b    full")
        .shows(&format!("{QUESTION}s"));
    let (code, text) = asked.types("y\n").end();
    assert_eq!((code, text.matches(QUESTION).count()), (0, 2), "{text}");
    assert!(!pair.backup().join("a").exists());
    arrived(&snaps[1], &pair.backup().join("b"));
}

#[test]
fn ctrl_c_at_the_question_ends_it() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["1"]);
    let before = State::of(pair.dst.path());
    let (code, text) = Pty::start(pair.args(&[])).shows(QUESTION).types("\x03").end();
    assert_eq!(code, 130, "{text}");
    assert!(text.contains("interrupted; nothing of this source was sent"), "{text}");
    before.unchanged(pair.dst.path());
}

#[test]
fn ctrl_c_in_a_transfer_ends_it_cleanly() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_large(400);
    let before = State::of(pair.dst.path());
    let args = pair.args(&["-y", "--checkpoint=0"]);
    let (code, text) = Pty::start(args).shows("MiB/s").types("\x03").end();
    assert_eq!(code, 130, "{text}");
    assert!(
        !text.contains("Done (") && !text.contains("failed (signal"),
        "the receiver is no cause: {text}"
    );
    before.same_content(pair.dst.path());
}

#[test]
fn ctrl_z_in_a_transfer_is_answered_and_goes_by() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_large(300);
    let (code, text) = Pty::start(pair.args(&["-y"])).shows("MiB/s").types("\x1a").end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("btrsync: cannot be suspended"), "{text}");
    arrived(&pair.snaps().join("large"), &pair.backup().join("large"));
}

#[test]
fn bars_are_shown_and_cleared() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_large(400);
    let (code, text) = Pty::start(pair.args(&["-y"])).end();
    assert_eq!(code, 0, "{text}");
    let bar =
        |line: &str| line.contains("snaps/large ") && line.contains("MiB/s") && line.contains("% ");
    assert!(text.split(['\r', '\n']).any(bar), "{text:?}");
    assert!(text.contains(" - Done (") && text.contains("\x1b[2K"), "{text:?}");
    let (_, quiet) = Pty::start(pair.args(&["-yqf"])).end();
    assert!(!quiet.contains("iB/s"), "{quiet:?}");
}

#[test]
fn json_on_a_terminal_asks_elsewhere_and_shows_no_bar() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::with_snapshots(&["1"]);
    let file = pair.dst.path().join("events");
    let to_file = format!("> '{}'", file.display());
    let (code, text) =
        Pty::start_to(pair.args(&["--json"]), &to_file).shows(QUESTION).types("y\n").end();
    assert_eq!(code, 0, "{text}");
    let ended = Ended { code, out: fs::read_to_string(&file).unwrap(), err: text };
    assert_eq!(ended.events_of("done").len(), 1);
    assert!(!ended.err.contains("iB/s"), "{ended:?}");
    arrived(&pair.snaps().join("1"), &pair.backup().join("1"));
}

#[test]
fn a_no_after_something_was_sent_is_still_a_no() {
    require_btrfs!();
    require_tool!("script");
    let pair = Pair::new();
    let snaps = ["a", "b"].map(|name| {
        snapshot(&pair.src.path().join(format!("origin-{name}")), &pair.snaps().join(name))
    });
    let args = [&snaps[0], &snaps[1], &pair.backup()].map(|path| path.as_os_str().to_owned());
    let asked =
        Pty::start(&args).shows(QUESTION).types("y\n").shows(" - Done").shows("snaps/b    full");
    let (code, text) = asked.types("n\n").end();
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("nothing of this source was sent"), "{text}");
    arrived(&snaps[0], &pair.backup().join("a"));
}
