//! One run of a receiver within bounds of time and memory.
//!
//! The hazard is a judge that hangs with the accused. Output goes to files, for a pipe can be held
//! open by anybody; the whole process group ends when the time is over.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// What a receiver may allocate; it is refused more than this.
pub(crate) const MEMORY: u64 = 64 << 20;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None where the time was over.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) output: Vec<u8>,
    /// The most memory that the process was seen to have, in bytes.
    pub(crate) peak: u64,
    pub(crate) took: Duration,
}

/// Runs a command that was prepared with [`limited`] to its end, or to the end of its time.
pub(crate) fn run(mut command: Command, limit: Duration) -> Ended {
    let dir = tempfile::tempdir().unwrap();
    let (out, err) = (dir.path().join("out"), dir.path().join("err"));
    command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let begin = Instant::now();
    let mut child = command.process_group(0).spawn().unwrap();
    let (status, peak) = wait(&mut child, begin + limit);
    let output = [fs::read(out).unwrap(), fs::read(err).unwrap()].concat();
    Ended { status, output, peak, took: begin.elapsed() }
}

/// Prepares a program that gets no more than [`MEMORY`].
pub(crate) fn limited(binary: &Path) -> Command {
    let mut command = btrsync_testutil::command::program("prlimit");
    command.arg(format!("--data={MEMORY}")).args(["--core=0", "--"]).arg(binary);
    command
}

fn wait(child: &mut Child, deadline: Instant) -> (Option<ExitStatus>, u64) {
    let mut peak = 0;
    loop {
        peak = peak.max(high_water(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            return (Some(status), peak);
        }
        if Instant::now() > deadline {
            let group = Pid::from_raw(child.id().cast_signed()).unwrap();
            kill_process_group(group, Signal::KILL).unwrap();
            child.wait().unwrap();
            return (None, peak);
        }
        sleep(Duration::from_millis(1));
    }
}

/// The kernel's own high-water mark: what is missed is what is added in the last millisecond.
fn high_water(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
