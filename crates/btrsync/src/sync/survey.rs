//! Lists both sides and plans between them.
//!
//! Some roots list less than they could tell, for it would take a question for each subvolume. But a
//! parent that was changed since it was received makes silently wrong data; so what a plan relies
//! on is asked for, and planned with again. That takes two more rounds at most, however many
//! subvolumes there are.

use std::collections::HashSet;

use futures_util::future::try_join;

use super::plan::Plan;
use super::root::{BtrfsRoot, RootError};
use super::run::{BtrSync, SyncOptions};
use crate::btrfs::{Diff, Forest, Subvolume};

/// What there is on both sides, and what is to be transferred.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The source.
    pub src: Forest,
    /// The destination.
    pub dst: Forest,
    /// The plan.
    pub plan: Plan,
}

/// Of which subvolumes more is asked for.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// The parents of a plan.
    Parents,
    /// All that can be parents.
    All,
}

impl BtrSync {
    /// Lists both sides at once, and plans the transfers between them.
    ///
    /// # Errors
    ///
    /// Where one side cannot be listed.
    pub async fn survey(&self, options: &SyncOptions) -> Result<Survey, RootError> {
        let (src, dst) = self.roots();
        let (src, dst) = try_join(src.list(), dst.list()).await?;
        let plan = self.plan_between(&src, &dst, options);
        let mut survey = Survey { src, dst, plan };
        for wanted in [Wanted::Parents, Wanted::All] {
            if !self.ask(&mut survey, wanted).await? {
                break;
            }
            survey.plan = self.plan_between(&survey.src, &survey.dst, options);
        }
        Ok(survey)
    }

    /// Asks both sides for more; tells whether anything was learnt.
    async fn ask(&self, survey: &mut Survey, wanted: Wanted) -> Result<bool, RootError> {
        let parents = parents(survey, wanted);
        let equals = equals(&parents, &survey.dst, &self.diff(&survey.src, &survey.dst));
        let (src, dst) = self.roots();
        let (src, dst) = try_join(
            complete(src, parents.into_iter().filter(is_incomplete).collect()),
            complete(dst, equals.into_iter().filter(is_incomplete).collect()),
        )
        .await?;
        Ok(survey.src.update(src) | survey.dst.update(dst))
    }
}

async fn complete(root: &dyn BtrfsRoot, vols: Vec<Subvolume>) -> Result<Vec<Subvolume>, RootError> {
    if vols.is_empty() { Ok(vols) } else { root.complete(vols).await }
}

fn parents(survey: &Survey, wanted: Wanted) -> Vec<Subvolume> {
    let mut seen = HashSet::new();
    let chosen = survey.plan.steps().filter_map(|step| step.parent.as_ref());
    match wanted {
        Wanted::Parents => chosen.filter(|vol| seen.insert(vol.id)).cloned().collect(),
        Wanted::All if survey.plan.is_empty() => Vec::new(),
        Wanted::All => survey.src.iter().cloned().collect(),
    }
}

fn equals(vols: &[Subvolume], dst: &Forest, diff: &Diff) -> Vec<Subvolume> {
    let ids: HashSet<u64> = vols.iter().flat_map(|vol| diff.equals(vol)).copied().collect();
    ids.into_iter().filter_map(|id| dst.get(id)).cloned().collect()
}

/// Whether it is not known when a subvolume was changed, from which state it was received, or whether
/// another could be taken for it.
fn is_incomplete(vol: &Subvolume) -> bool {
    let unknown = vol.ctransid.is_none() || vol.received_uuid.is_some() && vol.stransid.is_none();
    vol.read_only && (unknown || vol.ambiguous.is_none())
}
