//! Processes by what the kernel tells of them.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal; a process that has ended already is left alone.
#[track_caller]
pub(crate) fn signal(pid: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal);
}

/// Finds a child of a process by its name.
pub(crate) fn child_named(parent: u32, name: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid| look_at(*pid).is_some_and(|found| found == (name.to_owned(), parent)))
}

/// Waits until a process that need not be a child has ended.
#[track_caller]
pub(crate) fn wait_for_end(pid: u32) {
    let begin = Instant::now();
    while look_at(pid).is_some() {
        assert!(begin.elapsed() < Duration::from_secs(20), "process {pid} does not end");
        sleep(Duration::from_millis(5));
    }
}

/// The name and the parent of a process that lives; one that only waits to be noticed as dead does not.
fn look_at(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once(" (")?;
    let (state, rest) = tail.split_once(' ')?;
    let parent = rest.split(' ').next()?.parse().ok()?;
    (state != "Z").then(|| (name.to_owned(), parent))
}
