//! One invocation: find both sides, and for each source plan, show, ask, check and run.

pub(crate) mod check;
mod room;
mod verify;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use btrsync::Cancel;
use btrsync::btrfs::Forest;
use btrsync::sync::root::Space;
use btrsync::sync::{
    BtrSync, Outcome, Plan, ProgressTransfer, Survey, SyncOptions, Transfer, Transferring,
};
use btrsync::text::escaped;

use crate::advice::Failure;
use crate::args::{Args, Mode};
use crate::exit::Exit;
use crate::observe::Watch;
use crate::places::Places;
use crate::prompt::{self, Answer};
use crate::report::{self, Planned, Preview, Report, Summary};
use crate::select::{self, Source};
use crate::signals::{self, Interrupted};
use crate::target::Target;
use crate::waiting::{Patience, until_free};

/// Runs the program and returns its exit code.
pub(crate) fn main(args: &Args) -> Exit {
    let report = report::choose(args);
    let mut summary = Summary::default();
    let ended = prepare(args).and_then(|(runtime, cancel, interrupted)| {
        let invocation = Invocation { args, cancel, interrupted, report: Arc::clone(&report) };
        runtime.block_on(invocation.run(&mut summary))
    });
    let exit = match ended {
        Ok(exit) => exit,
        Err(failure) => {
            report.failure(&failure, None);
            match failure.exit {
                Exit::Failed if summary.done > 0 => Exit::Partial,
                exit => exit,
            }
        }
    };
    report.summary(&summary, exit);
    match exit {
        // What would be sent is all that was asked for.
        Exit::Done if args.mode() == Mode::Tell && report.is_cut_off() => Exit::Failed,
        exit => exit,
    }
}

fn prepare(args: &Args) -> Result<(tokio::runtime::Runtime, Cancel, Interrupted), Failure> {
    if args.mode() == Mode::Ask && !prompt::can_ask() {
        return Err(Failure::usage("there is no terminal to ask 'Proceed?' on")
            .hint("give -y to send without asking, or -n to only tell what would be sent"));
    }
    let failed =
        |error| Failure::new(format!("cannot start: {error}"), "check the system's limits");
    let cancel = Cancel::new().map_err(failed)?;
    let interrupted = signals::watch(&cancel).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    Ok((runtime.map_err(failed)?, cancel, interrupted))
}

struct Invocation<'a> {
    args: &'a Args,
    cancel: Cancel,
    interrupted: Interrupted,
    report: Arc<dyn Report>,
}

/// So many snapshots of one subvolume can be in the same state that nobody reads of all.
const MOST_WARNINGS: usize = 20;

/// Whether the sources that follow are still wanted.
enum Next {
    Source,
    End(Exit),
}

impl Invocation<'_> {
    async fn run(&self, summary: &mut Summary) -> Result<Exit, Failure> {
        let places = Places::new(&self.args.machines, &self.cancel);
        let looking = self.args.mode() == Mode::Tell;
        let places = if looking { places.only_looking() } else { places };
        let ended = self.all(&places, summary).await;
        if let Some(note) = places.unseen() {
            self.report.note(note);
        }
        places.close().await;
        ended
    }

    /// Does everything for all sources.
    async fn all(&self, places: &Places<'_>, summary: &mut Summary) -> Result<Exit, Failure> {
        let target = Target::find(places, self.args).await?;
        let mut sources = Vec::new();
        for argument in &self.args.ends.sources {
            sources.push(Source::find(argument, places, &self.args.selection).await?);
        }
        for source in &sources {
            check::different_places(source, &target)?;
        }
        if self.args.mode() != Mode::Go {
            places.costs().iter().for_each(|cost| self.report.note(cost));
        }
        places.lacks().iter().for_each(|lack| self.report.note(lack));
        for source in sources {
            if let Next::End(exit) = self.source(Arc::new(source), &target, summary).await? {
                return Ok(exit);
            }
        }
        Ok(summary.checks.exit())
    }

    /// Does everything for one source.
    async fn source(
        &self,
        source: Arc<Source>,
        target: &Target,
        summary: &mut Summary,
    ) -> Result<Next, Failure> {
        let watch = Arc::new(Watch::new(Arc::clone(&self.report)));
        let mut transfer = Transfer::new(target.path.clone())
            .replicate_dirs(self.args.replicate_dirs)
            .bwlimit(self.args.bwlimit)
            .observer(watch.clone());
        if let Some(bytes) = self.args.buffer {
            transfer = transfer.buffer(bytes);
        }
        let (sync, options) = self.sync(&source, target);
        let Survey { src, dst, plan } = sync.survey(&options).await?;
        check::selects_something(&source, &src).await?;
        self.note_same_filesystem(&src, &dst);
        summary.planned += plan.steps().count();
        self.note_doubtful(&plan);
        self.warn_of_suspects(&plan);
        let space = self.space(target, &plan).await;
        let within = self.measuring(&source, space).await;
        let estimates = sync.estimate(&plan, within, &self.cancel).await;
        let planned = Planned { plan: &plan, estimates: &estimates, space };
        self.report.preview(&Preview::new(&source, target, planned, &transfer, self.args));
        plan.steps().try_for_each(|step| source.root.check(step))?;
        check::names_are_free(&plan, &transfer, target).await?;
        if plan.is_empty() && self.args.mode() != Mode::Tell {
            self.sweep(target).await;
        }
        if let Some(note) = room::check(estimates.total(&plan), space, self.args.mode())? {
            self.report.note(&note);
        }
        match self.proceed(&plan)? {
            Answer::Yes => {}
            Answer::No => {
                self.report.failure(&Failure::declined(), None);
                return Ok(Next::End(Exit::Failed));
            }
            Answer::Skip => return Ok(Next::Source),
        }
        let note = |text: &str| self.report.note(text);
        let patience = Patience { wait: self.args.wait, silence: self.args.machines.patience() };
        until_free(patience, &self.cancel, note, async || target.root.lock(&target.path).await)
            .await?;
        // Another run may have sent some of it until we got the lock.
        let later = sync.plan_between(&src, &target.root.list().await?, &options);
        let plan = plan.without_done(&later);
        let begin = Instant::now();
        let outcome = sync.run(&plan, self.transferring(transfer).as_ref(), &options).await;
        summary.add(&outcome, begin.elapsed());
        if self.args.verify && !self.interrupted.is_set() {
            self.verify(&source, target, (&sync, &options), &outcome, summary).await?;
        }
        Ok(self.after(&outcome, &watch, summary))
    }

    /// The room at the destination, where that matters.
    async fn space(&self, target: &Target, plan: &Plan) -> Option<Space> {
        match self.args.no_space_check || target.dumps || plan.is_empty() {
            true => None,
            false => target.root.space(&target.path).await,
        }
    }

    /// How long to measure what is to be sent. Where nobody sees the figure and there is plenty of room,
    /// the time is better spent on sending.
    async fn measuring(&self, source: &Source, space: Option<Space>) -> Duration {
        let seen = self.args.mode() != Mode::Go || self.report.progress_period().is_some();
        match self.args.estimate {
            Some(within) => within,
            None if seen || !has_plenty(source, space).await => Duration::from_secs(3),
            None => Duration::ZERO,
        }
    }

    fn sync(&self, source: &Arc<Source>, target: &Target) -> (BtrSync, SyncOptions) {
        let mut hooks = select::hooks(source);
        if self.args.incremental_only {
            hooks = hooks.check(|_, parent| parent.is_some());
        }
        let options = SyncOptions {
            batch: self.args.batch,
            parallel: self.args.parallel,
            transfer_existing: self.args.existing,
            hooks,
            cancel: Some(self.cancel.clone()),
        };
        (BtrSync::new(Arc::clone(&source.root), Arc::clone(&target.root)), options)
    }

    fn transferring(&self, transfer: Transfer) -> Box<dyn Transferring> {
        match self.report.progress_period() {
            Some(period) => Box::new(ProgressTransfer::new(transfer).period(period)),
            None => Box::new(transfer),
        }
    }

    /// Whether the plan is to be run; asks where that is wanted.
    fn proceed(&self, plan: &Plan) -> Result<Answer, Failure> {
        match self.args.mode() {
            _ if plan.is_empty() => Ok(Answer::Skip),
            Mode::Tell => Ok(Answer::Skip),
            Mode::Go => Ok(Answer::Yes),
            Mode::Ask => match prompt::ask(&self.cancel, self.report.question()) {
                Ok(answer) => Ok(answer),
                Err(_) if self.interrupted.is_set() => Err(Failure::interrupted()),
                Err(error) => {
                    let message = format!("cannot read the answer: {error}");
                    Err(Failure::new(message, "give -y to send without asking"))
                }
            },
        }
    }

    /// Decides how to go on after the run of one source.
    fn after(&self, outcome: &Outcome, watch: &Watch, summary: &Summary) -> Next {
        if self.interrupted.is_set() {
            Next::End(Exit::Interrupted)
        } else if summary.checks.exit() == Exit::Different {
            Next::End(Exit::Different)
        } else if outcome.is_success() {
            Next::Source
        } else if summary.done > 0 {
            Next::End(Exit::Partial)
        } else {
            Next::End(watch.exit())
        }
    }

    /// Removes what dead runs have left, also where there is nothing to send. Whatever keeps us from it
    /// is no failure of this run: a run that goes on, or a destination that nobody can write to.
    async fn sweep(&self, target: &Target) {
        if !target.dumps && target.place.is_directory() {
            let _ = target.root.sweep(&target.path).await;
        }
    }

    /// What is not sent although the destination may hold something else must not pass in silence.
    fn note_doubtful(&self, plan: &Plan) {
        for (vol, problem) in &plan.doubtful {
            self.report.note(&format!(
                "{} is not sent: the destination has a copy, but it may hold other data, for {problem}; \
                 'btrfs subvolume show' on both tells more, and -f sends it again",
                escaped(&vol.path)
            ));
        }
    }

    /// What seems to be a copy and is left out is a trap for people and for other programs.
    fn warn_of_suspects(&self, plan: &Plan) {
        for (vol, problem) in plan.suspects.iter().take(MOST_WARNINGS) {
            let path = escaped(&vol.path);
            let text = format!(
                "{path} at the destination says that it was received, and is left out: {problem}"
            );
            self.report.warn(&vol.path, &text, problem.way_out());
        }
        if let Some(more) = plan.suspects.len().checked_sub(MOST_WARNINGS).filter(|more| *more > 0)
        {
            self.report.note(&format!("{more} more subvolumes of the destination are left out so"));
        }
    }

    /// A source and a destination on one filesystem hold the same subvolumes already.
    fn note_same_filesystem(&self, src: &Forest, dst: &Forest) {
        let same = |vol: &btrsync::btrfs::Subvolume| {
            dst.get(vol.id).is_some_and(|there| there.uuid.is_some() && there.uuid == vol.uuid)
        };
        if src.iter().any(same) {
            self.report.note(
                "source and destination are on the same filesystem; a copy there is no backup",
            );
        }
    }
}

/// Whether all of a source would fit several times, or nobody knows.
async fn has_plenty(source: &Source, there: Option<Space>) -> bool {
    const PLENTY: u64 = 4;
    let Some(there) = there else { return true };
    let here = source.root.space(Path::new("")).await;
    here.is_none_or(|here| here.used.saturating_mul(PLENTY) <= there.free)
}
