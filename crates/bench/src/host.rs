//! Where and with what something was measured.
//!
//! The hazard is a figure that nobody can place: without the machine, the versions and the load it says
//! nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use btrsync_testutil::command::program;
use serde::{Deserialize, Serialize};

use crate::memory::kib;
use crate::options::Options;

/// A load above this means that others work on the machine too.
const QUIET: f64 = 0.5;

/// A machine, its programs, and what it did before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Host {
    /// The day, in UTC.
    pub date: String,
    /// The commit that was measured, with a plus where files were changed since.
    pub commit: String,
    /// The processors.
    pub processors: String,
    /// The memory, in GiB.
    pub memory_gib: f64,
    /// The release of Linux.
    pub kernel: String,
    /// Where the images of the filesystems lie.
    pub images: String,
    /// The mean of how many processes wanted to run in the minute before the start.
    pub load: f64,
    /// What each program says of its version.
    pub versions: Vec<String>,
}

impl Host {
    /// Looks at this machine.
    #[must_use]
    pub fn here(options: &Options) -> Self {
        Self {
            date: text(program("date").args(["-u", "+%F"])),
            commit: commit(),
            processors: processors(&read("/proc/cpuinfo")),
            memory_gib: kib("MemTotal:").unwrap_or(0) as f64 / f64::from(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            images: std::env::var("BTRSYNC_TEST_DIR").unwrap_or_else(|_| "memory".to_owned()),
            load: load(&read("/proc/loadavg")),
            versions: versions(options),
        }
    }

    /// Returns a warning where the machine was not idle.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let load = self.load;
        (load > QUIET)
            .then(|| format!("the machine was not idle before the start (load {load:.2})"))
    }

    /// Returns the machine in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { processors, memory_gib, kernel, images, date, commit, .. } = self;
        format!(
            "{processors}, {memory_gib:.0} GiB, Linux {kernel}, images in {images}; {date}, commit {commit}"
        )
    }
}

fn versions(options: &Options) -> Vec<String> {
    let mut versions = vec![text(Command::new(&options.program).arg("--version"))];
    for (name, arg) in [("btrfs", "--version"), ("btrbk", "--version"), ("rsync", "--version")] {
        versions.push(text(program(name).arg(arg)));
    }
    versions.push(text(program("ssh").arg("-V")));
    if let Some(python) = &options.python {
        versions.push(format!("Python {}", text(Command::new(python).arg("--version"))));
    }
    versions.retain(|version| !version.is_empty());
    versions
}

/// The first line that a command writes; nothing where there is no such program.
fn text(command: &mut Command) -> String {
    let Ok(output) = command.output() else { return String::new() };
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned()
}

fn commit() -> String {
    // Root asks in the directory of another user.
    let git = |args: &[&str]| text(program("git").args(["-c", "safe.directory=*"]).args(args));
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
    if changed { commit + "+" } else { commit }
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn processors(cpuinfo: &str) -> String {
    let of = |line: &str| Some(line.strip_prefix("model name")?.split_once(": ")?.1.to_owned());
    let models: Vec<String> = cpuinfo.lines().filter_map(of).collect();
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    match models.first() {
        Some(model) => format!("{count} × {model}"),
        None => format!("{count} processors"),
    }
}

fn load(loadavg: &str) -> f64 {
    loadavg.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        assert!(processors("model name\t: A CPU\nmodel name\t: A CPU\n").ends_with(" × A CPU"));
        assert_eq!(load("0.75 0.50 0.25 1/100 1"), 0.75);
    }
}
