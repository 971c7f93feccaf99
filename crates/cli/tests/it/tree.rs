//! `btrsync tree`: what descends from what, where it is, and what a sync would do.
//!
//! The hazard is a picture that disagrees with the sync: what it says is compared with a dry run.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{btrfs, require_btrfs};

use crate::support::{Ended, Pair, Pty, Running, State, btrsync, run, snapshot};

fn tree(pair: &Pair, options: &[&str]) -> Ended {
    Ended::of(btrsync().arg("tree").args(pair.args(options)))
}

/// The states of an answer as `PATH state`, those of the destination with `>` before them.
fn states(ended: &Ended) -> Vec<String> {
    let state = |event: serde_json::Value| {
        let side = if event["side"] == "destination" { ">" } else { "" };
        format!("{side}{} {}", event["path"].as_str().unwrap(), event["state"].as_str().unwrap())
    };
    ended.events_of("subvolume").into_iter().map(state).collect()
}

/// What would be sent, in the words of a dry run.
fn sent(ended: &Ended) -> Vec<String> {
    let events = ended.events_of("subvolume").into_iter();
    let sent = events.filter(|event| !event["kind"].is_null());
    sent.map(|event| {
        format!("{} {} {} {}", event["path"], event["kind"], event["parent"], event["reason"])
    })
    .collect()
}

fn planned(pair: &Pair) -> Vec<String> {
    let events = run(pair.args(&["-n", "--json"])).exits(0).events_of("transfer").into_iter();
    events
        .map(|event| {
            let (path, parent) = (&event["volumes"][0], &event["parent"]);
            format!("{path} {} {parent} {}", event["kind"], event["reason"])
        })
        .collect()
}

#[test]
fn it_says_what_a_sync_does_and_changes_nothing() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    run(pair.args(&["-y"])).exits(0);
    btrfs::delete(&pair.snaps().join("1"));
    pair.take("3");
    snapshot(&pair.src.path().join("other"), &pair.snaps().join("other"));
    let before = State::of(pair.dst.path());
    let ended = tree(&pair, &["--json"]).exits(0);
    let text = tree(&pair, &[]).exits(0);
    before.unchanged(pair.dst.path());
    let expected =
        ["snaps/2 both", "snaps/3 source", "snaps/other source", ">backup/1 destination"];
    assert_eq!(states(&ended), expected);
    let mut planned = planned(&pair);
    planned.sort();
    assert_eq!(sent(&ended), planned);
    text.says(&[
        "┌ snaps/2",
        "└ snaps/3",
        "─ snaps/other",
        "─ backup/1",
        "Only at destination",
        "send incremental from snaps/2",
        "send full: no COW ancestor",
    ]);
}

#[test]
fn without_a_destination_the_forest_is_drawn_with_what_is_writable() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    btrfs::snapshot_rw(&pair.snaps().join("1"), &pair.snaps().join("try"));
    let mut root = pair.src.path().as_os_str().to_owned();
    root.push("/");
    let ended = Ended::of(btrsync().arg("tree").arg(root)).exits(0);
    let lines: Vec<String> =
        ended.out.lines().skip(2).map(|line| line.split("  ").next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["┌ snaps/1", "├── snaps/try", "├ snaps/2", "└ origin"]);
}

#[test]
fn what_was_interrupted_is_partial_and_a_run_does_not_disturb() {
    require_btrfs!();
    let pair = Pair::with_large(60);
    Running::start(pair.args(&["--checkpoint=8M"])).in_transfer(30 << 20).kill();
    let lock = File::open(pair.backup()).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let ended = tree(&pair, &["--json"]).exits(0);
    assert_eq!(states(&ended), ["snaps/large partial"]);
    assert!(ended.events()[0]["partial_bytes"].as_u64().unwrap() >= 16 << 20, "{ended:#?}");
    tree(&pair, &[]).exits(0).says(&["partial, ", "go on: full"]);
}

#[test]
fn what_only_seems_to_be_a_copy_stands_out() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    run(pair.args(&["-y"])).exits(0);
    btrsync_kernel::set_read_only(File::open(pair.backup().join("2")).unwrap(), false).unwrap();
    let changed = pair.snaps().join("1");
    btrfs::set_ro(&changed, false);
    fs::write(changed.join("file"), "changed").unwrap();
    btrfs::set_ro(&changed, true);
    let ended = tree(&pair, &["--json"]).exits(0);
    assert_eq!(states(&ended), ["snaps/1 doubtful", "snaps/2 source", ">backup/2 destination"]);
    let text = tree(&pair, &[]).exits(0);
    text.says(&["  diverged  ", "leave it out: ", "only there; received, writable"]);
}

#[test]
fn sizes_are_told_where_quotas_count_them_and_are_never_switched_on() {
    require_btrfs!();
    let pair = Pair::with_large(8);
    run(pair.args(&["-y"])).exits(0);
    let list = |options: &[&str]| {
        Ended::of(btrsync().arg("list").args(options).arg(pair.snaps())).exits(0)
    };
    let bytes = |ended: &Ended| ended.events()[0]["referenced_bytes"].as_u64();
    assert!(!list(&[]).out.contains("SIZE") && !tree(&pair, &[]).out.contains("SIZE"));
    assert_eq!(bytes(&list(&["--json"])), None);
    for words in [&["enable"][..], &["rescan", "-w"]] {
        let mut quota = program("btrfs");
        output(quota.arg("quota").args(words).arg(pair.src.path())).unwrap();
    }
    // Metadata counts too, which is 16 KiB.
    assert_eq!(bytes(&list(&["--json"])), Some((8 << 20) + (16 << 10)));
    let event = &tree(&pair, &["--json"]).exits(0).events()[0];
    assert!(event["exclusive_bytes"].as_u64() < Some(1 << 20), "shared with its origin: {event}");
    for shown in [list(&[]), tree(&pair, &[])] {
        shown.says(&[" SIZE     EXCLUSIVE  ", "  8.0 MiB   16.0 KiB  "]);
    }
    tree(&pair, &["--format=dot"]).says(&[r"\lsize 8.0 MiB\lexclusive 16.0 KiB\l"]);
    tree(&pair, &["--format=svg"]).says(&[">8.0 MiB</text>"]);
    tree(&pair, &["--format=html"]).says(&["<td class=\"number\" data-what=\"size\">8.0 MiB</td>"]);
}

/// Snapshots with names that a terminal, a page or a graph could take for something else.
fn hostile() -> Pair {
    let pair = Pair::new();
    let names: [&[u8]; 8] = [
        b"new\nline",
        b"caf\xe9",
        "日本語のスナップショット".as_bytes(),
        b"\x1b[31mred",
        b"<img src=x onerror=alert(1)>",
        b"a\"b\\l&amp;",
        "\u{202e}\u{ffff}".as_bytes(),
        &[b'n'; 200],
    ];
    for name in names.map(OsStr::from_bytes) {
        snapshot(&pair.origin(), &pair.snaps().join(name));
    }
    pair
}

#[test]
fn lines_fit_a_narrow_terminal_and_colours_stay_there() {
    require_btrfs!();
    let pair = hostile();
    let mut args = vec![std::borrow::Cow::from(OsStr::new("tree"))];
    args.extend(pair.args(&[]));
    let (code, plain) = Pty::start_in(args.clone(), "", 80, "NO_COLOR=1").end();
    assert!(code == 0 && !plain.contains('\x1b') && plain.contains("send full"), "{plain}");
    for line in plain.lines() {
        // Of the characters that take two columns there are no others here.
        let wide = line.chars().filter(|c| ('\u{3000}'..'\u{a000}').contains(c)).count();
        assert!(line.trim_end().chars().count() + wide <= 80, "{line:?}");
    }
    let (_, coloured) = Pty::start_in(args, "", 80, "NO_COLOR=").end();
    assert!(coloured.contains("\x1b[36m"), "{coloured}");
    let piped =
        tree(&pair, &[]).exits(0).says(&[r"new\nline", r"caf\xe9", r"\x1b[31mred", r"\u{202e}"]);
    assert!(!piped.out.contains('\x1b') && piped.out.lines().count() == 10, "{piped:#?}");
}

#[test]
fn pages_and_graphs_hold_names_as_text() {
    require_btrfs!();
    let pair = hostile();
    for format in ["svg", "html"] {
        let shown = tree(&pair, &["--format", format]).exits(0).out;
        assert!(shown.contains("&lt;img src=x onerror=alert(1)&gt;"), "{shown}");
        assert!(!shown.contains("<img") && !shown.contains('\u{ffff}'), "{shown}");
        assert!(!shown.contains("http://") || format == "svg", "nothing is loaded: {shown}");
    }
    let dot = tree(&pair, &["--format=dot"]).exits(0).out;
    // A quote is escaped, and a backslash; that of the name was escaped before.
    assert!(dot.contains(r#"a\"b\\\\l&amp;amp;\l"#), "{dot}");
    assert!(dot.contains("n0_0 -> n0_1"), "{dot}");
}

#[test]
fn a_file_is_written_and_none_is_overwritten() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1"]);
    let file = pair.src.path().join("page.html");
    let path = file.to_str().unwrap();
    let options = ["--format=html", "-o", path];
    assert_eq!(tree(&pair, &options).exits(0).out, "");
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "{page}");
    tree(&pair, &options).exits(1).complains(&["page.html: File exists", "what next"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), page);
}
