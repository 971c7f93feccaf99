//! A filesystem with many read-only snapshots, and the processor time that listing it takes.
//!
//! The hazard is a figure that says more of the machine than of the code: the time that counts is
//! that of the processor, and the median of several runs.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use btrsync_kernel::{create, list, snapshot};
use btrsync_testutil::LoopFs;
use rustix::time::{ClockId, clock_gettime};

const DIRECTORIES: usize = 10;
/// Enough that many snapshots share one commit, which is what takes the time.
const THREADS: usize = 32;
const RUNS: usize = 9;

/// Makes a filesystem with `count` read-only snapshots of one subvolume, spread over directories.
pub(crate) fn snapshots(count: usize) -> LoopFs {
    let fs = LoopFs::builder().size_mib(4096).mount_options("noatime,nobarrier").build();
    make(fs.path(), count);
    fs
}

/// Does so in the root of an empty filesystem that is mounted.
pub(crate) fn make(path: &Path, count: usize) {
    let top = File::open(path).unwrap();
    create(&top, "origin".as_ref()).unwrap();
    for directory in 0..DIRECTORIES {
        fs::create_dir(path.join(directory.to_string())).unwrap();
    }
    thread::scope(|scope| {
        for first in 0..THREADS {
            let numbers = (first..count).step_by(THREADS);
            scope.spawn(move || numbers.for_each(|number| take(path, number)));
        }
    });
    btrsync_kernel::sync(&top).unwrap();
}

fn take(top: &Path, number: usize) {
    let origin = File::open(top.join("origin")).unwrap();
    let directory = File::open(top.join((number % DIRECTORIES).to_string())).unwrap();
    snapshot(origin, directory, format!("snapshot-{number}").as_ref(), true).unwrap();
}

/// What one listing takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// The time that this process spent on a processor, in the kernel or not.
    pub(crate) process: Duration,
    /// The time that went by.
    pub(crate) wall: Duration,
}

/// Lists the filesystem several times and returns the medians.
pub(crate) fn measure(fs: &LoopFs, count: usize) -> Cost {
    let top = File::open(fs.path()).unwrap();
    let costs = (0..RUNS).map(|_| {
        let (cpu, wall) = (process_time(), Instant::now());
        let found = list(&top).unwrap().len();
        let cost = Cost { process: process_time() - cpu, wall: wall.elapsed() };
        assert_eq!(found, count + 2, "with the origin and the top level");
        cost
    });
    let costs: Vec<Cost> = costs.collect();
    let middle = |time: fn(&Cost) -> Duration| median(costs.iter().map(time).collect());
    Cost { process: middle(|cost| cost.process), wall: middle(|cost| cost.wall) }
}

/// Returns the middle of an odd number of times.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn process_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap()
}
