//! A source and a destination, of which one or both are on other machines, with a btrsync there or not.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use btrsync_testutil::Network;
use btrsync_testutil::machine::{Machine, Weather};

use crate::sides::{BTRSYNC, all_end, at};
use crate::support::{Ended, Pair, Running, arrived, no_leftover, published_are_complete};

pub(crate) const MIB: u64 = 1 << 20;

/// How often what was received is made durable in these tests.
pub(crate) const EVERY: &str = "--checkpoint=1M";

/// Who is where, and which of the other machines have a btrsync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The destination is the other machine.
    Push(bool),
    /// The source is.
    Pull(bool),
    /// Both are.
    Between { from: bool, to: bool },
}

const ALL: [Way; 8] = [
    Way::Push(true),
    Way::Push(false),
    Way::Pull(true),
    Way::Pull(false),
    Way::Between { from: true, to: true },
    Way::Between { from: true, to: false },
    Way::Between { from: false, to: true },
    Way::Between { from: false, to: false },
];

impl Way {
    /// Whether our own receiver is at work, which can go on.
    pub(crate) fn goes_on(self) -> bool {
        matches!(self, Self::Push(true) | Self::Pull(_) | Self::Between { to: true, .. })
    }
}

/// Whether a test is to be run in its long form.
pub(crate) fn is_full() -> bool {
    std::env::var_os("BTRSYNC_TEST_FULL").is_some()
}

/// Does something in some ways, or all where the test is long.
#[track_caller]
pub(crate) fn each(some: &[Way], mib: usize, act: impl Fn(&Scene) + Sync) {
    each_of(if is_full() { &ALL } else { some }, mib, act);
}

/// Does something in some ways at once, for it is mostly waiting. A file of so many MiB is to be sent.
#[track_caller]
pub(crate) fn each_of(ways: &[Way], mib: usize, act: impl Fn(&Scene) + Sync) {
    std::thread::scope(|scope| {
        for way in ways {
            let act = &act;
            scope.spawn(move || act(&Scene::new(*way, Pair::with_large(mib))));
        }
    });
}

/// Two filesystems of which each is seen by its own machine only.
pub(crate) struct Scene {
    // First: nothing may use the filesystems any more when they go.
    pub(crate) net: Network,
    pub(crate) pair: Pair,
    pub(crate) way: Way,
}

impl Scene {
    #[track_caller]
    pub(crate) fn new(way: Way, pair: Pair) -> Self {
        let machine = |served| match served {
            true => Machine::builder().program(BTRSYNC),
            false => Machine::builder(),
        };
        let (src, dst) = (pair.src.path(), pair.dst.path());
        let net = match way {
            Way::Push(served) | Way::Pull(served) => Network::of(&[machine(served)]),
            Way::Between { from, to } => Network::of(&[machine(from), machine(to)]),
        };
        match way {
            Way::Push(_) => hide(&net, &[dst], &[&[src]]),
            Way::Pull(_) => hide(&net, &[src], &[&[dst]]),
            Way::Between { .. } => hide(&net, &[src, dst], &[&[dst], &[src]]),
        }
        Self { net, pair, way }
    }

    /// Does something to all cables.
    pub(crate) fn weather(&self, what: Weather) {
        (0..self.net.far.len()).for_each(|far| self.net.weather(far, what));
    }

    fn source(&self) -> OsString {
        let snaps = self.pair.snaps();
        let mut source = match self.way {
            Way::Push(_) => snaps.into(),
            Way::Pull(_) => at("far", &snaps),
            Way::Between { .. } => at("far0", &snaps),
        };
        source.push("/");
        source
    }

    fn destination(&self) -> OsString {
        let backup = self.pair.backup();
        match self.way {
            Way::Push(_) => at("far", &backup),
            Way::Pull(_) => backup.into(),
            Way::Between { .. } => at("far1", &backup),
        }
    }

    /// The number of the far machine that a test does something to: the destination, if that is one.
    pub(crate) fn target(&self) -> usize {
        usize::from(matches!(self.way, Way::Between { .. }))
    }

    /// Makes the destination what it was.
    pub(crate) fn clear(&self) {
        crate::support::clear(&self.pair);
    }

    pub(crate) fn command(&self, options: &[&str]) -> Command {
        let mut command = self.net.near.command(BTRSYNC);
        command.args(["--json", "-y", EVERY]).args(options);
        command.arg(self.source()).arg(self.destination());
        command
    }

    /// Runs to the end.
    #[track_caller]
    pub(crate) fn sync(&self, options: &[&str]) -> Ended {
        Ended::of(&mut self.command(options))
    }

    /// Starts, slowly, and waits until some of it is there.
    #[track_caller]
    pub(crate) fn begun(&self, options: &[&str]) -> Running {
        let slowly = ["-t", "0.01", "--buffer=0", "--bwlimit=4m"];
        let options = [&slowly[..], options].concat();
        Running::command(&mut self.command(&options)).in_transfer(5 * MIB)
    }

    /// Waits for the end of a run that must not take longer than that, nor come to its end; `words` are in
    /// the reason that it tells.
    #[track_caller]
    pub(crate) fn fails(&self, running: Running, within: Duration, words: &[&str]) {
        let begin = Instant::now();
        let ended = running.end();
        let took = begin.elapsed();
        assert!(took < within, "{:?}: {took:?}: {ended:#?}", self.way);
        assert_eq!(ended.code, 1, "{:?}: {ended:#?}", self.way);
        let errors = ended.events_of("error");
        let text = errors.first().map(ToString::to_string).unwrap_or_default();
        let is_told = words.iter().any(|word| text.contains(word));
        assert!(is_told, "{:?}: none of {words:?} in {ended:#?}", self.way);
        eprintln!("{:?}: ended after {:.1} s", self.way, took.as_secs_f32());
        published_are_complete(&self.pair);
        all_end(&self.net.near);
    }

    /// Runs again at once, and demands that all is there then; and that it goes on, where it can.
    #[track_caller]
    pub(crate) fn completes(&self, options: &[&str]) {
        let ended = self.sync(options);
        assert_eq!(ended.code, 0, "{:?}: {ended:#?}", self.way);
        self.is_complete();
        let Some(done) = ended.events_of("done").pop() else { return };
        let resumed = done["resumed_bytes"].as_u64().unwrap();
        assert!(!self.way.goes_on() || resumed >= 2 * MIB, "{:?}: {ended:#?}", self.way);
    }

    /// Asserts that all has arrived, and that nothing is left and nothing runs.
    #[track_caller]
    pub(crate) fn is_complete(&self) {
        all_end(&self.net.near);
        self.net.far.iter().for_each(all_end);
        self.has_arrived();
    }

    /// Asserts that all has arrived, and that nothing is left.
    #[track_caller]
    pub(crate) fn has_arrived(&self) {
        for entry in std::fs::read_dir(self.pair.snaps()).unwrap() {
            let snap = entry.unwrap().path();
            arrived(&snap, &self.pair.backup().join(snap.file_name().unwrap()));
        }
        no_leftover(self.pair.dst.path());
    }
}

fn hide(net: &Network, near: &[&Path], far: &[&[&Path]]) {
    near.iter().for_each(|path| net.near.hide(path));
    for (machine, paths) in net.far.iter().zip(far) {
        paths.iter().for_each(|path| machine.hide(path));
    }
}
