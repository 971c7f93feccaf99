//! A history lived through on a filesystem: its snapshots, as they are to arrive.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use btrsync_testutil::{History, Tree, btrfs, snapshot_of};

/// The snapshots of a history, and behind them one of a branch, which went from the first its own way.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) snapshots: Vec<File>,
    pub(crate) trees: Vec<Tree>,
    /// What was done, for whoever has to understand a failure.
    pub(crate) log: Vec<String>,
}

impl Life {
    /// Lives through a history in a new directory.
    pub(crate) fn live(history: &History, dir: &Path) -> Self {
        fs::create_dir(dir).unwrap();
        let origin = dir.join("origin");
        btrfs::create_subvolume(&origin);
        let (mut paths, mut log): (Vec<PathBuf>, Vec<String>) = (Vec::new(), Vec::new());
        for round in 0..history.rounds() {
            log.extend(history.play(round, &origin, &paths));
            log.push(format!("snapshot {round}"));
            paths.push(dir.join(round.to_string()));
            btrfs::snapshot_ro(&origin, &paths[round]);
        }
        let branch = dir.join("branch");
        btrfs::snapshot_rw(&paths[0], &branch);
        log.push("a branch from snapshot 0".to_owned());
        log.extend(history.play(history.rounds() - 1, &branch, &paths));
        paths.push(dir.join(history.rounds().to_string()));
        btrfs::snapshot_ro(&branch, &paths[history.rounds()]);
        Self {
            snapshots: paths.iter().map(|path| File::open(path).unwrap()).collect(),
            trees: paths.iter().map(|path| snapshot_of(path)).collect(),
            log,
        }
    }
}
