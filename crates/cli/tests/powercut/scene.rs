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

/// Snapshots of a zoo: `snaps/round-0`, `snaps/round-1`, ...
pub(crate) struct Scene {
    source: LoopFs,
    rounds: u32,
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
}

impl Scene {
    pub(crate) fn new(rounds: u32) -> Self {
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
        Self { source, rounds }
    }

    fn snaps(&self) -> PathBuf {
        self.source.path().join("snaps")
    }

    fn names(&self) -> impl Iterator<Item = String> {
        (0..self.rounds).map(|round| format!("round-{round}"))
    }

    fn btrsync(&self, options: &[&str], top: &Path) -> Command {
        let mut source = self.snaps().into_os_string();
        source.push("/");
        let mut command = program(env!("CARGO_BIN_EXE_btrsync"));
        command.args(options).arg(source).arg(top.join("backup"));
        command
    }

    /// Records a transfer with JSON events to a destination that has the first `there` snapshots.
    pub(crate) fn record(&self, options: &[&str], there: u32) -> Told {
        self.record_with(there, |dest| {
            run(self.btrsync(options, &dest.path()), dest, self.names().collect())
        })
    }

    /// Records what a closure has others do to such a destination.
    pub(crate) fn record_with(
        &self,
        there: u32,
        act: impl FnOnce(&RecordedFs) -> Vec<Success>,
    ) -> Told {
        let dest = LoopFs::new();
        let backup = dest.path().join("backup");
        fs::create_dir(&backup).unwrap();
        for name in self.names().take(there as usize) {
            let mut command = program(env!("CARGO_BIN_EXE_btrsync"));
            output(command.arg("-y").arg(self.snaps().join(name)).arg(&backup)).unwrap();
        }
        let dest = RecordedFs::new(dest);
        let successes = act(&dest);
        // So that there are moments after the end.
        let mut later = program("sh");
        later.args(["-ec", "echo >later; sync -f ."]).current_dir(dest.path());
        output(&mut later).unwrap();
        Told { recording: dest.finish(), successes }
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
    pub(crate) fn receive(&self, stream: &NamedTempFile, dest: &RecordedFs) -> Vec<Success> {
        let mut receive = program(env!("CARGO_BIN_EXE_btrsync"));
        receive.args(["receive", "-q", "-f"]).arg(stream.path()).arg(dest.path().join("backup"));
        output(&mut receive).unwrap();
        vec![Success { moment: dest.now(), names: self.names().collect() }]
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
        output(&mut self.btrsync(&["-y"], survivor.path())).unwrap();
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

/// Runs it to its end, and notes the moment of each success that it tells.
fn run(mut command: Command, dest: &RecordedFs, all: Vec<String>) -> Vec<Success> {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut successes = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["event"] == "done" {
            successes.push(Success { moment: dest.now(), names: volumes(&event) });
        }
    }
    assert!(child.wait().unwrap().success(), "{command:?} failed");
    successes.push(Success { moment: dest.now(), names: all });
    successes
}

fn volumes(event: &Value) -> Vec<String> {
    let paths = event["volumes"].as_array().unwrap().iter().map(|path| path.as_str().unwrap());
    paths.map(|path| path.rsplit('/').next().unwrap().to_owned()).collect()
}
