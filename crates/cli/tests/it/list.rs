//! `btrsync list`: what is there, under any name.
//!
//! The hazard is a name that drives the terminal or fakes a line, and a listing that changes something.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use btrsync_testutil::{btrfs, require_btrfs};

use crate::support::{Ended, Pair, State, btrsync, run, snapshot, subvolume};

fn list(options: &[&str], at: &Path) -> Ended {
    Ended::of(btrsync().arg("list").args(options).arg(at))
}

/// The words of each line below the head.
fn rows(ended: &Ended) -> Vec<Vec<&str>> {
    ended.out.lines().skip(1).map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn all_that_is_there_is_listed_with_what_it_descends_from() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    subvolume(&pair.origin().join("nested"));
    let before = State::of(pair.src.path());
    let ended = list(&[], &pair.src.path().join("")).exits(0);
    before.unchanged(pair.src.path());
    let rows = rows(&ended);
    let path = |row: &Vec<&str>| row[0].to_owned();
    assert_eq!(
        rows.iter().map(path).collect::<Vec<_>>(),
        ["origin", "snaps/1", "snaps/2", "origin/nested"]
    );
    assert_eq!(rows[0][4..], ["rw", "snaps/2"]);
    assert_eq!(rows[1][4..], ["ro"]);
    assert_eq!(rows[2][4..], ["ro", "snaps/1"]);
    assert_eq!(rows[3][4..], ["rw"]);
    assert!(ended.err.is_empty(), "{ended:#?}");
}

#[test]
fn locations_are_those_of_a_source() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    let count = |at: &Path| rows(&list(&[], at).exits(0)).len();
    assert_eq!(count(&pair.snaps()), 2);
    assert_eq!(count(&pair.snaps().join("2")), 1);
    assert_eq!(count(&pair.src.path().join("*n*/[12]")), 2);
    assert_eq!(rows(&list(&["-x", "1"], &pair.snaps()).exits(0)).len(), 1);
    list(&[], &pair.backup()).exits(0).says(&["No subvolumes"]);
    list(&[], &pair.src.path().join("none")).exits(1).complains(&["what next"]);
    let stream = pair.src.path().join("stream");
    fs::write(&stream, btrfs::send(&pair.snaps().join("1"), None)).unwrap();
    assert_eq!(count(&stream), 1);
}

#[test]
fn what_says_that_it_was_received_is_told_with_what_speaks_against_it() {
    require_btrfs!();
    let pair = Pair::with_snapshots(&["1", "2"]);
    run(pair.args(&["-y"])).exits(0);
    btrsync_kernel::set_read_only(File::open(pair.backup().join("2")).unwrap(), false).unwrap();
    let ended = list(&[], &pair.backup()).exits(0);
    ended.says(&["ro    received", "rw    received, writable"]);
    let events = list(&["--json"], &pair.backup()).exits(0).events();
    assert_eq!(events.len(), 3);
    assert!(events[0]["claim"].is_null() && events[1]["claim"] == "writable", "{events:#?}");
    let uuid = events[0]["received_uuid"].as_str().unwrap();
    let shown = btrfs::show(&pair.snaps().join("1"));
    assert_eq!(uuid, shown.get("UUID"));
    list(&["-v"], &pair.backup()).exits(0).says(&[uuid]);
    assert_eq!(events[2]["outcome"], "done");
}

#[test]
fn hostile_names_stay_in_their_lines_and_columns() {
    require_btrfs!();
    let pair = Pair::new();
    let names: [&[u8]; 5] =
        [b"new\nline", b"caf\xe9", "日本".as_bytes(), b"\x1b[31mred", &[b'n'; 200]];
    for name in names.map(OsStr::from_bytes) {
        snapshot(&pair.origin(), &pair.snaps().join(name));
    }
    let ended = list(&[], &pair.snaps()).exits(0).says(&[r"new\nline", r"caf\xe9", r"\x1b[31mred"]);
    assert_eq!(ended.out.lines().count(), 6);
    assert!(!ended.out.contains('\x1b'));
    let narrow = list(&["--width=80"], &pair.snaps()).exits(0);
    assert!(narrow.out.lines().all(|line| line.chars().count() <= 80), "{narrow:#?}");
    let events = list(&["--json"], &pair.snaps()).exits(0).events_of("subvolume");
    assert_eq!(events[1]["path_bytes"], serde_json::json!(b"snaps/caf\xe9"));
}
