//! A second wall around the destination, which the kernel keeps (Landlock).
//!
//! The first is that every path is opened beneath the staging subvolume. Should that have a gap, the
//! thread that applies a stream can still open, make or remove nothing outside of the directory. It
//! cannot be lifted again, so it is for a thread of its own; and where the kernel has no Landlock, or
//! one that forbids all moves between directories (before Linux 5.19), the first wall is the only one.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::panic::resume_unwind;
use std::thread;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError,
};

use super::directory::Directory;
use super::error::ReceiveError;

/// Does work on a thread that can reach nothing but the directory, and read what else is given.
pub(super) fn behind<T: Send>(
    into: &Directory,
    readable: &[BorrowedFd<'_>],
    work: impl FnOnce() -> Result<T, ReceiveError> + Send,
) -> Result<T, ReceiveError> {
    let span = tracing::Span::current();
    let walled = || {
        let _entered = span.enter();
        // Best effort: a kernel that cannot is no reason not to receive.
        let _ = raise(&into.file, readable);
        work()
    };
    thread::scope(|scope| {
        let name = "btrsync receive".to_owned();
        let started = thread::Builder::new().name(name).spawn_scoped(scope, walled);
        let what = "start a thread to receive into";
        let thread =
            started.map_err(|source| ReceiveError::Io { what, path: into.path.clone(), source })?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Whether the kernel has what the wall needs.
pub(crate) fn has_wall() -> bool {
    let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    rules.handle_access(AccessFs::Refer).and_then(Ruleset::create).is_ok()
}

fn raise(into: &File, readable: &[BorrowedFd<'_>]) -> Result<(), RulesetError> {
    let all = AccessFs::from_all(ABI::V5);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::Refer)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .create()?
        .add_rule(PathBeneath::new(into, all))?;
    for source in readable {
        rules = rules.add_rule(PathBeneath::new(source, AccessFs::ReadFile | AccessFs::ReadDir))?;
    }
    rules.restrict_self().map(drop)
}
