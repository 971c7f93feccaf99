//! Verifies what a run has sent.
//!
//! A copy that differs is kept, for it may be all there is; but it is said, and the exit code says it.

use btrsync::btrfs::Subvolume;
use btrsync::sync::root::RootError;
use btrsync::sync::{BtrSync, Outcome, SyncOptions};
use btrsync::verify::DigestOptions;

use super::Invocation;
use crate::advice::Failure;
use crate::checking::{Checked, Checker, Found, NAMED};
use crate::exit::Exit;
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
        let sent: Vec<&Subvolume> = outcome.done.iter().flat_map(|(step, _)| &step.vols).collect();
        if sent.is_empty() {
            return Ok(());
        }
        let pairs = sync.pairs(options).await;
        let pairs = pairs.map_err(|error| Failure { exit: Exit::Unchecked, ..error.into() })?;
        let checker = Checker {
            source,
            target,
            options: DigestOptions::default(),
            named: NAMED,
            cancel: &self.cancel,
        };
        let tell = |checked: &_| self.report.checked(checked);
        for vol in sent {
            match pairs.iter().find(|pair| pair.vol.id == vol.id) {
                Some(pair) => checker.pair(pair, &mut summary.checks, &tell).await?,
                None => gone(vol).told(&mut summary.checks, &tell),
            }
        }
        Ok(())
    }
}

/// A source that was deleted since it was sent.
fn gone(vol: &Subvolume) -> Checked {
    let error = RootError::Vanished { path: vol.path.clone() };
    Checked { vol: vol.path.clone(), copy: None, found: Found::Unchecked(error.into()) }
}
