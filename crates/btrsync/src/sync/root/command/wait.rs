//! Waits for a child process without being caught in it.

use std::io;
use std::process::{Child, ExitStatus};

use crate::{Cancel, process};

/// Waits until a child has ended; `None` where the switch is thrown first.
pub(super) fn wait(child: &mut Child, cancel: &Cancel) -> io::Result<Option<ExitStatus>> {
    if let Some(status) = child.try_wait()? {
        return Ok(Some(status));
    }
    match cancel.wait_readable(process::handle(child)?) {
        Ok(()) => child.wait().map(Some),
        Err(error) if crate::cancel::is_cancelled(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
