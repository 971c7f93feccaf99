//! A source, a destination whose disk is recorded, and what must be true of it after a cut.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use btrsync_testutil::command::{output, program};
use btrsync_testutil::powercut::Moment;
use btrsync_testutil::{
    Compare, LoopFs, Random, RecordedFs, Recording, btrfs, mutate_zoo, populate_zoo,
};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::again::{self, OFTEN};

/// Snapshots of a zoo: `snaps/round-0`, `snaps/round-1`, ...
pub(crate) struct Scene {
    source: LoopFs,
    rounds: u32,
    /// How all of it is sent, at first and again.
    pub(crate) options: &'static [&'static str],
}

/// A subvolume that was told to be complete, or all of them, and when.
pub(crate) struct Success {
    pub(crate) moment: Moment,
    pub(crate) names: Vec<String>,
}

/// A run that was recorded to its good end.
pub(crate) struct Told {
    pub(crate) recording: Recording,
    pub(crate) successes: Vec<Success>,
    pub(crate) sent: Vec<Sent>,
}

/// How much of a subvolume was sent, and when that was known.
pub(crate) struct Sent {
    pub(crate) moment: Moment,
    pub(crate) names: Vec<String>,
    pub(crate) bytes: u64,
}

/// What a run has told.
#[derive(Default)]
pub(crate) struct Events {
    successes: Vec<Success>,
    sent: Vec<Sent>,
}

impl Events {
    pub(crate) fn of(successes: Vec<Success>) -> Self {
        Self { successes, sent: Vec::new() }
    }
}

impl Scene {
    pub(crate) fn new(rounds: u32) -> Self {
        Self::with(&["-y", "--json"], rounds)
    }

    pub(crate) fn with(options: &'static [&'static str], rounds: u32) -> Self {
        let source = LoopFs::new();
        let (origin, snaps) = (source.path().join("origin"), source.path().join("snaps"));
        btrfs::create_subvolume(&origin);
        fs::create_dir(&snaps).unwrap();
        populate_zoo(&origin);
        for round in 0..rounds {
            if round > 0 {
                mutate_zoo(&origin, round);
            }
            btrfs::snapshot_ro(&origin, &snaps.join(format!("round-{round}")));
        }
        Self { source, rounds, options }
    }

    fn snaps(&self) -> PathBuf {
        self.source.path().join("snaps")
    }

    fn names(&self) -> impl Iterator<Item = String> {
        (0..self.rounds).map(|round| format!("round-{round}"))
    }

    fn btrsync(&self, top: &Path) -> Command {
        let mut source = self.snaps().into_os_string();
        source.push("/");
        let mut command = program(env!("CARGO_BIN_EXE_btrsync"));
        command.args(self.options).arg(source).arg(top.join("backup"));
        command
    }

    /// Records a transfer with JSON events to a destination that has the first `there` snapshots.
    pub(crate) fn record(&self, there: u32) -> Told {
        self.record_with(there, |dest| {
            run(self.btrsync(&dest.path()), dest, self.names().collect())
        })
    }

    /// Records what a closure has others do to such a destination.
    pub(crate) fn record_with(&self, there: u32, act: impl FnOnce(&RecordedFs) -> Events) -> Told {
        Self::record_at(self.destination(there), act)
    }

    /// Records a transfer that goes on after another one was killed.
    pub(crate) fn record_going_on(&self) -> Told {
        let dest = self.destination(0);
        let mut killed = self.btrsync(dest.path()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(killed.stdout.take().unwrap()).lines();
        let far = |line: &String| event(line)["sent_bytes"].as_u64() > Some(4 << 20);
        assert!(lines.map_while(Result::ok).any(|line| far(&line)), "there is not so much to send");
        killed.kill().unwrap();
        killed.wait().unwrap();
        let kept = fs::read_dir(dest.path().join("backup")).unwrap().count();
        assert!(kept > 0, "nothing is kept");
        Self::record_at(dest, |dest| run(self.btrsync(&dest.path()), dest, self.names().collect()))
    }

    /// Makes a destination that has the first `there` snapshots.
    fn destination(&self, there: u32) -> LoopFs {
        let dest = LoopFs::new();
        let backup = dest.path().join("backup");
        fs::create_dir(&backup).unwrap();
        for name in self.names().take(there as usize) {
            let mut command = program(env!("CARGO_BIN_EXE_btrsync"));
            output(command.arg("-y").arg(self.snaps().join(name)).arg(&backup)).unwrap();
        }
        dest
    }

    fn record_at(dest: LoopFs, act: impl FnOnce(&RecordedFs) -> Events) -> Told {
        let dest = RecordedFs::new(dest);
        let Events { successes, sent } = act(&dest);
        // So that there are moments after the end.
        let mut later = program("sh");
        later.args(["-ec", "echo >later; sync -f ."]).current_dir(dest.path());
        output(&mut later).unwrap();
        Told { recording: dest.finish(), successes, sent }
    }

    /// Returns the streams of all snapshots, each on top of the one before it, in one file.
    pub(crate) fn stream(&self) -> NamedTempFile {
        let snaps: Vec<PathBuf> = self.names().map(|name| self.snaps().join(name)).collect();
        let parents = std::iter::once(None).chain(snaps.iter().map(|snap| Some(snap.as_path())));
        let streams = snaps.iter().zip(parents).map(|(snap, parent)| btrfs::send(snap, parent));
        let file = NamedTempFile::new().unwrap();
        fs::write(&file, streams.collect::<Vec<_>>().concat()).unwrap();
        file
    }

    /// Receives a file of streams.
    pub(crate) fn receive(&self, stream: &NamedTempFile, dest: &RecordedFs) -> Events {
        let mut receive = program(env!("CARGO_BIN_EXE_btrsync"));
        receive.args(["receive", "-q", "-f"]).arg(stream.path()).arg(dest.path().join("backup"));
        output(&mut receive).unwrap();
        Events::of(vec![Success { moment: dest.now(), names: self.names().collect() }])
    }

    /// Cuts the power at a moment, and panics unless all is as promised.
    pub(crate) fn judge(&self, told: &Told, moment: Moment, chance: &mut Random) {
        let survivor = told.recording.cut(moment, chance);
        let backup = survivor.path().join("backup");
        for entry in fs::read_dir(&backup).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.starts_with(".btrsync-") {
                self.assert_complete(&name, &backup);
            }
        }
        let owed = told.successes.iter().filter(|success| success.moment <= moment);
        for name in owed.flat_map(|success| &success.names) {
            assert!(backup.join(name).exists(), "{name} was told to be there");
        }
        let again = output(&mut self.btrsync(survivor.path())).unwrap();
        if self.options == OFTEN {
            again::judge(&String::from_utf8(again).unwrap(), told, moment);
        }
        self.names().for_each(|name| self.assert_complete(&name, &backup));
        let left = fs::read_dir(&backup).unwrap().count();
        assert_eq!(left, self.rounds as usize, "something is left");
    }

    #[track_caller]
    fn assert_complete(&self, name: &str, backup: &Path) {
        let (source, copy) = (self.snaps().join(name), backup.join(name));
        Compare::default().assert_identical(&source, &copy);
        let (source, copy) = (btrfs::show(&source), btrfs::show(&copy));
        assert!(copy.is_read_only(), "{name} is writable");
        assert_eq!(copy.get("Received UUID"), source.get("UUID"), "{name}");
    }
}

/// Runs it to its end, and notes the moment of each event.
fn run(mut command: Command, dest: &RecordedFs, all: Vec<String>) -> Events {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut events = Events::default();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let (event, moment) = (event(&line.unwrap()), dest.now());
        match event["event"].as_str() {
            Some("done") => events.successes.push(Success { moment, names: volumes(&event) }),
            Some("progress") => {
                let bytes = event["sent_bytes"].as_u64().unwrap();
                events.sent.push(Sent { moment, names: volumes(&event), bytes });
            }
            _ => {}
        }
    }
    assert!(child.wait().unwrap().success(), "{command:?} failed");
    events.successes.push(Success { moment: dest.now(), names: all });
    events
}

pub(crate) fn event(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// The names of the subvolumes of an event.
pub(crate) fn volumes(event: &Value) -> Vec<String> {
    let paths = event["volumes"].as_array().unwrap().iter().map(|path| path.as_str().unwrap());
    paths.map(|path| path.rsplit('/').next().unwrap().to_owned()).collect()
}
