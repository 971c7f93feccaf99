//! How a sync reports. The library prints nothing: it tells an observer, and the observer shows it.

use std::path::Path;

use super::job::{Done, Job};
use super::root::RootError;
use crate::send::Busy;

/// Is told of the events of a sync. Every method does nothing unless it is overridden.
///
/// Methods are called from the task that runs the sync, and should return quickly.
pub trait Observer: Send + Sync {
    /// A transfer into the directory `into` of the destination begins.
    fn report(&self, job: &Job<'_>, into: &Path) {
        let _ = (job, into);
    }

    /// Bytes have flowed: `total` so far, `prev` of them at the last report. What was there already does not
    /// count, also where it flows once more to be compared. `sequence` is the next
    /// mark of activity, if the transfer was given any. Only [`ProgressTransfer`](super::ProgressTransfer) reports this.
    fn report_progress(&self, job: &Job<'_>, total: u64, prev: u64, sequence: &str) {
        let _ = (job, total, prev, sequence);
    }

    /// The source of a transfer is busy; it is tried again, for [`Busy::LONGEST`] in all.
    fn report_wait(&self, job: &Job<'_>, busy: Busy) {
        let _ = (job, busy);
    }

    /// A transfer is complete and durable.
    fn report_done(&self, job: &Job<'_>, into: &Path, done: Done) {
        let _ = (job, into, done);
    }

    /// The transfer goes on where an interrupted one has ended, `bytes` of the streams being there.
    fn report_resumed(&self, job: &Job<'_>, bytes: u64) {
        let _ = (job, bytes);
    }

    /// The transfer starts over: what it was to continue is not a part of what is sent now.
    fn report_restart(&self, job: &Job<'_>) {
        let _ = job;
    }

    /// The transfer starts over without clone sources, for one of them could not be used.
    fn report_without_clones(&self, job: &Job<'_>, error: &RootError) {
        let _ = (job, error);
    }

    /// Something failed; `job` is the transfer that it ended, if it was one.
    fn err(&self, error: &RootError, job: Option<&Job<'_>>) {
        let _ = (error, job);
    }
}

/// The observer that ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {}
