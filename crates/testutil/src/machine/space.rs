//! The namespaces of a machine, and what runs in them.
//!
//! They live as long as their first process, which ends when its input does, and so with this process
//! however that ends; and everything that runs in there ends with it.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::files::SETUP;
use crate::command::program;
use crate::must::must;

#[derive(Debug)]
pub(super) struct Space {
    holder: Child,
    own_network: bool,
    /// What runs all the time, and is none of a test's business.
    idle: Mutex<HashSet<u32>>,
}

/// A process of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id, as seen from outside.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

impl Space {
    #[track_caller]
    pub(super) fn start(dir: &Path, own_network: bool) -> Self {
        let mut unshare = program("unshare");
        unshare.args(["--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child"]);
        let network = if own_network { "network" } else { "" };
        if own_network {
            unshare.arg("--net");
        }
        unshare.args(["sh", "-c", SETUP, "machine", network]).current_dir(dir);
        let child = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut holder = must("start", "unshare", child);
        let mut line = String::new();
        let out = holder.stdout.take().map(BufReader::new);
        must("read from", "unshare", out.expect("a pipe").read_line(&mut line));
        let space = Self { holder, own_network, idle: Mutex::default() };
        assert_eq!(line, "ready\n", "the machine does not start");
        space.idle_now();
        space
    }

    /// Returns a process that is inside of the namespaces but that of processes.
    pub(super) fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// Takes what runs now as what always does.
    pub(super) fn idle_now(&self) {
        let now = self.all().into_iter().map(|process| process.pid).collect();
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Prepares a command that runs inside; the program and its arguments are still to be added.
    pub(super) fn enter(&self) -> Command {
        let mut nsenter = program("nsenter");
        let space = |kind: &str| format!("/proc/{}/ns/{kind}", self.pid());
        nsenter.arg(format!("--mount={}", space("mnt")));
        nsenter.arg(format!("--pid={}", space("pid_for_children")));
        if self.own_network {
            nsenter.arg(format!("--net={}", space("net")));
        }
        nsenter.arg("--");
        nsenter
    }

    pub(super) fn processes(&self) -> Vec<Process> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        self.all().into_iter().filter(|process| !idle.contains(&process.pid)).collect()
    }

    /// Returns what all processes in here have used, with those that they have waited for.
    pub(super) fn processor_time(&self) -> Duration {
        self.pids().into_iter().map(processor_time).sum()
    }

    fn all(&self) -> Vec<Process> {
        let living = self.pids().into_iter().filter(|pid| is_alive(*pid));
        living.map(|pid| Process { pid, command: command_line(pid) }).collect()
    }

    /// Returns the ids of all processes, also of those that have ended and nobody has asked for.
    fn pids(&self) -> Vec<u32> {
        let mine = fs::read_link(format!("/proc/{}/ns/pid_for_children", self.pid()));
        let mine = must("look at", "a namespace", mine);
        let entries = must("list", "/proc", fs::read_dir("/proc")).flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let in_here = |pid: &u32| {
            fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|its: PathBuf| its == mine)
        };
        pids.filter(in_here).collect()
    }
}

/// The kernel counts in hundredths of seconds: user and system, its own and of ended children.
fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let (_, rest) = stat.rsplit_once(')').unwrap_or_default();
    let ticks = rest.split_whitespace().skip(11).take(4).filter_map(|n| n.parse::<u64>().ok());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// Whether a process is more than an entry that nobody has asked for.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn command_line(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<u8> = words.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    String::from_utf8_lossy(&words).trim_end().to_owned()
}

impl Drop for Space {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        // It is gone when all are gone.
        let _ = self.holder.wait();
    }
}
