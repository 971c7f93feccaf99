//! Dumps to files, with and without a pipeline.
//!
//! The stream of a snapshot is always the same, so a file is right when it is that of an undisturbed run;
//! and that one is right when what is received from it is.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use btrsync_testutil::LoopFs;
use rustix::process::Signal;

use crate::amounts::{self, Amounts};
use crate::point::{Interrupted, Outcome, Point};
use crate::scene::{Form, Place, Scene};
use crate::support::{Ended, Running, run, signal};

#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    Signal,
    /// A program of the pipeline is killed.
    Stage,
}

pub(crate) struct Dump {
    scene: Scene,
    home: tempfile::TempDir,
    /// The files of an undisturbed run.
    files: BTreeMap<OsString, Vec<u8>>,
    /// The lengths of the streams.
    whole: Amounts,
    /// How long an undisturbed run takes.
    long: Duration,
}

impl Dump {
    #[track_caller]
    pub(crate) fn new(form: Form) -> Self {
        let (scene, home) =
            (Scene::new(Place::Here, form, LoopFs::new()), tempfile::tempdir().unwrap());
        let (none, whole) = (BTreeMap::new(), Amounts::new());
        let mut dump = Self { scene, home, files: none, whole, long: Duration::ZERO };
        fs::create_dir(dump.dir()).unwrap();
        fs::write(dump.mark(), "").unwrap();
        dump.whole = dump.lengths();
        let begin = Instant::now();
        dump.run(&["-y"]).exits(0);
        dump.long = begin.elapsed();
        dump.files = files(&dump.dir());
        dump.is_receivable();
        dump
    }

    /// The lengths of the streams: those for files have another form than those of a sync.
    fn lengths(&self) -> Amounts {
        let dir = self.dir();
        let options = ["-o", dir.to_str().unwrap(), "-y", "--json"];
        let all = Ended::of(&mut self.scene.one_by_one(&options)).exits(0);
        empty(&dir);
        amounts::sent(&all)
    }

    fn dir(&self) -> std::path::PathBuf {
        self.home.path().join("dumps")
    }

    /// A file whose name tells the program of the pipeline from others.
    fn mark(&self) -> std::path::PathBuf {
        self.home.path().join("mark")
    }

    fn command(&self, options: &[&str]) -> std::process::Command {
        let dir = self.dir();
        self.scene.command(&[&["-o", dir.to_str().unwrap()], options].concat())
    }

    #[track_caller]
    fn run(&self, options: &[&str]) -> Ended {
        Ended::of(&mut self.command(options))
    }

    /// Asserts that what is received from the files is what the snapshots are.
    #[track_caller]
    fn is_receivable(&self) {
        for name in self.files.keys() {
            let file = self.dir().join(name);
            run(["-y".into(), file.into_os_string(), self.scene.pair().backup().into()]).exits(0);
        }
        self.scene.is_complete();
        self.scene.clear();
    }

    /// Asserts that the files with final names are whole.
    #[track_caller]
    fn published_are_whole(&self) {
        for (name, bytes) in files(&self.dir()) {
            let is_whole = self.files.values().any(|whole| *whole == bytes);
            assert!(is_whole || is_unfinished(&name), "{name:?}");
        }
    }

    #[track_caller]
    fn interrupt(&self, fault: Fault, options: &[&str], point: &mut Point) -> Ended {
        let watched =
            [options, &[&point.checkpoint, "--json", "-y", "-t", "0.01", "--buffer=0"]].concat();
        let mut running = Running::command(&mut self.command(&watched));
        let longest = self.files.values().map(Vec::len).max().unwrap();
        match point.chance.below(3) {
            0 => running.at(self.long.mul_f64(point.chance.below(1000) as f64 / 1000.0)),
            _ => drop(running.reaches(point.chance.below(longest as u64))),
        }
        match fault {
            Fault::Kill => running.signal(Signal::KILL),
            Fault::Signal => running.signal(point.any(&[Signal::INT, Signal::TERM, Signal::HUP])),
            Fault::Stage => kill(&with_word(&self.mark())),
        }
        let ended = running.end();
        self.published_are_whole();
        ended
    }
}

impl Interrupted for Dump {
    fn point(&self, point: &mut Point) -> Outcome {
        empty(&self.dir());
        let pipeline = format!("cat - '{}'", self.mark().display());
        let all = [Fault::Kill, Fault::Signal, Fault::Stage];
        let is_piped = matches!(point.turn(&all), Fault::Stage) || point.chance.below(2) == 0;
        let options: &[&str] = if is_piped { &["-O", &pipeline] } else { &[] };
        let faults = &all[..if is_piped { 3 } else { 2 }];
        let (mut before, mut interrupted) = (Amounts::new(), 0);
        for time in 0..point.times {
            let fault =
                if time == 0 { point.turn(&all[..faults.len()]) } else { point.any(faults) };
            eprintln!("{fault:?}");
            let ended = self.interrupt(fault, options, point);
            interrupted += u64::from(ended.code != 0);
            amounts::add(&mut before, amounts::sent(&ended));
        }
        // A dump that was complete is made again, and is then the same.
        before.retain(|names, _| !self.is_there(names));
        let every = (!is_piped && point.every > 0).then_some(point.every);
        Outcome { interrupted, resumed: self.again(options, point, &before, every) }
    }
}

impl Dump {
    /// Whether there is a whole dump of what is named, after the first of which its file is.
    fn is_there(&self, names: &str) -> bool {
        let first = names.split('+').next().and_then(|path| path.rsplit('/').next()).unwrap();
        let begins = |name: &OsString| {
            let rest = name.to_str().and_then(|name| name.strip_prefix(first));
            rest.is_some_and(|rest| rest.starts_with(['.', '_']))
        };
        files(&self.dir()).keys().any(begins)
    }

    /// Runs it again, plainly; returns how much was there.
    #[track_caller]
    fn again(&self, options: &[&str], point: &Point, before: &Amounts, every: Option<u64>) -> u64 {
        let again = self.run(&[&["-y", "--json", &point.checkpoint], options].concat());
        let resumed = amounts::judge(&again.exits(0), &self.whole, before, every);
        let there = files(&self.dir());
        assert!(there == self.files, "{:?}", there.keys().collect::<Vec<_>>());
        resumed
    }
}

#[track_caller]
fn empty(dir: &Path) {
    fs::read_dir(dir).unwrap().for_each(|entry| fs::remove_file(entry.unwrap().path()).unwrap());
}

fn is_unfinished(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".btrsync-")
}

#[track_caller]
fn files(dir: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap())).collect()
}

fn kill(pids: &[u32]) {
    pids.iter().for_each(|pid| signal(*pid, Signal::KILL));
}

/// The processes that have a path among their words.
fn with_word(path: &Path) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let words = |pid: u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let is_cat = |words: Vec<u8>| {
        words.split(|byte| *byte == 0).next().is_some_and(|first| first == b"cat")
            && words
                .split(|byte| *byte == 0)
                .any(|word| word == path.as_os_str().as_encoded_bytes())
    };
    pids.filter(|pid| is_cat(words(*pid))).collect()
}
