//! Names of any bytes, and every way to name a place on another machine.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use btrsync_testutil::{Network, btrfs, require_machines};

use crate::sides::{BOTH, Sides, Way, at};
use crate::support::{Pair, arrived, no_leftover, snapshot, subvolume};

const ODD: [&[u8]; 14] = [
    b"two words",
    b" around ",
    b"tab\tnew\nline\n",
    b"quote'double\"back`slash\\",
    b"$HOME;&|$(touch x)`touch x`",
    b"-leading-dash",
    b"--",
    b"...",
    b"*?[a]",
    b"caf\xe9 \xff",
    b"\x1b[31m\x07red",
    b"%s%n\\0101\\c",
    b"~",
    &[b'n'; 255],
];

fn odd(dir: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let dir = dir.to_path_buf();
    ODD.into_iter().map(move |name| dir.join(OsStr::from_bytes(name)))
}

#[test]
fn names_of_any_bytes_in_directories_of_any_bytes() {
    require_machines!();
    for way in BOTH {
        let pair = Pair::new();
        let dir = pair.snaps().join(OsStr::from_bytes(b"dir \n\xfe'\"\\$x"));
        let dest = pair.backup().join(OsStr::from_bytes(b"-to\t\xfd $(x)\\\n"));
        [&dir, &dest].iter().for_each(|dir| fs::create_dir(dir).unwrap());
        odd(&dir).for_each(|path| _ = snapshot(&pair.origin(), &path));
        let sides = Sides::new(way, pair);
        let (from, to) = match way {
            Way::Push => (dir.clone().into_os_string(), at("far", &dest)),
            Way::Pull => (at("far", &dir), dest.clone().into_os_string()),
        };
        sides.run([OsStr::new("-y"), &from, &to]).exits(0);
        for path in odd(&dir) {
            arrived(&path, &dest.join(path.file_name().unwrap()));
        }
        assert_eq!(fs::read_dir(&dest).unwrap().count(), ODD.len());
        sides.run([OsStr::new("-y"), &from, &to]).exits(0).says(&["Nothing to do"]);
        // Each by its own name, with its directories.
        for path in odd(&dir).filter(|path| !path.ends_with("*?[a]")) {
            let mut one = from.clone();
            one.push("/");
            one.push(path.file_name().unwrap());
            let args = [OsString::from("-yrf"), one, sides.destination()];
            sides.run(args).exits(0);
            let below = path.strip_prefix(sides.pair.src.path()).unwrap();
            arrived(&path, &sides.pair.backup().join(below));
        }
        no_leftover(sides.pair.dst.path());
        sides.is_quiet();
    }
}

#[test]
fn a_pattern_is_matched_over_there_and_by_no_shell() {
    require_machines!();
    let pair = Pair::with_snapshots(&["day-1", "day-2", "week-1", "x$y"]);
    let sides = Sides::pull(pair);
    for (pattern, expected) in [
        ("day-*", &["day-1 full", "day-2 incremental"][..]),
        ("[dw]*-1", &["day-1 full", "week-1 incremental"]),
        ("x$*", &["x$y full"]),
    ] {
        let from = at("far", &sides.pair.snaps().join(pattern));
        let args = ["-n".into(), "--json".into(), from, sides.destination()];
        let plan = sides.run(args).exits(0).plan();
        let names: Vec<&str> = plan.iter().map(|step| step.trim_start_matches("snaps/")).collect();
        assert_eq!(names, expected, "{pattern}");
    }
    let from = at("far", &sides.pair.snaps().join("none*"));
    let args = ["-y".into(), from, sides.destination()];
    sides.run(args).exits(1).complains(&["no subvolume of far:", "matches"]);
}

/// The home of root at the far machine, on its filesystem: what is relative is relative to that.
#[test]
fn relative_paths_and_homes_are_those_of_the_other_machine() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&["1"]));
    let home = sides.far().home("root");
    let bind = |machine: &btrsync_testutil::Machine| {
        let mut mount = machine.command("mount");
        mount.arg("--bind").arg(sides.pair.dst.path()).arg(&home);
        btrsync_testutil::command::output(&mut mount).unwrap();
    };
    bind(sides.far());
    let top = sides.pair.dst.path();
    for (number, location) in [
        "far:backup",
        "far:",
        "far:.",
        "far:~",
        "far:~/backup",
        "far:~root/backup",
        "ssh://far/~/backup",
        "far:./backup/../backup",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("snap-{number}");
        sides.pair.take(&name);
        let source = sides.pair.snaps().join(&name);
        sides.run(["-y".into(), source.clone().into_os_string(), location.into()]).exits(0);
        let dir = if location.contains("backup") { top.join("backup") } else { top.to_path_buf() };
        arrived(&source, &dir.join(&name));
    }
}

#[test]
fn every_form_of_a_location() {
    require_machines!();
    let sides = Sides::push(Pair::with_snapshots(&[]));
    let (four, six) = (Network::address(0), Network::address6(0));
    let path = sides.pair.backup();
    let path = path.to_str().unwrap();
    let locations = [
        format!("far:{path}"),
        format!("root@far:{path}"),
        format!("{four}:{path}"),
        format!("[{six}]:{path}"),
        format!("root@[{six}]:{path}"),
        format!("ssh://far{path}"),
        format!("ssh://root@{four}:2222{path}"),
        format!("ssh://[{six}]:2222{path}"),
        format!("ssh://[{six}]{path}"),
    ];
    for (number, location) in locations.iter().enumerate() {
        let name = format!("snap-{number}");
        sides.pair.take(&name);
        let source = sides.pair.snaps().join(&name);
        sides.run([OsStr::new("-y"), source.as_os_str(), OsStr::new(location)]).exits(0);
        arrived(&source, &sides.pair.backup().join(&name));
    }
    let log = sides.far().log();
    assert_eq!(sides.far().logins(), locations.len());
    assert_eq!(log.matches("port 2222 rdomain").count(), 2, "{log}");
    sides.is_quiet();
}

/// What a link leads to, and a subvolume that is mounted by itself.
#[test]
fn links_and_mounts_of_the_other_machine() {
    require_machines!();
    let sides = Sides::pull(Pair::with_snapshots(&["1"]));
    std::os::unix::fs::symlink("snaps", sides.pair.src.path().join("link")).unwrap();
    let from = at("far", &sides.pair.src.path().join("link"));
    sides.run(["-y".into(), from, sides.destination()]).exits(0);
    sides.is_complete();
    let nested = subvolume(&sides.pair.src.path().join("nested"));
    btrfs::snapshot_ro(&nested, &sides.pair.snaps().join("2"));
    let from = at("far", &sides.pair.src.path().join("link/2"));
    sides.run(["-y".into(), from, sides.destination()]).exits(0);
    sides.is_complete();
}
