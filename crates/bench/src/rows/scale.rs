//! Cost against size: what takes ten times as long for ten times as much is linear.
//!
//! The hazard is a walk that begins anew for each of many: with ten snapshots nobody notices it.

use std::path::Path;
use std::process::Command;

use btrsync_testutil::command::program;
use btrsync_testutil::{Compare, LoopFs};

use super::full::{Cache, Full};
use super::many::{count, many};
use super::peers::{BTRFS, ours, send_receive};
use super::{Found, OURS, Row};
use crate::contest::{Contestant, Failed, Runs, Scene, hold};
use crate::cost::Cost;
use crate::curve::{Curve, Plot};
use crate::options::Options;
use crate::scene::{fresh, write_small};
use crate::stats::Spread;

/// The shape of a curve needs no more.
const ROUNDS: usize = 3;

pub(super) const ROW: Row = Row {
    name: "scale",
    about: "cost against size: 10 to 100,000 snapshots, 1,000 to 100,000 files; --full: to 1,000,000 files",
    minutes: 4.5,
    goals: &[],
    run,
};

fn run(options: &Options) -> Result<Found, Failed> {
    let plots = vec![snapshots(options)?, files(options)?];
    let judged = plots.iter().flat_map(|plot| plot.curves.iter().map(move |curve| (plot, curve)));
    let notes = judged.filter_map(|(plot, curve)| judge(plot, curve)).collect();
    Ok(Found { plots, notes, ..Found::default() })
}

/// Ours are judged, also where others do no better; but then that is told, for the cause may be what both use.
fn judge(plot: &Plot, curve: &Curve) -> Option<String> {
    let ours = curve.name.starts_with(OURS);
    let (linear, growth) = (curve.is_linear().filter(|_| ours)?, curve.growth()?);
    let word = if linear { "linear or better" } else { "NOT linear" };
    let peers = plot.curves.iter().filter(|curve| !curve.name.starts_with(OURS));
    let peers =
        peers.filter_map(|peer| Some(format!("; {}: size^{:.2}", peer.name, peer.growth()?)));
    let peers: String = peers.filter(|_| !linear).collect();
    Some(format!("{}, {}: size^{growth:.2}, {word}{peers}", plot.title, curve.name))
}

/// Powers of ten, from one to another; with `--quick` only the first two.
fn sizes(options: &Options, (from, to): (u32, u32)) -> Vec<usize> {
    let to = if options.quick { from + 1 } else { to };
    (from..=to).map(|power| 10usize.pow(power)).collect()
}

/// Adds what a contest has found at one size to the curves of its contestants.
fn add(curves: &mut Vec<Curve>, size: usize, runs: &[Runs]) {
    for runs in runs {
        let walls: Vec<f64> = runs.costs.iter().map(|cost: &Cost| cost.wall).collect();
        let Some(spread) = Spread::of(&walls) else { continue };
        let point = (size as f64, spread.median);
        match curves.iter_mut().find(|curve| curve.name == runs.name) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve { name: runs.name.clone(), points: vec![point] }),
        }
    }
}

fn tell(size: usize) -> impl Fn(usize, &str, &Cost) {
    move |_, who, cost| {
        eprintln!("  {size:8} {who:28} wall {:8.3}  CPU {:8.3}", cost.wall, cost.cpu);
    }
}

/// Many snapshots, and an empty destination that stays empty.
struct Snapshots {
    source: LoopFs,
    dest: LoopFs,
}

impl Scene for Snapshots {
    type Stage = ();

    fn stage(&mut self) {}

    fn faults(&self, (): &(), output: &[u8], _: &Compare) -> Vec<String> {
        let (told, least) = (lines(output), count(&self.source) - 1);
        let short = || format!("{told} lines tell of {least} snapshots");
        (told < least).then(short).into_iter().collect()
    }
}

fn lines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

fn snapshots(options: &Options) -> Result<Plot, Failed> {
    let mut curves = Vec::new();
    for size in sizes(options, (1, 5)) {
        let mut scene = Snapshots { source: many(options, size), dest: fresh("") };
        let meter = options.meter();
        let rounds = options.rounds().min(ROUNDS);
        let runs = hold(&mut scene, &lookers(&options.program), (&meter, rounds), tell(size))?;
        add(&mut curves, size, &runs);
    }
    let name = "scale-snapshots".to_owned();
    Ok(Plot { name, title: "Looking at snapshots".into(), of: "snapshots".into(), curves })
}

fn lookers(path: &Path) -> Vec<Contestant<Snapshots>> {
    let path = path.to_path_buf();
    let of = |name: &str, command: fn(&Path, &Snapshots) -> Command| {
        let path = path.clone();
        Contestant::new(name, move |scene: &Snapshots, ()| command(&path, scene))
    };
    vec![
        of("btrsync -n, all planned", |path, scene| {
            let mut command = Command::new(path);
            command.args(["-n", "--estimate", "0"]).arg(scene.source.path().join(""));
            command.arg(scene.dest.path());
            command
        }),
        of("btrsync list", |path, scene| {
            let mut command = Command::new(path);
            command.arg("list").arg(scene.source.path().join(""));
            command
        }),
        of("btrfs subvolume list", |_, scene| {
            let mut command = program("btrfs");
            command.args(["subvolume", "list"]).arg(scene.source.path());
            command
        }),
    ]
}

fn files(options: &Options) -> Result<Plot, Failed> {
    let mut curves = Vec::new();
    let (first, last) = (if options.quick { 2 } else { 3 }, if options.full { 6 } else { 5 });
    for size in sizes(options, (first, last)) {
        let mut scene = Full::new(Cache::Cold, "", |origin| write_small(origin, size, 1000));
        let contestants = [ours(options), send_receive(BTRFS, "")];
        let (meter, rounds) = (options.meter(), options.rounds().min(ROUNDS));
        let runs = hold(&mut scene, &contestants, (&meter, rounds), tell(size))?;
        add(&mut curves, size, &runs);
    }
    let name = "scale-files".to_owned();
    Ok(Plot { name, title: "A full transfer".into(), of: "files of 1,000 bytes".into(), curves })
}
