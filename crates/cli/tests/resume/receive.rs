//! `btrsync receive`, fed by somebody else, and stream files as sources.
//!
//! How much is there after an interruption is read from the note of the checkpoint: there is no sender
//! whose word could be taken.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use btrsync_testutil::LoopFs;
use btrsync_testutil::command::{output, program};
use rustix::fs::getxattr;
use rustix::process::Signal;

use crate::point::{Interrupted, Outcome, Point};
use crate::scene::{Form, Place, Scene};
use crate::support::{btrsync, published_are_complete, signal};

/// How the snapshots are sent: plain, with the commands of version 2, and compressed.
const FORMS: [&[&str]; 3] = [&[], &["--proto", "2"], &["--proto", "2", "--compressed-data"]];

/// What the receiver may have read, but not applied.
const UNDER_WAY: usize = 512 << 10;

/// One way of breaking off.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    Signal,
    /// The input ends.
    End,
    /// A byte of it has turned.
    Damage,
}

pub(crate) struct Receive {
    scene: Scene,
    /// In each form the streams of all snapshots that are to come, one behind the other.
    streams: [Vec<u8>; 3],
    home: tempfile::TempDir,
}

impl Receive {
    #[track_caller]
    pub(crate) fn new(form: Form) -> Self {
        let scene = Scene::new(Place::Here, form, LoopFs::new());
        let streams = FORMS.map(|how| streams(&scene, how));
        Self { scene, streams, home: tempfile::tempdir().unwrap() }
    }

    /// Whether it comes from a file, for what may have to be taken up behind its first subvolume.
    fn is_file(&self) -> bool {
        matches!(self.scene.form, Form::Chain | Form::Batch)
    }

    fn command(&self, stream: &[u8], point: &Point) -> Command {
        let backup = self.scene.pair().backup();
        let mut command = btrsync();
        match self.is_file() {
            false => command.args(["receive", "-q", &point.checkpoint]).arg(backup),
            true => {
                let file = self.home.path().join("streams");
                fs::write(&file, stream).unwrap();
                command.args(["-y", &point.checkpoint]).arg(file).arg(backup)
            }
        };
        command
    }

    /// Begins, and breaks off; returns whether it had an effect.
    #[track_caller]
    fn interrupt(&self, stream: &[u8], fault: Fault, point: &mut Point) -> bool {
        let before = kept(&self.scene.pair().backup());
        let at = point.chance.below(stream.len() as u64) as usize;
        let mut command = self.command(stream, point);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let fed = if self.is_file() { linger(point) } else { feed(&mut child, stream, at, fault) };
        match fault {
            Fault::Kill => signal(child.id(), Signal::KILL),
            Fault::Signal => signal(child.id(), point.any(&[Signal::INT, Signal::TERM])),
            Fault::End | Fault::Damage => {}
        }
        drop(child.stdin.take());
        let status = child.wait().unwrap();
        published_are_complete(self.scene.pair());
        let is_cut = !status.success();
        if is_cut && point.every > 0 && fed > 0 && !self.is_complete_already() {
            let now = kept(&self.scene.pair().backup());
            let all = now + point.every as usize + UNDER_WAY;
            assert!(all >= fed.max(before), "{now} bytes of {fed} are there, before it {before}");
        }
        is_cut
    }
}

impl Interrupted for Receive {
    fn point(&self, point: &mut Point) -> Outcome {
        self.scene.clear();
        let stream = point.any(&[0, 1, 2]);
        let (stream, mut interrupted) = (&self.streams[stream], 0);
        let faults: &[Fault] = match self.is_file() {
            false => &[Fault::Kill, Fault::Signal, Fault::End, Fault::Damage],
            true => &[Fault::Kill, Fault::Signal],
        };
        for time in 0..point.times {
            let fault = if time == 0 { point.turn(faults) } else { point.any(faults) };
            eprintln!("{fault:?} with {}", point.checkpoint);
            interrupted += u64::from(self.interrupt(stream, fault, point));
            if self.is_complete_already() {
                break;
            }
        }
        let resumed = kept(&self.scene.pair().backup()) as u64;
        self.again(stream, point);
        self.scene.is_complete();
        Outcome { interrupted, resumed }
    }
}

impl Receive {
    fn is_complete_already(&self) -> bool {
        let name = |snap: &PathBuf| self.scene.pair().backup().join(snap.file_name().unwrap());
        self.scene.snaps().iter().all(|snap| name(snap).exists())
    }

    /// Runs it again, unless it came too late to be interrupted.
    #[track_caller]
    fn again(&self, stream: &[u8], point: &Point) {
        if self.is_complete_already() && !self.is_file() {
            return;
        }
        let input = self.home.path().join("input");
        fs::write(&input, stream).unwrap();
        let mut again = self.command(stream, point);
        output(again.stdin(File::open(input).unwrap())).unwrap();
    }
}

/// Waits for a moment; how much is received then is not known.
fn linger(point: &mut Point) -> usize {
    sleep(Duration::from_millis(point.chance.below(600)));
    0
}

/// Feeds the beginning of a stream, and waits until it is read; returns how much that is.
fn feed(child: &mut Child, stream: &[u8], at: usize, fault: Fault) -> usize {
    let (pid, pipe) = (child.id(), child.stdin.as_mut().unwrap());
    let fed = pipe.write_all(&stream[..at]);
    if let Fault::Damage = fault {
        let rest = [&[!stream[at]], &stream[at + 1..]].concat();
        let _ = pipe.write_all(&rest);
    }
    while fed.is_ok() && rustix::io::ioctl_fionread(&*pipe).unwrap() > 0 && is_alive(pid) {
        sleep(Duration::from_millis(1));
    }
    at
}

fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// How much of a stream the checkpoint in a directory has, by its note.
#[track_caller]
fn kept(dir: &Path) -> usize {
    const BYTES: usize = 10 + 2 * 25 + 4;
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let checkpoints =
        entries.filter(|path| path.extension().is_some_and(|end| end == "checkpoint"));
    let bytes = checkpoints.map(|path| {
        let mut record = [0; 1024];
        getxattr(&path, "trusted.btrsync.checkpoint", &mut record[..]).unwrap();
        u64::from_le_bytes(record[BYTES..BYTES + 8].try_into().unwrap()) as usize
    });
    bytes.max().unwrap_or(0)
}

#[track_caller]
fn streams(scene: &Scene, how: &[&str]) -> Vec<u8> {
    let snaps = scene.snaps();
    let is_chain = matches!(scene.form, Form::Incremental | Form::Chain);
    let mut all = Vec::new();
    for (number, snap) in snaps.iter().enumerate() {
        if Some(snap) == scene.there().as_ref() {
            continue;
        }
        let mut send = program("btrfs");
        send.args(["send", "-q"]).args(how);
        if is_chain && number > 0 {
            send.arg("-p").arg(&snaps[number - 1]);
        }
        all.extend(output(send.arg(snap)).unwrap());
    }
    all
}
