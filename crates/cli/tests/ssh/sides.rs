//! Two machines with a filesystem each, and a sync between them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use btrsync_testutil::Network;
use btrsync_testutil::machine::{Builder, Machine};

use crate::support::{Ended, Pair, Running, arrived, no_leftover};

pub(crate) const BTRSYNC: &str = env!("CARGO_BIN_EXE_btrsync");

/// Which side is the other machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Push,
    Pull,
}

pub(crate) const BOTH: [Way; 2] = [Way::Push, Way::Pull];

/// A pair of filesystems, one on the near machine and one on the far one.
#[derive(Debug)]
pub(crate) struct Sides {
    // First: nothing may use the filesystems any more when they go.
    pub(crate) net: Network,
    pub(crate) pair: Pair,
    pub(crate) way: Way,
}

impl Sides {
    #[track_caller]
    pub(crate) fn new(way: Way, pair: Pair) -> Self {
        Self::with(way, pair, Machine::builder())
    }

    #[track_caller]
    pub(crate) fn with(way: Way, pair: Pair, far: Builder) -> Self {
        let net = Network::of(&[far]);
        let (near, far) = match way {
            Way::Push => (&pair.dst, &pair.src),
            Way::Pull => (&pair.src, &pair.dst),
        };
        net.near.hide(near.path());
        net.far[0].hide(far.path());
        Self { net, pair, way }
    }

    #[track_caller]
    pub(crate) fn push(pair: Pair) -> Self {
        Self::new(Way::Push, pair)
    }

    #[track_caller]
    pub(crate) fn pull(pair: Pair) -> Self {
        Self::new(Way::Pull, pair)
    }

    pub(crate) fn near(&self) -> &Machine {
        &self.net.near
    }

    pub(crate) fn far(&self) -> &Machine {
        &self.net.far[0]
    }

    pub(crate) fn source(&self) -> OsString {
        let mut source = self.located(Way::Pull, &self.pair.snaps());
        source.push("/");
        source
    }

    pub(crate) fn destination(&self) -> OsString {
        self.located(Way::Push, &self.pair.backup())
    }

    fn located(&self, far: Way, path: &Path) -> OsString {
        if self.way == far { at("far", path) } else { path.into() }
    }

    /// Prepares the plain case, `snaps/` and `backup`, with options before them.
    pub(crate) fn command(&self, options: &[&str]) -> Command {
        let mut command = self.near().command(BTRSYNC);
        command.args(options).arg(self.source()).arg(self.destination());
        command
    }

    /// Runs the plain case.
    #[track_caller]
    pub(crate) fn sync(&self, options: &[&str]) -> Ended {
        Ended::of(&mut self.command(options))
    }

    /// Starts the plain case.
    #[track_caller]
    pub(crate) fn start(&self, options: &[&str]) -> Running {
        let watched = [&["--json", "-y", "-t", "0.01"], options].concat();
        Running::command(&mut self.command(&watched))
    }

    /// Runs with other arguments on the near machine.
    #[track_caller]
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ended {
        Ended::of(self.near().command(BTRSYNC).args(args))
    }

    /// Asserts that all of `snaps` has arrived, and that nothing is left, there or on its way.
    #[track_caller]
    pub(crate) fn is_complete(&self) {
        for entry in std::fs::read_dir(self.pair.snaps()).unwrap() {
            let snap = entry.unwrap().path();
            arrived(&snap, &self.pair.backup().join(snap.file_name().unwrap()));
        }
        no_leftover(self.pair.dst.path());
        self.is_quiet();
    }

    /// Runs again and expects everything to be there.
    #[track_caller]
    pub(crate) fn completes(&self) {
        self.sync(&["-y"]).exits(0);
        self.is_complete();
    }

    /// Asserts that no process is left on either machine, and no socket.
    #[track_caller]
    pub(crate) fn is_quiet(&self) {
        all_end(self.near());
        self.net.far.iter().for_each(all_end);
        assert_eq!(sockets(self.near()), [] as [PathBuf; 0]);
    }
}

/// A location on another machine.
pub(crate) fn at(host: &str, path: &Path) -> OsString {
    let mut location = OsString::from(format!("{host}:"));
    location.push(path);
    location
}

/// Lets a process of a machine lock a directory, and returns when it has.
#[track_caller]
pub(crate) fn locked_by(machine: &Machine, path: &Path) -> std::process::Child {
    let mut flock = machine.command("flock");
    let holder = flock.arg(path).args(["sleep", "1000"]).spawn().unwrap();
    while machine.process("sleep 1000").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    holder
}

/// Asserts that all processes of a machine end soon.
#[track_caller]
pub(crate) fn all_end(machine: &Machine) {
    let begin = std::time::Instant::now();
    loop {
        let left = machine.processes();
        if left.is_empty() {
            return;
        }
        assert!(begin.elapsed().as_secs() < 10, "still there: {left:#?}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// The directories of the sockets of ssh on a machine, as seen from outside.
#[track_caller]
pub(crate) fn sockets(machine: &Machine) -> Vec<PathBuf> {
    let base = machine.outside("/run/user/0".as_ref());
    std::fs::read_dir(base).unwrap().map(|entry| entry.unwrap().path()).collect()
}
