//! A transfer that reports its progress while it runs.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::job::{Done, Job};
use super::root::RootError;
use super::transfer::{Cancelled, Transfer, Transferring};
use crate::Counter;

/// Shorter periods would spend the time on reporting.
const SHORTEST: Duration = Duration::from_millis(10);

/// No clock ends before that.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A [`Transfer`] whose observer is told of the progress.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use btrsync::sync::{ProgressTransfer, Transfer};
///
/// let transfer = ProgressTransfer::new(Transfer::new("backup"))
///     .period(Duration::from_secs(5))
///     .sequence(["|", "/", "-", "\\"]);
/// # let _ = transfer;
/// ```
#[derive(Debug, Clone)]
pub struct ProgressTransfer {
    transfer: Transfer,
    period: Duration,
    sequence: Vec<String>,
}

impl ProgressTransfer {
    /// Makes it report once a second.
    pub fn new(transfer: Transfer) -> Self {
        Self { transfer, period: Duration::from_secs(1), sequence: Vec::new() }
    }

    /// Sets the time between two reports; less than 10 ms counts as that, more than a day as a day.
    pub fn period(mut self, period: Duration) -> Self {
        self.period = period.clamp(SHORTEST, LONGEST);
        self
    }

    /// Sets the marks that reports cycle through to show activity.
    pub fn sequence<S: Into<String>>(mut self, marks: impl IntoIterator<Item = S>) -> Self {
        self.sequence = marks.into_iter().map(Into::into).collect();
        self
    }

    /// Reports every period, for as long as it is polled.
    pub async fn progress(&self, job: &Job<'_>, counter: Counter) {
        let mut ticks = interval_at(Instant::now() + self.period, self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut marks = self.sequence.iter().cycle();
        let mut prev = 0;
        loop {
            ticks.tick().await;
            let total = counter.bytes();
            let mark = marks.next().map_or("", String::as_str);
            self.transfer.told().report_progress(job, total, prev, mark);
            prev = total;
        }
    }
}

#[async_trait]
impl Transferring for ProgressTransfer {
    async fn transf(&self, job: &Job<'_>) -> Result<Done, Cancelled> {
        self.transfer.run(job, |counter| self.progress(job, counter)).await
    }

    fn err(&self, error: &RootError, job: Option<&Job<'_>>) {
        self.transfer.err(error, job);
    }
}
