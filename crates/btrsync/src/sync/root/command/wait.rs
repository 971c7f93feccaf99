//! Waits for a child process without being caught in it.

use std::io;
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::Cancel;

/// Waits until a child has ended; `None` where the switch is thrown first.
pub(super) fn wait(child: &mut Child, cancel: &Cancel) -> io::Result<Option<ExitStatus>> {
    if let Some(status) = child.try_wait()? {
        return Ok(Some(status));
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    match cancel.wait_readable(&pidfd) {
        Ok(()) => child.wait().map(Some),
        Err(error) if crate::cancel::is_cancelled(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
