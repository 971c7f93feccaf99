//! Times receives against `btrfs receive`, on the same streams and fresh filesystems in turn.
//!
//! `cargo run --release -p btrsync --example bench_receive [STREAM...]`; needs root. Without streams it
//! makes some of its own. `btrfs receive` says that it is done before the data is on disk, so a
//! `sync -f` counts with it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use btrsync::receive::{Directory, ReceiveOptions, StreamMeta, Unwatched, receive};
use btrsync_testutil::{LoopFs, btrfs, write_files_seeded};

const RUNS: usize = 3;

fn main() {
    let given: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let made = tempfile::tempdir_in("/dev/shm").unwrap();
    let streams = if given.is_empty() { make(made.path()) } else { given };
    println!(
        "{:24}{:>12}{:>12}{:>8}  best of {RUNS}, seconds",
        "stream", "btrfs", "btrsync", "ratio"
    );
    for stream in streams {
        let (theirs, ours) = (0..RUNS).fold((Duration::MAX, Duration::MAX), |best, _| {
            (best.0.min(timed(&stream, with_btrfs)), best.1.min(timed(&stream, with_btrsync)))
        });
        let (theirs, ours) = (theirs.as_secs_f64(), ours.as_secs_f64());
        let name = stream.file_name().unwrap().display().to_string();
        println!("{name:24}{theirs:12.2}{ours:12.2}{:8.2}", ours / theirs);
    }
}

/// The time that a receive takes into a new filesystem.
fn timed(stream: &Path, receive: impl Fn(&Path, &Path)) -> Duration {
    let fs = LoopFs::builder().size_mib(8 << 10).build();
    btrfs::sync(fs.path());
    let begin = Instant::now();
    receive(stream, fs.path());
    begin.elapsed()
}

fn with_btrfs(stream: &Path, into: &Path) {
    let run = |command: &mut Command| assert!(command.status().unwrap().success());
    run(Command::new("btrfs").args(["receive", "-q", "-f"]).args([stream, into]));
    run(Command::new("sync").arg("-f").arg(into));
}

fn with_btrsync(stream: &Path, into: &Path) {
    let (meta, options) = (StreamMeta::default(), ReceiveOptions::default());
    let into = Directory::open(into).unwrap();
    receive(File::open(stream).unwrap(), &into, &meta, options, &mut Unwatched).unwrap();
}

/// Makes streams: of many small files, and of few large ones.
fn make(dir: &Path) -> Vec<PathBuf> {
    let fs = LoopFs::builder().size_mib(8 << 10).build();
    [("small files", 600, 100, 4000), ("large files", 1, 16, 64 << 20)]
        .into_iter()
        .map(|(name, dirs, files, size)| {
            let origin = fs.path().join(name);
            btrfs::create_subvolume(&origin);
            for number in 0..dirs {
                let dir = origin.join(format!("dir-{number}"));
                fs::create_dir(&dir).unwrap();
                write_files_seeded(&dir, files, size, number);
            }
            let snapshot = fs.path().join(format!("{name}.snapshot"));
            btrfs::snapshot_ro(&origin, &snapshot);
            let stream = dir.join(name);
            fs::write(&stream, btrfs::send(&snapshot, None)).unwrap();
            stream
        })
        .collect()
}
