//! What is told, and to whom: people, on a terminal or in a log, or a program.

mod bars;
mod human;
mod json;
mod preview;
pub(crate) mod verdict;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use btrsync::sync::root::Space;
use btrsync::sync::{Busy, Done, Estimate, Estimates, Job, Outcome, Plan, Step, Transfer};

pub(crate) use self::json::{put_path, put_paths};
use crate::advice::Failure;
use crate::args::{Args, Mode};
use crate::checking::{Checked, Tally};
use crate::exit::Exit;
use crate::select::Source;
use crate::target::Target;

/// One way of telling.
pub(crate) trait Report: Send + Sync {
    /// A plan was made.
    fn preview(&self, preview: &Preview<'_>);
    /// Something that is no failure but should be known.
    fn note(&self, text: &str);
    /// A subvolume of the destination that is not what it seems to be.
    fn warn(&self, vol: &std::path::Path, text: &str, hint: &str);
    /// Where a question is written.
    fn question(&self) -> Box<dyn Write>;
    /// How often progress is to be reported, if at all.
    fn progress_period(&self) -> Option<Duration>;
    /// A transfer begins.
    fn begin(&self, job: &Job<'_>, into: &std::path::Path);
    /// A transfer goes on.
    fn progress(&self, job: &Job<'_>, total: u64, prev: u64);
    /// A transfer goes on where an interrupted run has left it, with so many bytes.
    fn resumed(&self, job: &Job<'_>, bytes: u64);
    /// A transfer starts over, as it could not go on.
    fn restarted(&self, job: &Job<'_>);
    /// A transfer waits for its source.
    fn waits(&self, job: &Job<'_>, busy: Busy);
    /// A transfer starts over, for a clone source could not be used.
    fn without_clones(&self, job: &Job<'_>, error: &btrsync::sync::root::RootError);
    /// A transfer has ended well.
    fn done(&self, job: &Job<'_>, into: &std::path::Path, done: Done);
    /// A copy was verified.
    fn checked(&self, checked: &Checked);
    /// Something failed.
    fn failure(&self, failure: &Failure, job: Option<&Job<'_>>);
    /// Whether something could not be written, for another reason than that nobody reads any more.
    fn is_cut_off(&self) -> bool;
    /// The program ends.
    fn summary(&self, summary: &Summary, exit: Exit);
}

/// Chooses by the arguments.
pub(crate) fn choose(args: &Args) -> Arc<dyn Report> {
    if args.json { Arc::new(json::Json::new(args)) } else { Arc::new(human::Human::new(args)) }
}

/// A plan, and what is known of its size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) estimates: &'a Estimates,
    pub(crate) space: Option<Space>,
}

/// A plan, with the words for it.
pub(crate) struct Preview<'a> {
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) steps: Vec<(&'a Step, PathBuf)>,
    pub(crate) refused: Vec<(&'a Step, PathBuf)>,
    pub(crate) mode: Mode,
    pub(crate) estimates: &'a Estimates,
    /// That of all steps together.
    pub(crate) total: Option<Estimate>,
    pub(crate) space: Option<Space>,
}

impl<'a> Preview<'a> {
    pub(crate) fn new(
        source: &Source,
        target: &Target,
        Planned { plan, estimates, space }: Planned<'a>,
        transfer: &Transfer,
        args: &Args,
    ) -> Self {
        let into = |step: &'a Step| {
            let into = step.vols.first().map(|vol| transfer.directory(vol)).unwrap_or_default();
            (step, into)
        };
        Self {
            source: source.root.name(),
            destination: target.root.name(),
            steps: plan.steps().map(into).collect(),
            refused: plan.refused.iter().map(into).collect(),
            mode: args.mode(),
            estimates,
            total: estimates.total(plan),
            space,
        }
    }
}

/// What a whole invocation amounts to.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) planned: usize,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    pub(crate) left: usize,
    pub(crate) subvolumes: usize,
    pub(crate) bytes: u64,
    pub(crate) resumed: u64,
    /// What connections between btrsyncs have carried, if there were any.
    pub(crate) wire: Option<u64>,
    pub(crate) elapsed: Duration,
    pub(crate) checks: Tally,
}

impl Summary {
    /// Adds what came of one source, and the time that its transfers took.
    pub(crate) fn add(&mut self, outcome: &Outcome, elapsed: Duration) {
        self.elapsed += elapsed;
        self.done += outcome.done.len();
        self.failed += outcome.failed;
        self.left += outcome.left;
        self.subvolumes += outcome.done.iter().map(|(step, _)| step.vols.len()).sum::<usize>();
        self.bytes += outcome.done.iter().map(|(_, done)| done.bytes).sum::<u64>();
        self.resumed += outcome.done.iter().map(|(_, done)| done.resumed).sum::<u64>();
        let wires = outcome.done.iter().filter_map(|(_, done)| done.wire);
        self.wire = self.wire.into_iter().chain(wires).reduce(|sum, one| sum + one);
    }
}

/// Writes a line at once, and notes in `cut_off` where that fails. The transfers are still worth doing
/// then, and a reader that has left has seen what it wanted.
pub(crate) fn write_line(mut to: impl Write, line: impl std::fmt::Display, cut_off: &AtomicBool) {
    let written = writeln!(to, "{line}").and_then(|()| to.flush());
    if written.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe) {
        cut_off.store(true, Ordering::Relaxed);
    }
}

/// That a source is busy, in a clause.
pub(crate) fn waiting(busy: Busy) -> String {
    let next = crate::size::time(busy.pause);
    let longest = Busy::LONGEST.as_secs();
    format!("{busy}; trying again in {next}, and for {longest} s in all (attempt {})", busy.attempt)
}

fn count(subvolumes: usize) -> String {
    match subvolumes {
        1 => "1 subvolume".to_owned(),
        n => format!("{n} subvolumes"),
    }
}

/// Whether a step sends a difference or everything.
pub(crate) fn kind(step: &Step) -> &'static str {
    if step.parent.is_some() { "incremental" } else { "full" }
}
