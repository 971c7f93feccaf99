//! A sync between two doubles.

use std::sync::Arc;

use async_trait::async_trait;
use btrsync::Cancel;
use btrsync::btrfs::Forest;
use btrsync::sync::root::{BtrfsRoot, RootError};
use btrsync::sync::{
    BtrSync, Cancelled, Done, Full, Hooks, Job, Outcome, Reason, Step, SyncOptions, Transfer,
    Transferring,
};

use crate::doubles::{Log, Recorder, Watcher, pack};
use crate::notation::side;

/// A transfer that notes what it is asked to transfer, and fails for what it was told to.
pub(crate) struct Noting {
    pub(crate) log: Log,
    pub(crate) fails: &'static [&'static str],
}

#[async_trait]
impl Transferring for Noting {
    async fn transf(&self, job: &Job<'_>) -> Result<Done, Cancelled> {
        let step = pack(&job.step.vols, job.step.parent.as_ref());
        self.log.add(&step);
        match self.fails.contains(&step.as_str()) {
            true => Err(Cancelled),
            false => Ok(Done::default()),
        }
    }

    fn err(&self, error: &RootError, job: Option<&Job<'_>>) {
        self.log.add(format!("err {}{error}", if job.is_some() { "of a job: " } else { "" }));
    }
}

/// A sync between two doubles, in the notation.
pub(crate) fn sync(source: &str, dest: &str) -> BtrSync {
    let log = Log::default();
    BtrSync::new(Arc::new(Recorder::new(source, &log)), Arc::new(Recorder::new(dest, &log)))
}

/// What a sync transfers, in order, as `a; b<a`.
pub(crate) async fn transfers(sync: &BtrSync, options: &SyncOptions) -> String {
    run(sync, options, &[]).await.0
}

/// As [`transfers`], where some fail; also returns the outcome.
pub(crate) async fn run(
    sync: &BtrSync,
    options: &SyncOptions,
    fails: &'static [&'static str],
) -> (String, Outcome) {
    let trans = Noting { log: Log::default(), fails };
    let outcome = sync.sync(&trans, options).await;
    (trans.log.take(), outcome)
}

/// Options that differ from the default in their hooks.
pub(crate) fn hooked(hooks: Hooks) -> SyncOptions {
    SyncOptions { hooks, ..SyncOptions::default() }
}

/// One job between two doubles, with everything it borrows.
pub(crate) struct OneJob {
    pub(crate) log: Log,
    pub(crate) src: Recorder,
    pub(crate) dst: Recorder,
    pub(crate) step: Step,
    pub(crate) cancel: Cancel,
}

impl OneJob {
    /// Transfers the volumes of `vols`, in the notation.
    pub(crate) fn new(vols: &str) -> Self {
        let log = Log::default();
        let reason = Reason::Full(Full::NoRelative);
        Self {
            src: Recorder::new(vols, &log),
            dst: Recorder::new("", &log),
            step: Step { vols: side(vols), parent: None, clones: Vec::new(), reason },
            cancel: Cancel::new().unwrap(),
            log,
        }
    }

    pub(crate) fn job(&self) -> Job<'_> {
        let (src, dst): (&dyn BtrfsRoot, &dyn BtrfsRoot) = (&self.src, &self.dst);
        Job { step: &self.step, src, dst, cancel: &self.cancel, next: None }
    }

    /// A transfer whose observer writes into the same log.
    pub(crate) fn transfer(&self, recvpath: &str) -> Transfer {
        Transfer::new(recvpath).observer(Arc::new(Watcher(self.log.clone())))
    }
}

/// The forest in groups of one volume each.
pub(crate) fn one_by_one(forest: &Forest) -> Vec<Vec<&btrsync::btrfs::Subvolume>> {
    forest.iter().map(|vol| vec![vol]).collect()
}
