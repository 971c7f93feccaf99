//! Listens to the library, passes on what is to be shown, and remembers how failures are to end.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use btrsync::sync::root::RootError;
use btrsync::sync::{Busy, Done, Job, Observer};

use crate::advice::Failure;
use crate::exit::Exit;
use crate::report::Report;

/// The observer of one run.
pub(crate) struct Watch {
    report: Arc<dyn Report>,
    failed: Mutex<Option<Exit>>,
}

impl Watch {
    pub(crate) fn new(report: Arc<dyn Report>) -> Self {
        Self { report, failed: Mutex::new(None) }
    }

    /// The exit code of the first failure.
    pub(crate) fn exit(&self) -> Exit {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(Exit::Failed)
    }
}

impl Observer for Watch {
    fn report(&self, job: &Job<'_>, into: &Path) {
        self.report.begin(job, into);
    }

    fn report_progress(&self, job: &Job<'_>, total: u64, prev: u64, _: &str) {
        self.report.progress(job, total, prev);
    }

    fn report_resumed(&self, job: &Job<'_>, bytes: u64) {
        self.report.resumed(job, bytes);
    }

    fn report_restart(&self, job: &Job<'_>) {
        self.report.restarted(job);
    }

    fn report_wait(&self, job: &Job<'_>, busy: Busy) {
        self.report.waits(job, busy);
    }

    fn report_without_clones(&self, job: &Job<'_>, error: &RootError) {
        self.report.without_clones(job, error);
    }

    fn report_done(&self, job: &Job<'_>, into: &Path, done: Done) {
        self.report.done(job, into, done);
    }

    fn err(&self, error: &RootError, job: Option<&Job<'_>>) {
        let failure = Failure::from(error);
        self.report.failure(&failure, job);
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure.exit);
    }
}
