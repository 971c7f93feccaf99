//! The one right whose lack the kernel does not tell.
//!
//! Without `CAP_FSETID` a file loses its set-user-ID and set-group-ID bits when it is written to, and gets
//! none of the latter in a foreign group, and every call succeeds. All other rights that are missing end in an
//! error of the call that needs them.

use rustix::io::Errno;
use rustix::thread::{CapabilitySet, capabilities};

use super::directory::Directory;
use super::error::ReceiveError;

/// Refuses to receive what might arrive with other permissions, and nobody would know.
pub(super) fn check(into: &Directory) -> Result<(), ReceiveError> {
    let has = capabilities(None).map(|sets| sets.effective.contains(CapabilitySet::FSETID));
    let error = match has {
        Ok(true) => return Ok(()),
        Ok(false) => Errno::PERM,
        Err(error) => error,
    };
    let what = "keep set-user-ID and set-group-ID bits (CAP_FSETID) in";
    Err(ReceiveError::Io { what, path: into.path.clone(), source: error.into() })
}
