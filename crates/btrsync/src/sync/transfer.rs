//! Carries out one transfer, once more from the start where it cannot be continued.
//!
//! The two ends fail together, and the hazard is to report the wrong one: a receiver that has no
//! space leaves the sender with a broken pipe. What only follows from the other end's failure is
//! told to nobody unless there is nothing else to tell.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tracing::Instrument;

use super::ahead::Slot;
use super::attempt::{Attempt, gather};
use super::job::{Done, Job};
use super::observer::{Observer, Quiet};
use super::root::{Completion, RootError};
use crate::btrfs::Subvolume;
use crate::text::escaped;
use crate::{Cancel, Counter, Flow, Limit};

/// A transfer did not complete; the reason was told to the observer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transfer was cancelled")]
pub struct Cancelled;

/// What [`BtrSync::sync`](super::BtrSync::sync) needs of a transfer.
#[async_trait]
pub trait Transferring: Send + Sync {
    /// Transfers the volumes of a job.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if any error has occurred, after telling it to [`Transferring::err`].
    async fn transf(&self, job: &Job<'_>) -> Result<Done, Cancelled>;

    /// Is told of an error.
    fn err(&self, error: &RootError, job: Option<&Job<'_>>);
}

/// A transfer into a directory of the destination.
///
/// # Examples
///
/// ```
/// use btrsync::sync::Transfer;
///
/// let transfer = Transfer::new("backup").replicate_dirs(true);
/// # let _ = transfer;
/// ```
#[derive(Clone)]
pub struct Transfer {
    recvpath: PathBuf,
    replicate_dirs: bool,
    /// Where nobody has said, it depends on the ends.
    buffer: Option<usize>,
    limit: Option<Limit>,
    observer: Arc<dyn Observer>,
    ahead: Slot,
}

impl Transfer {
    /// What is held in memory between the ends of a transfer at most, unless
    /// [`buffer`](Transfer::buffer) says otherwise, in bytes. Where this process itself sends and receives,
    /// it is nothing, for there it would only copy; nor between two machines, where what is under way is
    /// one.
    pub const DEFAULT_BUFFER: usize = 16 << 20;

    /// Makes a quiet transfer into the directory `recvpath`, relative to the destination's root.
    pub fn new(recvpath: impl Into<PathBuf>) -> Self {
        Self {
            recvpath: recvpath.into(),
            replicate_dirs: false,
            buffer: None,
            limit: None,
            observer: Arc::new(Quiet),
            ahead: Slot::default(),
        }
    }

    /// Sets whether volumes go into the same directories below `recvpath` as in the source.
    pub fn replicate_dirs(mut self, replicate: bool) -> Self {
        self.replicate_dirs = replicate;
        self
    }

    /// Sets how much of the stream may wait in memory while the receiver is busy, in bytes; 0 for none.
    ///
    /// Each transfer that runs at the same time has a buffer of its own.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = Some(bytes);
        self
    }

    /// Sets how many bytes of the stream may pass in a second; 0 for any number.
    ///
    /// All transfers that are made with this value or a clone of it keep the limit together.
    pub fn bwlimit(mut self, bytes: u64) -> Self {
        self.limit = (bytes > 0).then(|| Limit::new(bytes));
        self
    }

    /// Sets who is told of what happens.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Returns the directory that a volume is received into, relative to the destination's root.
    pub fn directory(&self, vol: &Subvolume) -> PathBuf {
        match self.replicate_dirs {
            true => join(&self.recvpath, vol.directory()),
            false => self.recvpath.clone(),
        }
    }

    /// Returns the path that a volume gets, relative to the destination's root.
    pub fn target(&self, vol: &Subvolume) -> PathBuf {
        self.directory(vol).join(&vol.name)
    }

    pub(super) fn ahead(&self) -> &Slot {
        &self.ahead
    }

    pub(super) fn told(&self) -> &dyn Observer {
        self.observer.as_ref()
    }

    /// Awaits an operation; tells its error to the observer and turns it into [`Cancelled`].
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the operation fails.
    pub async fn try_await<T>(
        &self,
        job: &Job<'_>,
        operation: impl Future<Output = Result<T, RootError>>,
    ) -> Result<T, Cancelled> {
        operation.await.map_err(|error| {
            self.err(&error, Some(job));
            Cancelled
        })
    }

    /// Runs operations together and waits for all; throws `cancel` on the first error, and tells
    /// the errors to the observer.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where any of them fails.
    pub async fn try_gather(
        &self,
        job: &Job<'_>,
        cancel: &Cancel,
        operations: Vec<Completion<()>>,
    ) -> Result<(), Cancelled> {
        let errors = gather(cancel, operations).await;
        self.tell_causes(job, &errors);
        if errors.is_empty() { Ok(()) } else { Err(Cancelled) }
    }

    /// Tells the causes; where there are only consequences, the one that says most.
    fn tell_causes(&self, job: &Job<'_>, errors: &[RootError]) {
        let mut causes = errors.iter().filter(|error| !error.is_consequence()).peekable();
        let cancelled = errors.iter().find(|error| error.is_cancelled());
        let consequence = cancelled.or(errors.first()).filter(|_| causes.peek().is_none());
        for error in causes.chain(consequence) {
            self.err(error, Some(job));
        }
    }

    /// Transfers, with what `aside` makes running beside the two ends until they are done.
    pub(super) async fn run<A: Future<Output = ()>>(
        &self,
        job: &Job<'_>,
        aside: impl Fn(Counter) -> A,
    ) -> Result<Done, Cancelled> {
        let first = job.step.vols.first().map(|vol| escaped(&vol.path).to_string());
        let span = tracing::info_span!("transfer", volume = first);
        self.attempts(job, aside).instrument(span).await
    }

    async fn attempts<A: Future<Output = ()>>(
        &self,
        job: &Job<'_>,
        aside: impl Fn(Counter) -> A,
    ) -> Result<Done, Cancelled> {
        let begin = Instant::now();
        let into = job.step.vols.first().map(|vol| self.directory(vol)).unwrap_or_default();
        tracing::info!(into = %escaped(&into), reason = %job.step.reason, "begins");
        self.told().report(job, &into);
        let (mut anew, mut cloning, mut fetching) = (false, true, true);
        let errors = loop {
            let attempt = Attempt { transfer: self, job, into: &into, anew, cloning, fetching };
            let errors = match attempt.run(&aside).await {
                Ok(done) => {
                    let done = Done { elapsed: begin.elapsed(), ..done };
                    tracing::info!(bytes = done.bytes, resumed = done.resumed, "done");
                    self.told().report_done(job, &into, done);
                    return Ok(done);
                }
                Err(errors) => errors,
            };
            errors.iter().for_each(|error| tracing::debug!(%error, "an end failed"));
            let unclonable = errors.iter().find(|error| error.is_of_clone(&job.step.clones));
            if let Some(error) = unclonable.filter(|_| cloning) {
                self.told().report_without_clones(job, error);
                (anew, cloning) = (true, false);
            } else if fetching && errors.iter().any(RootError::is_of_missing_data) {
                self.told().report_restart(job);
                (anew, fetching) = (true, false);
            } else if !anew && errors.iter().any(RootError::is_other_prefix) {
                self.told().report_restart(job);
                anew = true;
            } else {
                break errors;
            }
        };
        self.ahead.clear();
        self.tell_causes(job, &errors);
        Err(Cancelled)
    }

    /// Puts the buffer and the limit into a flow; `buffered` says whether it has one where nobody has said.
    pub(super) fn through(&self, flow: Flow, buffered: bool) -> Result<Flow, RootError> {
        let default = if buffered { Self::DEFAULT_BUFFER } else { 0 };
        let through = flow.through(self.buffer.unwrap_or(default), self.limit.as_ref());
        through.map_err(|source| RootError::System { what: "make a buffer", source })
    }
}

fn join(base: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { base.to_path_buf() } else { base.join(below) }
}

#[async_trait]
impl Transferring for Transfer {
    async fn transf(&self, job: &Job<'_>) -> Result<Done, Cancelled> {
        self.run(job, |_| std::future::ready(())).await
    }

    fn err(&self, error: &RootError, job: Option<&Job<'_>>) {
        self.observer.err(error, job);
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer")
            .field("recvpath", &self.recvpath)
            .field("replicate_dirs", &self.replicate_dirs)
            .field("buffer", &self.buffer)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
