//! Lists both sides and plans between them.
//!
//! Some roots list less than they could tell, for it would take a question for each subvolume. But a
//! parent that was changed since it was received makes silently wrong data; so what a plan relies
//! on is asked for, and planned with again. That takes four more rounds at most, however many
//! subvolumes there are: one for what could be an ancestor, and three for parents, of which only the
//! last, after two plans were wrong, asks for more than a plan needs.

use std::collections::HashSet;

use futures_util::future::try_join;

use super::plan::Plan;
use super::root::{BtrfsRoot, RootError};
use super::run::{BtrSync, SyncOptions};
use crate::btrfs::{Diff, Forest, Subvolume};
use crate::text::escaped;

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

const ROUNDS: [Wanted; 3] = [Wanted::Parents, Wanted::Parents, Wanted::All];

/// The subvolumes of both sides that more is asked for, or was.
#[derive(Debug, Default)]
struct Questions {
    src: Vec<Subvolume>,
    dst: Vec<Subvolume>,
}

/// What was asked for: a root that cannot tell more of a subvolume is not asked again.
#[derive(Debug, Default)]
struct Asked {
    src: HashSet<u64>,
    dst: HashSet<u64>,
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
        let diff = self.diff(&src, &dst);
        let plan = self.plan_with(&diff, &src, &dst, options);
        let mut survey = Survey { src, dst, plan };
        let mut asked = Asked::default();
        self.settle_relations(&mut survey, &mut asked, options).await?;
        for wanted in ROUNDS {
            // A plan that relies on nothing unknown stands.
            if asked.left(&survey, &diff, Wanted::Parents).is_empty() {
                break;
            }
            let questions = asked.left(&survey, &diff, wanted);
            asked.add(&questions);
            self.ask(&mut survey, questions).await?;
            survey.plan = self.plan_between(&survey.src, &survey.dst, options);
        }
        self.trace(&survey);
        Ok(survey)
    }

    fn trace(&self, Survey { src, dst, plan }: &Survey) {
        let (source, destination) = self.roots();
        tracing::debug!(
            source = %escaped(&source.name()),
            destination = %escaped(&destination.name()),
            listed = src.iter().count(),
            listed_there = dst.iter().count(),
            transfers = plan.steps().count(),
            "planned"
        );
        for step in plan.steps() {
            let parent = step.parent.as_ref().map(|parent| escaped(&parent.path).to_string());
            let volume = step.vols.first().map(|vol| escaped(&vol.path).to_string());
            tracing::debug!(volume, parent, reason = %step.reason, "will be sent");
        }
    }

    /// Asks for what the source's relations depend on, unless nothing is to be sent anyway.
    async fn settle_relations(
        &self,
        survey: &mut Survey,
        asked: &mut Asked,
        options: &SyncOptions,
    ) -> Result<(), RootError> {
        let src: Vec<Subvolume> = survey.src.in_doubt().cloned().collect();
        if survey.plan.is_empty() || src.is_empty() {
            return Ok(());
        }
        let questions = Questions { src, ..Questions::default() };
        asked.add(&questions);
        self.ask(survey, questions).await?;
        survey.plan = self.plan_between(&survey.src, &survey.dst, options);
        Ok(())
    }

    async fn ask(&self, survey: &mut Survey, questions: Questions) -> Result<(), RootError> {
        let (src, dst) = self.roots();
        let (src, dst) =
            try_join(complete(src, questions.src), complete(dst, questions.dst)).await?;
        survey.src.update(src);
        survey.dst.update(dst);
        Ok(())
    }
}

async fn complete(root: &dyn BtrfsRoot, vols: Vec<Subvolume>) -> Result<Vec<Subvolume>, RootError> {
    if vols.is_empty() { Ok(vols) } else { root.complete(vols).await }
}

impl Questions {
    fn is_empty(&self) -> bool {
        self.src.is_empty() && self.dst.is_empty()
    }
}

impl Asked {
    /// What is wanted, is not known, and was not asked for yet.
    fn left(&self, survey: &Survey, diff: &Diff, wanted: Wanted) -> Questions {
        let mut src = parents(survey, wanted);
        // What this run sends itself needs no judgement.
        src.retain(|vol| !diff.equals(vol).is_empty());
        let mut dst = equals(&src, &survey.dst, diff);
        src.retain(|vol| is_incomplete(vol) && !self.src.contains(&vol.id));
        dst.retain(|vol| is_incomplete(vol) && !self.dst.contains(&vol.id));
        Questions { src, dst }
    }

    fn add(&mut self, questions: &Questions) {
        self.src.extend(questions.src.iter().map(|vol| vol.id));
        self.dst.extend(questions.dst.iter().map(|vol| vol.id));
    }
}

fn parents(survey: &Survey, wanted: Wanted) -> Vec<Subvolume> {
    let mut seen = HashSet::new();
    let chosen = survey.plan.steps().filter_map(|step| step.parent.as_ref());
    match wanted {
        Wanted::Parents => chosen.filter(|vol| seen.insert(vol.id)).cloned().collect(),
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
