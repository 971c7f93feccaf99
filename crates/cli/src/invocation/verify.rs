//! Verifies what a run has sent.
//!
//! A copy that differs is kept, for it may be all there is; but it is said, and the exit code says it.

use std::collections::HashSet;

use btrsync::sync::{BtrSync, Outcome, SyncOptions};
use btrsync::verify::DigestOptions;

use super::Invocation;
use crate::advice::Failure;
use crate::checking::{Checker, NAMED};
use crate::report::Summary;
use crate::select::Source;
use crate::target::Target;

impl Invocation<'_> {
    /// Compares what was sent with its source.
    pub(super) async fn verify(
        &self,
        source: &Source,
        target: &Target,
        (sync, options): (&BtrSync, &SyncOptions),
        outcome: &Outcome,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        let sent = outcome.done.iter().flat_map(|(step, _)| &step.vols);
        let sent: HashSet<u64> = sent.map(|vol| vol.id).collect();
        if sent.is_empty() {
            return Ok(());
        }
        let checker = Checker {
            source,
            target,
            options: DigestOptions::default(),
            named: NAMED,
            cancel: &self.cancel,
        };
        for pair in sync.pairs(options).await?.iter().filter(|pair| sent.contains(&pair.vol.id)) {
            let tell = |checked: &_| self.report.checked(checked);
            checker.pair(pair, &mut summary.checks, &tell).await?;
        }
        Ok(())
    }
}
