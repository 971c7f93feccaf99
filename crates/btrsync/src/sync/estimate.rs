//! How much a plan is going to send, as far as that can be known before it is sent.
//!
//! Nobody should wait long for a number, and least of all should a number that is not known look like one
//! that is. So measuring is bounded in time, and what was not measured to its end says so.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;

use super::plan::{Plan, Step};
use super::root::SendRequest;
use super::run::BtrSync;
use crate::Cancel;

/// More at once would only compete for the disk.
const AT_ONCE: usize = 2;

/// The size of a send stream, measured without its data.
///
/// Counted is the data of new and changed extents, decompressed unless it stays compressed between these
/// roots, and the commands. Not counted are clones, which are sent as references, and holes of new files.
/// What was punched out of a file since the parent counts where it is sent as zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Bytes.
    pub bytes: u64,
    /// How many of these are the data of files.
    pub data: u64,
    /// Whether all was measured; where not, it is at least so much.
    pub is_whole: bool,
}

/// What is known of the sizes of the transfers of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimates(HashMap<u64, Estimate>);

impl Estimates {
    /// Returns that of a transfer; nothing where nothing is known of it.
    pub fn of(&self, step: &Step) -> Option<Estimate> {
        self.0.get(&step.vols.first()?.id).copied()
    }

    /// Returns that of all transfers of a plan together; nothing where nothing is known of any.
    pub fn total(&self, plan: &Plan) -> Option<Estimate> {
        let known: Vec<Option<Estimate>> = plan.steps().map(|step| self.of(step)).collect();
        let sum = |part: fn(&Estimate) -> u64| known.iter().flatten().map(part).sum();
        let (bytes, data) = (sum(|estimate| estimate.bytes), sum(|estimate| estimate.data));
        let is_whole = known.iter().all(|known| known.is_some_and(|estimate| estimate.is_whole));
        known.iter().any(Option::is_some).then_some(Estimate { bytes, data, is_whole })
    }
}

impl BtrSync {
    /// Measures how much the transfers of a plan would send, within some time for all of them; returns
    /// earlier where `cancel` is thrown.
    pub async fn estimate(&self, plan: &Plan, within: Duration, cancel: &Cancel) -> Estimates {
        let measured = match cancel.child() {
            Ok(limit) if !plan.is_empty() && !within.is_zero() => {
                let measuring = self.measure(plan, &limit);
                tokio::pin!(measuring);
                tokio::select! {
                    measured = &mut measuring => measured,
                    () = tokio::time::sleep(within) => {
                        limit.cancel();
                        measuring.await
                    }
                }
            }
            _ => Vec::new(),
        };
        Estimates(measured.into_iter().flatten().collect())
    }

    async fn measure(&self, plan: &Plan, limit: &Cancel) -> Vec<Option<(u64, Estimate)>> {
        let steps = plan.steps().map(|step| self.measure_step(step, limit));
        iter(steps).buffered(AT_ONCE).collect().await
    }

    async fn measure_step(&self, step: &Step, limit: &Cancel) -> Option<(u64, Estimate)> {
        if limit.is_cancelled() {
            return None;
        }
        let (src, dst) = self.roots();
        let request = SendRequest {
            vols: &step.vols,
            parent: step.parent.as_ref(),
            clones: &step.clones,
            skip: &[],
            form: src.sends().min(dst.takes()),
            at_hand: src.is_here() && dst.is_here(),
            cancel: limit,
        };
        Some((step.vols.first()?.id, src.estimate(request).await?))
    }
}
