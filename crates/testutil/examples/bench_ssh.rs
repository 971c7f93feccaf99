//! Times a sync over ssh that has nothing to do against a bare login.
//!
//! `cargo run --release -p btrsync-testutil --example bench_ssh BTRSYNC [PEER]`; needs root. `BTRSYNC` is
//! the program to time, `PEER` one that takes the same arguments. All run in turn on the near one of two
//! machines, each with 1,000 snapshots.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use btrsync_testutil::command::{output, program};
use btrsync_testutil::{LoopFs, Network, btrfs};

const SNAPSHOTS: usize = 1000;
const ROUNDS: usize = 9;

fn main() {
    let given = std::env::args_os().skip(1);
    let programs: Vec<PathBuf> = given.map(|path| fs::canonicalize(path).unwrap()).collect();
    let room = LoopFs::builder().size_mib(4 << 10);
    let (src, dst) = (room.build(), room.build());
    let [snaps, backup] = [src.path().join("snaps"), dst.path().join("backup")];
    [&snaps, &backup].iter().for_each(|dir| fs::create_dir(dir).unwrap());
    btrfs::create_subvolume(&src.path().join("origin"));
    for number in 0..SNAPSHOTS {
        fs::write(src.path().join("origin/file"), number.to_string()).unwrap();
        btrfs::snapshot_ro(&src.path().join("origin"), &snaps.join(format!("snap-{number}")));
    }
    output(program(programs[0].to_str().unwrap()).arg("-yq").args([&snaps, &backup])).unwrap();
    let net = Network::new();
    let command = |name: &PathBuf, from: &str, to: &str| {
        let mut command = net.near.command(name);
        command.arg("-y").arg(from).arg(to);
        command
    };
    let mut runs: Vec<(String, Command)> = Vec::new();
    let mut login = net.near.command("ssh");
    login.args(["far", "true"]);
    runs.push(("ssh far true".into(), login));
    let (snaps, backup) = (format!("{}/", snaps.display()), backup.display().to_string());
    for name in &programs {
        let shown = |what: &str| format!("{} {what}", name.display());
        runs.push((shown("push"), command(name, &snaps, &format!("far:{backup}"))));
        runs.push((shown("pull"), command(name, &format!("far:{snaps}"), &backup)));
    }
    // The same with a btrsync on the other machine too.
    let served = |from: &str, to: &str| {
        let mut command = net.near.command(&programs[0]);
        command.arg("-y").arg("--remote-btrsync").arg(&programs[0]).arg(from).arg(to);
        command
    };
    runs.push(("push, btrsync there".into(), served(&snaps, &format!("far:{backup}"))));
    runs.push(("pull, btrsync there".into(), served(&format!("far:{snaps}"), &backup)));
    report(&mut runs);
}

/// Runs all in turn, and prints the medians of each.
fn report(runs: &mut [(String, Command)]) {
    let mut times = vec![Vec::new(); runs.len()];
    for _ in 0..ROUNDS {
        for ((_, command), times) in runs.iter_mut().zip(&mut times) {
            times.push(timed(command));
        }
    }
    println!("medians of {ROUNDS}, milliseconds; {SNAPSHOTS} snapshots on both sides");
    println!("{:>9}{:>9}{:>9}{:>9}", "wall", "login", "limit", "process");
    let login = median(times[0].iter().map(|time| time.0));
    for ((name, _), times) in runs.iter().zip(&times) {
        let (wall, process) =
            (median(times.iter().map(|time| time.0)), median(times.iter().map(|time| time.1)));
        let (of_login, of_limit) = (wall / login, wall / (1.3 * login + 50.0));
        println!("{wall:9.1}{of_login:9.2}{of_limit:9.2}{process:9.0}  {name}");
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The milliseconds that a run takes, on the clock and of this machine's processors.
fn timed(command: &mut Command) -> (f64, f64) {
    let (begin, before) = (Instant::now(), process_time());
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    assert!(silent.status().unwrap().success(), "{command:?}");
    (begin.elapsed().as_secs_f64() * 1000.0, process_time() - before)
}

/// What all children have used that have ended; the kernel counts in hundredths of a second.
fn process_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[13..15].iter().map(|ticks| ticks.parse::<f64>().unwrap() * 10.0).sum()
}
