//! Runs a plan: group after group, pack after pack.

use std::num::NonZeroUsize;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::hooks::Hooks;
use super::job::{Done, Job};
use super::plan::{Plan, PlanOptions, Step, plan};
use super::root::{BtrfsRoot, RootError};
use super::transfer::{Cancelled, Transferring};
use crate::Cancel;
use crate::btrfs::{Diff, Forest, KeyFn, Subvolume, default_keys};

/// Synchronises subvolumes from a source root to a destination root.
#[derive(Debug, Clone)]
pub struct BtrSync {
    src: Arc<dyn BtrfsRoot>,
    dst: Arc<dyn BtrfsRoot>,
    src_keys: Vec<KeyFn>,
    dst_keys: Vec<KeyFn>,
    hooks: Hooks,
}

/// How to synchronise.
#[derive(Debug, Clone, Default)]
pub struct SyncOptions {
    /// Send volumes of a group that have the same parent and directory in one transfer.
    pub batch: bool,
    /// Run up to this many transfers of a group at once; `None` for one after another.
    pub parallel: Option<NonZeroUsize>,
    /// Also transfer what the destination has.
    pub transfer_existing: bool,
    /// Overrides for this call; they come before those of the [`BtrSync`].
    pub hooks: Hooks,
    /// The switch that ends the run.
    pub cancel: Option<Cancel>,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was transferred.
    pub done: Vec<(Step, Done)>,
    /// How many transfers failed; why was told to the observer.
    pub failed: usize,
    /// How many transfers were not begun, because of a failure, a stop or a cancellation.
    pub left: usize,
    /// Whether the plan could not even be made.
    pub unplanned: bool,
    /// Whether the switch was thrown before everything was done.
    pub cancelled: bool,
}

impl Outcome {
    /// Returns whether nothing failed and nobody cancelled; a stop is a success.
    pub fn is_success(&self) -> bool {
        self.failed == 0 && !self.unplanned && !self.cancelled
    }
}

impl BtrSync {
    /// Makes a sync that knows equals by UUID and received UUID.
    pub fn new(src: Arc<dyn BtrfsRoot>, dst: Arc<dyn BtrfsRoot>) -> Self {
        let (src_keys, dst_keys) = (default_keys(), default_keys());
        Self { src, dst, src_keys, dst_keys, hooks: Hooks::default() }
    }

    /// Sets the key functions that are applied to the subvolumes of the source.
    pub fn with_src_keys(mut self, keys: Vec<KeyFn>) -> Self {
        self.src_keys = keys;
        self
    }

    /// Sets the key functions that are applied to the subvolumes of the destination.
    pub fn with_dst_keys(mut self, keys: Vec<KeyFn>) -> Self {
        self.dst_keys = keys;
        self
    }

    /// Sets the overrides for every call.
    pub fn with_hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Lists both sides and plans the transfers between them.
    ///
    /// # Errors
    ///
    /// Where one side cannot be listed.
    pub async fn plan(&self, options: &SyncOptions) -> Result<Plan, RootError> {
        Ok(self.survey(options).await?.plan)
    }

    /// How many transfers run at once where so many are wanted.
    fn at_once(&self, wanted: NonZeroUsize) -> NonZeroUsize {
        let most = self.src.most_at_once().min(self.dst.most_at_once());
        NonZeroUsize::new(most).map_or(NonZeroUsize::MIN, |most| most.min(wanted))
    }

    pub(super) fn roots(&self) -> (&dyn BtrfsRoot, &dyn BtrfsRoot) {
        (self.src.as_ref(), self.dst.as_ref())
    }

    pub(super) fn hooks_of(&self, options: &SyncOptions) -> Hooks {
        options.hooks.or(&self.hooks)
    }

    pub(super) fn diff(&self, src: &Forest, dst: &Forest) -> Diff {
        Diff::new(src, dst, &self.src_keys, &self.dst_keys)
    }

    /// Plans the transfers between two forests that were listed before.
    pub fn plan_between(&self, src: &Forest, dst: &Forest, options: &SyncOptions) -> Plan {
        self.plan_with(&self.diff(src, dst), src, dst, options)
    }

    pub(super) fn plan_with(
        &self,
        diff: &Diff,
        src: &Forest,
        dst: &Forest,
        options: &SyncOptions,
    ) -> Plan {
        let how = PlanOptions {
            batch: options.batch,
            longest_batch: [self.src.longest_batch(), self.dst.longest_batch()]
                .into_iter()
                .flatten()
                .min(),
            transfer_existing: options.transfer_existing,
            clones: self.src.sends_clones().and(self.dst.receives_clones()),
            parallel: options.parallel.is_some(),
        };
        plan(src, dst, diff, &self.hooks_of(options), how)
    }

    /// Synchronises: plans, and runs the plan. Errors are told to `trans` and counted.
    pub async fn sync(&self, trans: &dyn Transferring, options: &SyncOptions) -> Outcome {
        match self.plan(options).await {
            Ok(plan) => self.run(&plan, trans, options).await,
            Err(error) => {
                trans.err(&error, None);
                Outcome { unplanned: true, ..Outcome::default() }
            }
        }
    }

    /// Runs a plan that was made before.
    ///
    /// After a failure the other transfers of its group that run at once are finished, and the rest
    /// of the plan is left.
    pub async fn run(
        &self,
        plan: &Plan,
        trans: &dyn Transferring,
        options: &SyncOptions,
    ) -> Outcome {
        let mut run = Run { outcome: Outcome::default(), stopped: false };
        let hooks = self.hooks_of(options);
        match options.cancel.clone().map_or_else(Cancel::new, Ok) {
            Ok(cancel) => {
                let parallel = options.parallel.map(|wanted| self.at_once(wanted));
                // Where somebody may stop the run, or several run at once, it is open what comes next.
                let certain = parallel.is_none() && !hooks.may_stop();
                for (at, group) in plan.groups.iter().enumerate() {
                    let context = Context { sync: self, trans, cancel: &cancel, hooks: &hooks };
                    let later = certain.then(|| &plan.groups[at + 1..]);
                    run.group(group, later, &context, parallel).await;
                }
                run.outcome.cancelled = cancel.is_cancelled();
            }
            Err(source) => {
                trans.err(&RootError::System { what: "start a run", source }, None);
                run.outcome.unplanned = true;
            }
        }
        run.outcome.left = plan.steps().count() - run.outcome.done.len() - run.outcome.failed;
        run.outcome.cancelled &= run.outcome.left + run.outcome.failed > 0;
        run.outcome
    }
}

struct Context<'a> {
    sync: &'a BtrSync,
    trans: &'a dyn Transferring,
    cancel: &'a Cancel,
    hooks: &'a Hooks,
}

impl Context<'_> {
    async fn transfer<'a>(
        &self,
        step: &'a Step,
        next: Option<&Step>,
    ) -> (&'a Step, Result<Done, Cancelled>) {
        let (src, dst) = (self.sync.src.as_ref(), self.sync.dst.as_ref());
        (step, self.trans.transf(&Job { step, src, dst, cancel: self.cancel, next }).await)
    }
}

struct Run {
    outcome: Outcome,
    stopped: bool,
}

impl Run {
    /// Runs the transfers of a group, as many at once as allowed; `later` are the groups that follow, where
    /// it is certain that their transfers do.
    async fn group(
        &mut self,
        group: &[Step],
        later: Option<&[Vec<Step>]>,
        context: &Context<'_>,
        parallel: Option<NonZeroUsize>,
    ) {
        if self.outcome.failed > 0 {
            return;
        }
        let at_once = parallel.map_or(1, NonZeroUsize::get);
        let mut waiting = group.iter();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < at_once && !self.is_over(context, parallel) {
                let Some(step) = waiting.next() else { break };
                let next =
                    later.and_then(|later| waiting.clone().chain(later.iter().flatten()).next());
                running.push(context.transfer(step, next));
            }
            let Some((step, result)) = running.next().await else { return };
            self.note(step, result, context);
        }
    }

    /// Whether no more transfers of this group are begun.
    fn is_over(&self, context: &Context<'_>, parallel: Option<NonZeroUsize>) -> bool {
        let failed = self.outcome.failed > 0 && parallel.is_none();
        failed || self.stopped || context.cancel.is_cancelled()
    }

    fn note(&mut self, step: &Step, result: Result<Done, Cancelled>, context: &Context<'_>) {
        match result {
            Ok(done) => {
                self.outcome.done.push((step.clone(), done));
                self.stopped |= context.hooks.call_stop(&step.vols);
            }
            Err(Cancelled) => self.outcome.failed += 1,
        }
    }
}

/// Checks at compile time that a run can be moved between threads.
fn _is_send(sync: &BtrSync, trans: &dyn Transferring, options: &SyncOptions, _: &Subvolume) {
    fn send(_: impl Send) {}
    send(sync.sync(trans, options));
}
