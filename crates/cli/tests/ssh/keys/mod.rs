//! Keys that can do only one thing: `btrsync serve --root DIR --allow …` as their forced command.
//!
//! The hazard is a fence with a hole that no honest client would ever find. So beside what must work there is
//! a table of what must not, spoken by hand over a real sshd; after each nothing may have changed, and the
//! log of the system must have heard of it.

mod commands;
mod peer;
mod requests;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use btrsync_testutil::{btrfs, require_machines};

use crate::agent::installed;
use crate::sides::{BTRSYNC, Sides, Way, at};
use crate::support::{Pair, State, snapshot};

/// Two machines; what the key of the far one can do there is limited.
pub(crate) struct Keys {
    // First: nothing may use the filesystems any more when they go.
    pub(crate) sides: Sides,
    log: UnixDatagram,
    _home: tempfile::TempDir,
}

impl Keys {
    /// Lets the key do so much, below the directory of the far side.
    #[track_caller]
    pub(crate) fn new(way: Way, pair: Pair, allow: &str) -> Self {
        let sides = Sides::with(way, pair, installed());
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("log");
        let log = UnixDatagram::bind(&socket).unwrap();
        log.set_nonblocking(true).unwrap();
        let keys = Self { sides, log, _home: home };
        let file = keys.sides.far().identity().with_extension("pub");
        let key = fs::read_to_string(&file).unwrap();
        let root = keys.dir();
        let command = format!(
            "{BTRSYNC} serve --root '{}' --allow {allow} --log '{}'",
            root.display(),
            socket.display()
        );
        fs::write(&file, format!("command=\"{command}\",restrict {key}")).unwrap();
        keys
    }

    /// The directory on the far side.
    pub(crate) fn dir(&self) -> PathBuf {
        match self.sides.way {
            Way::Push => self.sides.pair.backup(),
            Way::Pull => self.sides.pair.snaps(),
        }
    }

    /// What the log has heard since it was asked last.
    pub(crate) fn log(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = [0; 2048];
        while let Ok(count) = self.log.recv(&mut line) {
            lines.push(String::from_utf8(line[..count].to_vec()).unwrap());
        }
        lines
    }
}

/// Others on the filesystem of the far side, who are none of the client's business.
pub(crate) fn others(keys: &Keys) -> PathBuf {
    let fs = match keys.sides.way {
        Way::Push => keys.sides.pair.dst.path(),
        Way::Pull => keys.sides.pair.src.path(),
    };
    let other = keys.dir().with_file_name("other");
    fs::create_dir(&other).unwrap();
    snapshot(&fs.join("secret"), &other.join("secret-1"));
    fs::write(fs.join("secret/more"), "more").unwrap();
    btrfs::snapshot_ro(&fs.join("secret"), &other.join("secret-2"));
    // Its name begins like that of the directory.
    fs::create_dir(keys.dir().with_file_name(format!("{}2", name(keys)))).unwrap();
    symlink("/", keys.dir().join("link")).unwrap();
    symlink("../other", keys.dir().join("beside")).unwrap();
    other
}

fn name(keys: &Keys) -> String {
    keys.dir().file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn one_that_can_only_receive_does_that_and_nothing_else() {
    require_machines!();
    let keys = Keys::new(Way::Push, Pair::with_zoo(2), "receive");
    let sides = &keys.sides;
    let ended = sides.sync(&["-y", "--json"]).exits(0);
    assert_eq!(ended.plan(), ["snaps/round-0 full", "snaps/round-1 incremental"]);
    sides.is_complete();
    sides.pair.next_round(2);
    // A relative path begins at the directory.
    sides.run(["-y".into(), sides.source(), "far:".into()]).exits(0);
    sides.is_complete();
    sides.sync(&["-y"]).exits(0).says(&["Nothing to do"]);
    assert_eq!(keys.log(), [] as [&str; 0]);
    // What was received cannot be read with it.
    let home = btrsync_testutil::LoopFs::new();
    let back = ["-y".into(), sides.destination(), home.path().into()];
    let refused = sides.run(back).exits(1);
    refused.complains(&["far: not allowed: to read", "what next: log in with another key"]);
    let verify = ["verify".into(), sides.source(), sides.destination()];
    sides.run(verify).exits(6);
    // Nor what is beside it.
    let beside = at("far", sides.pair.dst.path());
    sides.run(["-n".into(), sides.source(), beside]).exits(1).complains(&["not allowed"]);
    let log = keys.log();
    assert!(log.len() >= 3, "{log:#?}");
    sides.is_quiet();
}

#[test]
fn one_that_can_only_send_does_that_and_nothing_else() {
    require_machines!();
    let keys = Keys::new(Way::Pull, Pair::with_zoo(2), "send");
    keys.sides.sync(&["-y", "--verify"]).exits(0);
    keys.sides.is_complete();
    let before = State::of(keys.sides.pair.src.path());
    let copies = keys.sides.pair.backup().into_os_string();
    let back = ["-ycf".into(), copies, at("far", &keys.dir().join("new"))];
    keys.sides.run(back).exits(1).complains(&["far: not allowed: to receive"]);
    before.unchanged(keys.sides.pair.src.path());
}

#[test]
fn one_that_can_only_list_shows_what_would_be_done() {
    require_machines!();
    for way in crate::sides::BOTH {
        let keys = Keys::new(way, Pair::with_snapshots(&["1"]), "list");
        let before = State::of(keys.sides.pair.dst.path());
        keys.sides.sync(&["-n"]).exits(0).says(&["snaps/1\tfull"]);
        keys.sides.sync(&["-y"]).exits(1).complains(&["far: not allowed: to "]);
        before.unchanged(keys.sides.pair.dst.path());
    }
}

#[test]
fn what_is_beside_the_directory_is_not_listed() {
    require_machines!();
    let keys = Keys::new(Way::Pull, Pair::with_snapshots(&["1"]), "send");
    others(&keys);
    let ended = keys.sides.sync(&["-n", "--json"]).exits(0);
    assert_eq!(ended.plan(), ["snaps/1 full"]);
    assert!(!ended.out.contains("secret"), "{ended:#?}");
}

#[test]
fn one_that_can_only_delete_removes_what_was_left_and_nothing_else() {
    require_machines!();
    let keys = Keys::new(Way::Push, Pair::with_snapshots(&["1"]), "delete");
    let staging = keys.dir().join(format!(".btrsync-{}.partial", "a".repeat(32)));
    btrfs::create_subvolume(&staging);
    let clean = ["clean".into(), "-y".into(), keys.sides.destination()];
    keys.sides.run(clean).exits(0).says(&["1 of 1 removed"]);
    assert!(!staging.exists());
    keys.sides.sync(&["-y"]).exits(1).complains(&["far: not allowed: to receive"]);
}
