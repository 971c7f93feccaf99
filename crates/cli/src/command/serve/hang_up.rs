//! Ends the ssh connection of which the other side is gone.
//!
//! sshd waits for hours for a machine that has vanished, with a login and a shell, where we have known after
//! half a minute. The hazard is to end somebody else's login: so only an sshd counts that has started us, itself
//! or through sudo.

use std::fs;

use rustix::process::{Pid, Signal, getppid, kill_process};

/// How many may stand between: sudo starts a process of its own to watch over another.
const BETWEEN: usize = 3;

/// Ends it, if this process is at its end.
pub(super) fn hang_up() {
    let parents = std::iter::successors(getppid(), |pid| parent_of(*pid));
    for pid in parents.take(BETWEEN) {
        match name_of(pid).as_deref() {
            Some("sudo") => {}
            Some(name) if name.starts_with("sshd") || name == "dropbear" => {
                // It fails only where it has ended or is none of ours.
                let _ = kill_process(pid, Signal::TERM);
                return;
            }
            _ => return,
        }
    }
}

fn name_of(pid: Pid) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero())).ok()?;
    Some(name.trim_end().to_owned())
}

fn parent_of(pid: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Pid::from_raw(parent.trim().parse().ok()?)
}
