//! Signals to the processes under test.

use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal; a process that has ended already is left alone.
#[track_caller]
pub(crate) fn signal(pid: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal);
}
