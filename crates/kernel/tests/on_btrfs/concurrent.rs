//! A listing while subvolumes come, move and go: it never fails and never makes a path up.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use btrsync_kernel::{create, delete, find, list, path_of, snapshot};
use btrsync_testutil::{LoopFs, require_btrfs};

use crate::mounts::{nest, open_at};
use crate::support::{name, open};

const DURATION: Duration = Duration::from_secs(3);
const MOVERS: usize = 2;

/// Repeats `change` on another thread, with the number of the turn, while `look` looks on.
fn while_changing(change: impl Fn(usize) + Sync, look: impl Fn()) -> usize {
    let stop = &AtomicBool::new(false);
    let turns = || (0..).take_while(|_| !stop.load(Ordering::Relaxed)).map(&change).count();
    thread::scope(|scope| {
        let changing = scope.spawn(turns);
        // Also where a look fails: the scope waits for the other thread.
        let stopped = Stop(stop);
        let began = Instant::now();
        while began.elapsed() < DURATION && !changing.is_finished() {
            look();
        }
        drop(stopped);
        changing.join().unwrap()
    })
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The places through which a snapshot goes; those of different directories have different names.
fn stations(mover: usize) -> [PathBuf; 4] {
    let place = |dir: &str, name: &str| PathBuf::from(format!("{dir}/{name}-{mover}"));
    [place("a", "made"), place("a", "renamed"), place("b", "moved"), place("holder/c", "inside")]
}

/// Makes a snapshot, moves it from place to place, and deletes it.
fn travel(top: &Path, mover: usize) {
    let places = stations(mover).map(|place| top.join(place));
    let place = |at: &Path| (open(at.parent().unwrap()), at.file_name().unwrap().to_owned());
    let (dir, name) = place(&places[0]);
    snapshot(open(&top.join("origin")), dir, &name, false).unwrap();
    for pair in places.windows(2) {
        fs::rename(&pair[0], &pair[1]).unwrap();
    }
    let (dir, name) = place(&places[3]);
    delete(dir, &name).unwrap();
}

fn travel_together(top: &Path) {
    thread::scope(|scope| {
        for mover in 0..MOVERS {
            scope.spawn(move || travel(top, mover));
        }
    });
}

#[test]
fn a_listing_sees_each_subvolume_at_a_place_where_it_was() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    create(&top, "origin".as_ref()).unwrap();
    create(&top, "holder".as_ref()).unwrap();
    for dir in ["a", "b", "holder/c"] {
        fs::create_dir(fs.path().join(dir)).unwrap();
    }
    let fixed = ["", "origin", "holder"].map(PathBuf::from);
    let possible: HashSet<PathBuf> =
        fixed.into_iter().chain((0..MOVERS).flat_map(stations)).collect();
    let look = || {
        let seen = list(&top).unwrap();
        assert!(seen.len() >= 3);
        for subvolume in seen {
            assert!(possible.contains(&subvolume.path), "{}", subvolume.path.display());
            let again = find(&top, subvolume.info.id).unwrap().map(|found| found.path);
            assert!(again.is_none_or(|path| possible.contains(&path)));
        }
    };
    let turns = while_changing(|_| travel_together(fs.path()), look);
    assert!(turns > 5, "only {turns} turns");
}

#[test]
fn a_deep_directory_that_goes_away_meanwhile_is_no_error() {
    require_btrfs!();
    let fs = LoopFs::new();
    let top = open(fs.path());
    create(&top, "origin".as_ref()).unwrap();
    nest(&fs.path().join("origin"), 18);
    let turn = |number: usize| {
        let outer = format!("outer-{number}");
        snapshot(open(&fs.path().join("origin")), &top, name(&outer), false).unwrap();
        let bottom = nest(&fs.path().join(&outer), 18);
        create(&bottom, "inner".as_ref()).unwrap();
        drop(open_at(&bottom, "inner"));
        delete(&bottom, "inner".as_ref()).unwrap();
        delete(&top, name(&outer)).unwrap();
    };
    let turns = while_changing(turn, || {
        let last = list(&top).unwrap().pop().unwrap();
        assert!(path_of(&top, last.info.id).unwrap().is_none_or(|path| path == last.path));
    });
    assert!(turns > 5, "only {turns} turns");
}
