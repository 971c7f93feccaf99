//! Names that are not text, or too much of it: synced right, shown harmlessly, told exactly.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use btrsync_testutil::require_btrfs;
use serde_json::json;

use crate::support::{Ended, Pair, arrived, btrsync, run, snapshot};

const ODD: [&[u8]; 14] = [
    b"two words",
    b" around ",
    b"tab\tnew\nline",
    b"quote'double\"back`slash\\",
    b"$HOME;&|",
    b"-leading-dash",
    b"--",
    b"...",
    b"*?[a]",
    b"caf\xe9 \xff",
    b"\x1b[31m\x07red",
    b"\xe2\x80\xaeevil",
    "día 日 🦀".as_bytes(),
    &[b'n'; 255],
];

/// Snapshots under all odd names, in a directory with an odd name.
fn odd_pair() -> (Pair, PathBuf, PathBuf) {
    let pair = Pair::new();
    let dir = pair.snaps().join(OsStr::from_bytes(b"dir \n\xfe'\""));
    let dest = pair.dst.path().join(OsStr::from_bytes(b"-to\t\xfd $(x)"));
    [&dir, &dest].iter().for_each(|dir| fs::create_dir(dir).unwrap());
    for name in ODD {
        snapshot(&pair.origin(), &dir.join(OsStr::from_bytes(name)));
    }
    (pair, dir, dest)
}

#[test]
fn subvolumes_and_directories_with_odd_names_are_synced() {
    require_btrfs!();
    let (pair, dir, dest) = odd_pair();
    run(["-y".as_ref(), dir.as_os_str(), dest.as_os_str()]).exits(0);
    for name in ODD.map(OsStr::from_bytes) {
        arrived(&dir.join(name), &dest.join(name));
    }
    run(["-y".as_ref(), dir.as_os_str(), dest.as_os_str()]).exits(0).says(&["Nothing to do"]);
    run(pair.args(&["-yrf"])).exits(0);
    let below = pair.backup().join("snaps").join(dir.file_name().unwrap());
    for name in ODD.map(OsStr::from_bytes) {
        arrived(&dir.join(name), &below.join(name));
    }
}

#[test]
fn each_odd_name_can_be_given_as_an_argument() {
    require_btrfs!();
    let (_pair, dir, dest) = odd_pair();
    for name in ODD.map(OsStr::from_bytes) {
        let mut command = btrsync();
        command.current_dir(&dir).args(["-y", "--json", "--"]).arg(name).arg(&dest);
        let ended = Ended::of(&mut command).exits(0);
        assert_eq!(ended.plan().len(), 1, "{name:?}");
        arrived(&dir.join(name), &dest.join(name));
    }
}

#[test]
fn nothing_reaches_the_terminal_that_drives_it() {
    require_btrfs!();
    let (_pair, dir, dest) = odd_pair();
    for options in ["-n", "-nv", "-y"] {
        let ended = run([options.as_ref(), dir.as_os_str(), dest.as_os_str()]).exits(0);
        let shown = [ended.out.as_str(), ended.err.as_str()].concat();
        let bad: String = shown
            .chars()
            .filter(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || *c == '\u{202e}')
            .collect();
        assert_eq!(bad, "", "{shown}");
        let expected =
            [r"tab\tnew\nline", r"caf\xe9 \xff", r"\x1b[31m\x07red", r"\u{202e}evil", "día 日 🦀"];
        ended.says(&expected);
    }
    let missing = dest.join("no\x1bsuch");
    let ended = run(["-y".as_ref(), dir.as_os_str(), missing.as_os_str()]).exits(1);
    assert!(!ended.err.contains('\x1b') && ended.err.contains(r"no\x1bsuch"), "{ended:?}");
}

#[test]
fn json_carries_the_bytes_of_what_is_not_text() {
    require_btrfs!();
    let (_pair, dir, dest) = odd_pair();
    let ended = run(["-y".as_ref(), "--json".as_ref(), dir.as_os_str(), dest.as_os_str()]).exits(0);
    let path =
        |name: &[u8]| [&b"snaps/"[..], dir.file_name().unwrap().as_bytes(), b"/", name].concat();
    for kind in ["transfer", "start", "done"] {
        let events = ended.events_of(kind);
        let bytes: Vec<_> = events.iter().map(|event| event["volumes_bytes"].clone()).collect();
        assert_eq!(bytes, ODD.map(|name| json!([path(name)])), "{kind}");
        assert_eq!(events[1]["parent_bytes"], json!(path(ODD[0])));
        assert!(events[0]["parent"].is_null() && events[0].get("parent_bytes").is_none());
        assert_eq!(events[0]["into_bytes"], json!(dest.file_name().unwrap().as_bytes()));
        assert_eq!(events[0]["into"], "-to\t\u{fffd} $(x)");
    }
}
