//! One attempt at a transfer: a send and a receive, joined by a flow.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::sync::oneshot;

use super::ahead::Ahead;
use super::job::{Done, Job};
use super::plan::Step;
use super::root::{Completion, RootError, SendRequest, StreamMeta};
use super::transfer::Transfer;
use crate::btrfs::Subvolume;
use crate::flow::waits::Waits;
use crate::receive::{Partial, Prefix};
use crate::{Cancel, Counter, Flow};

/// A send that is under way.
type Sent = (Flow, Completion<()>);

/// What is to be attempted.
pub(super) struct Attempt<'a> {
    pub(super) transfer: &'a Transfer,
    pub(super) job: &'a Job<'a>,
    pub(super) into: &'a Path,
    /// Whether nothing is to be continued.
    pub(super) anew: bool,
    /// Whether the streams may clone from the clone sources of the step.
    pub(super) cloning: bool,
    /// Whether the receiver may fetch the data of files by itself.
    pub(super) fetching: bool,
}

/// Both ends under way.
struct Started {
    /// Tells that the sender is done.
    sent: oneshot::Receiver<()>,
    counter: Counter,
    /// What connections have carried.
    wire: Counter,
    waits: Option<Waits>,
    ends: Vec<Completion<()>>,
    resumed: Arc<AtomicU64>,
    /// Whether what is continued does not go through the flow.
    left_out: bool,
    /// How much of it does, if it does.
    repeated: u64,
}

impl Attempt<'_> {
    /// Transfers, with `aside` running beside; returns all errors.
    pub(super) async fn run<A: Future<Output = ()>>(
        &self,
        aside: impl Fn(Counter) -> A,
    ) -> Result<Done, Vec<RootError>> {
        let (cancel, begun) = self.begin().map_err(|error| vec![error])?;
        let _guard = Guard(&cancel);
        let started = self.start(&cancel, begun).await.map_err(|error| vec![error])?;
        let Started { sent, counter, wire, waits, ends, resumed, left_out, repeated } = started;
        let told = join(aside(counter.behind(repeated)), self.tell_waits(waits));
        let aside = join(told, self.look_ahead(sent));
        let errors = beside(gather(&cancel, ends), aside).await;
        if !errors.is_empty() {
            return Err(errors);
        }
        let resumed = resumed.load(Ordering::Relaxed);
        let passed = if left_out { 0 } else { resumed };
        let bytes = counter.bytes().saturating_sub(passed);
        let wire = Some(wire.bytes()).filter(|bytes| *bytes > 0);
        Ok(Done { bytes, resumed, wire, elapsed: Duration::ZERO })
    }

    /// Takes the send that was begun for this attempt, if there is one, and the switch that ends it.
    fn begin(&self) -> Result<(Cancel, Option<Sent>), RootError> {
        let begun = self.transfer.ahead().take(self.job).filter(|_| !self.anew);
        if let Some(Ahead { cancel, flow, sent, .. }) = begun {
            return Ok((cancel, Some((flow, sent))));
        }
        let cancel = self.job.cancel.child();
        let failed = |source| RootError::System { what: "start a transfer", source };
        cancel.map(|cancel| (cancel, None)).map_err(failed)
    }

    fn request<'r>(&'r self, step: &'r Step, cancel: &'r Cancel) -> SendRequest<'r> {
        let Job { src, dst, .. } = *self.job;
        SendRequest {
            vols: &step.vols,
            parent: step.parent.as_ref(),
            clones: self.clones(step),
            skip: &[],
            form: src.sends().min(dst.takes()),
            at_hand: self.fetching && self.is_here(),
            cancel,
        }
    }

    /// Whether this process itself has both ends.
    fn is_here(&self) -> bool {
        self.job.src.is_here() && self.job.dst.is_here()
    }

    /// Begins the next send when that of this attempt is done. What fails is tried again by the transfer
    /// that needs it.
    async fn look_ahead(&self, sent: oneshot::Receiver<()>) {
        let Some(next) = self.job.next.filter(|_| self.is_here()) else { return };
        let (Ok(()), Ok(cancel)) = (sent.await, self.job.cancel.child()) else { return };
        let first = Attempt { anew: false, cloning: true, fetching: true, ..*self };
        if let Ok(begun) = self.job.src.send(first.request(next, &cancel)).await {
            self.transfer.ahead().put(Ahead::new((next, self.job.src), cancel, begun));
        }
    }

    async fn start(&self, cancel: &Cancel, begun: Option<Sent>) -> Result<Started, RootError> {
        let Job { step, src, dst, .. } = *self.job;
        let there = self.there().await?;
        let remote = src.is_remote() || dst.is_remote();
        let skip: &[_] = if remote { &there } else { &[] };
        let request = SendRequest { skip, ..self.request(step, cancel) };
        let (flow, sent) = match begun {
            Some(begun) => begun,
            None => src.send(request).await?,
        };
        let meta = StreamMeta {
            uuids: step.vols.iter().map(Subvolume::stream_uuid).collect(),
            sources: step.parent.iter().chain(self.clones(step)).cloned().collect(),
            skipped: flow.skipped().to_vec(),
            anew: self.anew,
        };
        let left_out = !meta.skipped.is_empty();
        let there = flow.amount(&there);
        if there > 0 {
            self.transfer.told().report_resumed(self.job, there);
        }
        let repeated = if left_out { 0 } else { there };
        let mut flow = self.transfer.through(flow, !self.is_here() && !remote)?;
        let (counter, wire, waits) = (flow.counter(), flow.wire(), flow.take_waits());
        let received = dst.receive(flow, self.into, meta).await?;
        let resumed = Arc::new(AtomicU64::new(0));
        let noted = Arc::clone(&resumed);
        let received: Completion<()> = Box::pin(async move {
            let resumed = received.await?.iter().map(|one| one.resumed).sum();
            noted.store(resumed, Ordering::Relaxed);
            Ok(())
        });
        let (tell, told) = oneshot::channel();
        let sent: Completion<()> = Box::pin(async move {
            sent.await?;
            // Nobody listens where nothing comes next.
            let _ = tell.send(());
            Ok(())
        });
        let (ends, sent) = (vec![sent, received], told);
        Ok(Started { sent, counter, wire, waits, ends, resumed, left_out, repeated })
    }

    /// Tells whenever the sender waits for its source.
    async fn tell_waits(&self, waits: Option<Waits>) {
        let Some(mut waits) = waits else { return };
        while let Some(busy) = waits.next().await {
            self.transfer.told().report_wait(self.job, busy);
        }
    }

    fn clones<'s>(&self, step: &'s Step) -> &'s [Subvolume] {
        if self.cloning { &step.clones } else { &[] }
    }

    /// What the destination has of each stream.
    async fn there(&self) -> Result<Vec<Option<Prefix>>, RootError> {
        if self.anew {
            return Ok(Vec::new());
        }
        let Job { step, dst, .. } = *self.job;
        let partial = dst.partial(self.into).await?;
        let part = |vol| part_of(&partial, vol, step.parent.as_ref());
        let there: Vec<_> = step.vols.iter().map(part).collect();
        let has_some = there.iter().flatten().any(|prefix| prefix.bytes > 0);
        Ok(if has_some { there } else { Vec::new() })
    }
}

/// Finds what is there of the stream of a volume.
fn part_of(partial: &[Partial], vol: &Subvolume, parent: Option<&Subvolume>) -> Option<Prefix> {
    let is_of = |part: &&Partial| {
        Some(part.uuid) == vol.stream_uuid()
            && vol.ctransid.is_none_or(|ctransid| ctransid == part.ctransid)
            && part.parent == parent.and_then(Subvolume::stream_uuid)
    };
    partial.iter().find(is_of).map(|part| part.prefix)
}

/// Runs operations together and waits for all; throws `cancel` on the first error. Returns all errors.
pub(super) async fn gather(cancel: &Cancel, operations: Vec<Completion<()>>) -> Vec<RootError> {
    let watched = operations.into_iter().map(|operation| async {
        let result = operation.await;
        if result.as_ref().is_err_and(|error| !error.is_consequence()) {
            cancel.cancel();
        }
        result.err()
    });
    join_all(watched).await.into_iter().flatten().collect()
}

/// Awaits `main`, polling `aside` meanwhile.
async fn beside<T, A>(main: impl Future<Output = T>, aside: impl Future<Output = A>) -> T {
    let endless = async {
        aside.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        result = main => result,
        never = endless => match never {},
    }
}

/// Throws the switch of a transfer whose future is dropped, so that its threads end.
struct Guard<'a>(&'a Cancel);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
