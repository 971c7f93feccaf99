//! Between two machines: a transfer over ssh, over a slow link, and a run with nothing to do.
//!
//! The hazard is work that is not seen from here: what a login does belongs to sshd, so the processor time
//! of both machines counts.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use btrsync_testutil::machine::Weather;
use btrsync_testutil::require::weather_missing;
use btrsync_testutil::{Compare, LoopFs, Network};

use super::full::{Cache, Full};
use super::many::{PYTHON, Same};
use super::peers::{BTRFS, python};
use super::{Found, Goal, OURS, Row, contest, goals};
use crate::contest::{Contestant, Failed, Runs, Scene};
use crate::cost::Kind;
use crate::measure::{WORD, read_told};
use crate::options::Options;
use crate::scene::{text_files, write_large};
use crate::stats::Spread;

const BTRFS_C: &str = "btrfs, ssh -C";
/// The cipher that btrsync makes ssh prefer, for what is gained by that alone.
const BTRFS_GCM: &str = "btrfs, ssh -c aes128-gcm@openssh.com";
/// The rate of the slow link.
const KBIT: u32 = 100_000;
const LOGIN: &str = "ssh far true";

pub(super) const BULK: Row = Row {
    name: "ssh-bulk",
    about: "1 GiB in 16 files in full over ssh, two namespaces",
    minutes: 2.0,
    goals: &goals(BTRFS, 0.95, 0.95),
    run: bulk,
};

pub(super) const LINK: Row = Row {
    name: "link",
    about: "64 MiB of text in full over ssh and 100 Mbit/s",
    minutes: 1.3,
    goals: &[Goal { against: BTRFS, kind: Kind::Wall, at_most: 0.50 }],
    run: link,
};

pub(super) const NOTHING: Row = Row {
    name: "nothing-ssh",
    about: "nothing to do over ssh, 1,000 snapshots on both sides",
    minutes: 0.8,
    goals: &[],
    run: nothing,
};

/// A scene with a network around it.
struct Remote<S> {
    net: Network,
    scene: S,
    /// Runs btrsync on the far machine, and is a script that measures it.
    there: PathBuf,
    /// What that has told.
    told: PathBuf,
}

impl<S> Remote<S> {
    fn new(options: &Options, scene: S) -> Self {
        let net = Network::new();
        let told = net.far[0].write("told", "");
        let (helper, program) = (options.meter().helper, &options.program);
        let [helper, cost, program] = [&helper, &told, program].map(|path| path.display());
        let script = format!("#!/bin/sh\nexec '{helper}' {WORD} '{cost}' 1 '{program}' \"$@\"\n");
        let there = net.far[0].write("btrsync-there", script);
        fs::set_permissions(&there, Permissions::from_mode(0o755)).unwrap();
        Self { net, scene, there, told }
    }

    /// What both machines have done, once all logins have ended.
    fn worked(&self) -> f64 {
        let machines = || self.net.far.iter().chain([&self.net.near]);
        let begin = Instant::now();
        while machines().any(|machine| !machine.processes().is_empty()) {
            assert!(begin.elapsed() < Duration::from_secs(30), "a login does not end");
            sleep(Duration::from_millis(5));
        }
        machines().map(|machine| machine.processor_time()).sum::<Duration>().as_secs_f64()
    }
}

impl<S: Scene> Scene for Remote<S> {
    type Stage = S::Stage;

    fn stage(&mut self) -> S::Stage {
        fs::write(&self.told, "").unwrap();
        self.scene.stage()
    }

    fn settle(&self, stage: &S::Stage) {
        self.scene.settle(stage);
    }

    fn faults(&self, stage: &S::Stage, output: &[u8], compare: &Compare) -> Vec<String> {
        self.scene.faults(stage, output, compare)
    }

    fn times(&self) -> u32 {
        self.scene.times()
    }

    fn elsewhere(&self) -> f64 {
        self.worked()
    }

    /// Of btrsync alone: what others run there tells nothing.
    fn peak_elsewhere(&self) -> u64 {
        let told = fs::read_to_string(&self.told).unwrap();
        read_told(&told).map_or(0, |[_, _, peak]| peak as u64)
    }
}

/// Ours on the near machine, with itself or without anything on the other one.
fn near(net: &Network, program: &Path, there: Option<&Path>, ends: [&str; 2]) -> Command {
    let mut command = net.near.command(program);
    let there = there.unwrap_or(Path::new("none"));
    command.arg("-yq").arg("--remote-btrsync").arg(there).args(ends);
    command
}

fn far(path: &Path) -> String {
    format!("far:{}", path.display())
}

type OverSsh = Remote<Full>;

fn over_ssh(name: &str, program: &Path, with_itself: bool) -> Contestant<OverSsh> {
    let program = program.to_path_buf();
    let command = move |remote: &OverSsh, dest: &LoopFs| {
        let there = with_itself.then_some(remote.there.as_path());
        let snapshot = remote.scene.source.snapshot(0).display().to_string();
        near(&remote.net, &program, there, [&snapshot, &far(dest.path())])
    };
    let contestant = Contestant::new(name, command);
    // What runs there is `btrfs receive`.
    if with_itself { contestant } else { contestant.without_root_mtime() }
}

fn by_hand(name: &str, ssh: &'static str) -> Contestant<OverSsh> {
    let script =
        "set -eo pipefail; btrfs send -q \"$1\" | $3 far \"btrfs receive -q '$2' && sync -f '$2'\"";
    let command = move |remote: &OverSsh, dest: &LoopFs| {
        let mut bash = remote.net.near.command("bash");
        bash.args(["-c", script, "bash"]).arg(remote.scene.source.snapshot(0));
        bash.arg(dest.path()).arg(ssh);
        bash
    };
    Contestant::new(name, command).without_root_mtime()
}

/// Returns a reason to measure nothing here.
fn missing() -> Option<Failed> {
    let missing = weather_missing()?;
    Some(Failed { who: "this machine".to_owned(), faults: vec![missing] })
}

fn bulk(options: &Options) -> Result<Found, Failed> {
    missing().map_or(Ok(()), Err)?;
    let mib = options.size(64, 2);
    let write = |origin: &Path| {
        (0..16).for_each(|number| write_large(&origin.join(format!("file-{number}")), mib));
    };
    let mut scene = Remote::new(options, Full::new(Cache::Cold, "", write));
    let ours = |name, with_itself| Ok(over_ssh(name, &options.program, with_itself));
    let ours = [ours(OURS, true), ours("btrsync, none there", false)];
    let gcm = by_hand(BTRFS_GCM, "ssh -c aes128-gcm@openssh.com");
    let peers = [Ok(by_hand(BTRFS, "ssh")), Ok(gcm)];
    contest(options, &mut scene, ours.into_iter().chain(peers).collect())
}

fn link(options: &Options) -> Result<Found, Failed> {
    missing().map_or(Ok(()), Err)?;
    let mib = options.size(4, 1);
    let mut scene =
        Remote::new(options, Full::new(Cache::Cold, "", |origin| text_files(origin, 16, mib)));
    scene.net.weather(0, Weather::Slow(KBIT));
    let ours = Ok(over_ssh(OURS, &options.program, true));
    let peers = [Ok(by_hand(BTRFS, "ssh")), Ok(by_hand(BTRFS_C, "ssh -C"))];
    contest(options, &mut scene, [ours].into_iter().chain(peers).collect())
}

fn nothing(options: &Options) -> Result<Found, Failed> {
    missing().map_or(Ok(()), Err)?;
    let mut scene = Remote::new(options, Same::new(options, options.size(1000, 50)));
    let program = &options.program;
    let mut all = vec![
        Ok(idle(OURS, program, &["--remote-btrsync", "none"], false)),
        Ok(idle("btrsync, pull", program, &["--remote-btrsync", "none"], true)),
        Ok(idle("btrsync, btrsync there", program, &["--remote-btrsync", text(program)], false)),
        Ok(Contestant::new(LOGIN, |remote: &Remote<Same>, ()| {
            let mut login = remote.net.near.command("ssh");
            login.args(["far", "true"]);
            login
        })),
    ];
    all.push(python(options).map(|program| idle(PYTHON, program, &[], false)));
    let mut found = contest(options, &mut scene, all)?;
    found.notes.extend(against_a_login(&found.runs));
    Ok(found)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path of btrsync is text")
}

fn idle(name: &str, program: &Path, args: &[&str], pull: bool) -> Contestant<Remote<Same>> {
    let program = program.to_path_buf();
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    Contestant::new(name, move |remote: &Remote<Same>, ()| {
        let (source, dest) = (remote.scene.source.path().join(""), remote.scene.dest.path());
        let mut command = remote.net.near.command(&program);
        command.arg("-y").args(&args);
        match pull {
            false => command.arg(source).arg(far(dest)),
            true => command.arg(far(&source)).arg(dest),
        };
        command
    })
}

/// The goal here is no ratio: 1.3 of what a login takes, and 50 ms.
fn against_a_login(runs: &[Runs]) -> Option<String> {
    let wall = |name: &str| {
        let runs = runs.iter().find(|runs| runs.name == name)?;
        Spread::of(&runs.costs.iter().map(|cost| cost.wall).collect::<Vec<_>>())
    };
    let (ours, limit) = (wall(OURS)?.median, 1.3 * wall(LOGIN)?.median + 0.05);
    let word = if ours <= limit { "reached" } else { "NOT reached" };
    let (ours, limit) = (ours * 1e3, limit * 1e3);
    Some(format!("goal, 1.3 of a login and 50 ms: {ours:.0} of {limit:.0} ms, {word}"))
}
