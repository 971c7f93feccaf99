//! Tells people. The lines are those of the Python btrsync, with the reason of a full transfer added.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use btrsync::sync::root::RootError;
use btrsync::sync::{Busy, Done, Estimate, Estimates, Job, Step};
use btrsync::text::escaped;

use super::bars::Bars;
use super::verdict;
use super::{Preview, Report, Summary, count, preview, waiting, write_line};
use crate::advice::Failure;
use crate::args::{Args, Mode};
use crate::checking::{Checked, Found};
use crate::exit::Exit;
use crate::log::{self, Priority, marked};
use crate::screen::{Screen, cut};
use crate::size;

/// How progress is shown.
enum Progress {
    None,
    Lines { begin: Instant, period: Duration },
    Bars(Bars),
}

/// Tells people, on standard output; errors and bars go to standard error.
pub(super) struct Human {
    verbose: bool,
    quiet: u8,
    parallel: bool,
    /// Whether standard output is for something else.
    aside: bool,
    progress: Progress,
    /// Whether the bars stand under a preview, which has said of each transfer what it is.
    is_known: AtomicBool,
    /// Of the source that is sent from.
    estimates: Mutex<Estimates>,
    cut_off: AtomicBool,
}

impl Human {
    pub(super) fn new(args: &Args) -> Self {
        let progress = if args.quiet > 0 {
            Progress::None
        } else if io::stderr().is_terminal() && !log::is_on() {
            Progress::Bars(Bars::default())
        } else if args.progress {
            Progress::Lines { begin: Instant::now(), period: args.progress_period }
        } else {
            Progress::None
        };
        let (parallel, aside) = (args.parallel.is_some(), args.streams_to_stdout());
        Self {
            verbose: args.verbose,
            quiet: args.quiet,
            parallel,
            aside,
            progress,
            is_known: AtomicBool::default(),
            estimates: Mutex::default(),
            cut_off: AtomicBool::default(),
        }
    }

    /// Prints a line for people who did not ask for quiet.
    fn say(&self, line: &str) {
        if self.quiet == 0 {
            self.beside_bars(|| write_line(self.out(), line, &self.cut_off));
        }
    }

    /// Where what is not an error goes.
    fn out(&self) -> Box<dyn Write> {
        if self.aside { Box::new(io::stderr()) } else { Box::new(io::stdout()) }
    }

    fn complain(&self, priority: Priority, line: &str) {
        if self.quiet < 2 {
            let line = marked(priority, line);
            self.beside_bars(|| write_line(io::stderr(), line, &self.cut_off));
        }
    }

    fn beside_bars(&self, print: impl FnOnce()) {
        match &self.progress {
            Progress::Bars(bars) => bars.suspend(print),
            _ => print(),
        }
    }

    /// A name that leaves room for what became of it.
    fn shortened(&self, name: String) -> String {
        const REST: usize = 40;
        match self.screen().width {
            Some(columns) => cut(&name, columns.saturating_sub(REST)).into_owned(),
            None => name,
        }
    }

    fn estimates(&self) -> MutexGuard<'_, Estimates> {
        self.estimates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn estimate(&self, step: &Step) -> Option<Estimate> {
        self.estimates().of(step)
    }

    /// What [`out`](Self::out) is.
    fn screen(&self) -> Screen {
        if self.aside { Screen::stderr() } else { Screen::stdout(None) }
    }

    fn table(&self, preview: &Preview<'_>) {
        let screen = self.screen();
        if self.verbose || screen.width.is_none() {
            return preview.steps.iter().for_each(|(step, into)| self.step(step, into));
        }
        preview::table(preview, &screen).iter().for_each(|line| self.say(line));
    }

    fn step(&self, step: &Step, into: &Path) {
        let estimate = preview::size_of(step, &self.estimates());
        let estimate = estimate.map(|known| format!(", {}", size::estimate(known)));
        let estimate = estimate.unwrap_or_default();
        for vol in &step.vols {
            let path = escaped(&vol.path);
            let into = escaped(into);
            if self.verbose {
                self.say(&format!("\n{path}\n\t{}\n\tinto {into}{estimate}", how(step)));
            } else if step.parent.is_some() {
                self.say(&format!("{path}\tincr -> {into}{estimate}"));
            } else {
                self.say(&format!("{path}\tfull -> {into} ({}){estimate}", step.reason));
            }
            if let Some(way_out) = step.reason.way_out() {
                self.say(&format!("\twhat next: {way_out}"));
            }
        }
    }
}

fn how(step: &Step) -> String {
    match &step.parent {
        Some(parent) => format!("incremental from {} ({})", escaped(&parent.path), step.reason),
        None => format!("full ({})", step.reason),
    }
}

fn names(step: &Step) -> String {
    match step.vols.as_slice() {
        [] => String::new(),
        [vol] => escaped(&vol.path).to_string(),
        [first, rest @ ..] => format!("{} and {} more", escaped(&first.path), rest.len()),
    }
}

impl Report for Human {
    fn preview(&self, preview: &Preview<'_>) {
        *self.estimates() = preview.estimates.clone();
        if let Progress::Bars(bars) = &self.progress {
            bars.expect(preview.steps.len(), preview.total);
            self.is_known.store(preview.mode == Mode::Ask, Ordering::Relaxed);
        }
        if preview.mode != Mode::Go {
            self.say(&format!("At source {}", preview.source));
        }
        for (step, into) in preview.refused.iter().filter(|_| self.verbose) {
            self.say(&format!("{}\tleft out: would be full -> {}", names(step), escaped(into)));
        }
        if preview.steps.is_empty() {
            return self.say("Nothing to do");
        }
        if preview.mode != Mode::Go {
            self.say("About to sync the following subvolumes:");
            self.table(preview);
            preview::total(preview).iter().for_each(|line| self.say(line));
        }
    }

    fn note(&self, text: &str) {
        if self.quiet == 0 {
            self.complain(Priority::Notice, &format!("btrsync: note: {text}"));
        }
    }

    fn warn(&self, _: &Path, text: &str, hint: &str) {
        self.complain(Priority::Warning, &format!("btrsync: warning: {text}"));
        self.complain(Priority::Warning, &format!("  what next: {hint}"));
    }

    fn question(&self) -> Box<dyn Write> {
        self.out()
    }

    fn progress_period(&self) -> Option<Duration> {
        match &self.progress {
            Progress::None => None,
            Progress::Lines { period, .. } => Some(*period),
            Progress::Bars(_) => Some(Bars::PERIOD),
        }
    }

    fn begin(&self, job: &Job<'_>, into: &Path) {
        if !self.is_known.load(Ordering::Relaxed) {
            self.step(job.step, into);
        }
        if let Progress::Bars(bars) = &self.progress {
            bars.begin(job.step, &names(job.step), self.estimate(job.step));
        }
    }

    fn progress(&self, job: &Job<'_>, total: u64, prev: u64) {
        match &self.progress {
            Progress::None => {}
            Progress::Bars(bars) => bars.advance(job.step, total),
            Progress::Lines { begin, period } => self.say(&format!(
                "{}: {}{}, {}, {}",
                names(job.step),
                size::bytes(total),
                self.estimate(job.step)
                    .map(|all| format!(" of {}", size::estimate(all)))
                    .unwrap_or_default(),
                size::rate(total.saturating_sub(prev), *period),
                size::time(begin.elapsed())
            )),
        }
    }

    fn resumed(&self, job: &Job<'_>, bytes: u64) {
        if let Progress::Bars(bars) = &self.progress {
            bars.resumed(job.step, bytes);
        }
        self.say(&format!(
            "{}: goes on where it was interrupted, with {} there",
            names(job.step),
            size::bytes(bytes)
        ));
    }

    fn restarted(&self, job: &Job<'_>) {
        if let Progress::Bars(bars) = &self.progress {
            bars.restarted(job.step, self.estimate(job.step));
        }
        self.say(&format!(
            "{}: starts over; its stream does not begin like the one that was interrupted",
            names(job.step)
        ));
    }

    fn waits(&self, job: &Job<'_>, busy: Busy) {
        if busy.attempt == 1 || self.verbose {
            self.note(&format!("{}: {}", names(job.step), waiting(busy)));
        }
    }

    fn without_clones(&self, job: &Job<'_>, error: &RootError) {
        let names = names(job.step);
        self.complain(
            Priority::Warning,
            &format!("btrsync: warning: {names}: starts over without clones: {error}"),
        );
    }

    fn done(&self, job: &Job<'_>, _: &Path, done: Done) {
        if let Progress::Bars(bars) = &self.progress {
            bars.end(job.step, done.bytes);
        }
        let is_alone = !self.parallel && !self.is_known.load(Ordering::Relaxed);
        let which = if is_alone { String::new() } else { self.shortened(names(job.step)) };
        let time = size::time(done.elapsed);
        let amount = format!("{} in {time}{}", size::bytes(done.bytes), before(done.resumed));
        self.say(&format!("{which} - Done ({amount})"));
    }

    fn checked(&self, checked: &Checked) {
        let lines = verdict::lines(checked);
        match checked.found {
            Found::Equal => lines.iter().for_each(|line| self.say(line)),
            _ => lines
                .iter()
                .for_each(|line| self.complain(Priority::Error, &format!("btrsync: {line}"))),
        }
    }

    fn failure(&self, failure: &Failure, job: Option<&Job<'_>>) {
        if let (Progress::Bars(bars), Some(job)) = (&self.progress, job) {
            bars.end(job.step, 0);
        }
        let about = job.map(|job| format!("{}: ", names(job.step))).unwrap_or_default();
        self.complain(Priority::Error, &format!("btrsync: {about}{}", failure.message));
        if let Some(hint) = &failure.hint {
            self.complain(Priority::Error, &format!("  what next: {hint}"));
        }
    }

    fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Relaxed)
    }

    fn summary(&self, summary: &Summary, exit: Exit) {
        if let Progress::Bars(bars) = &self.progress {
            bars.close();
        }
        if summary.done + summary.failed + summary.left == 0 {
            return;
        }
        let sent = format!(
            "{} sent, {} in {} ({}){}{}",
            count(summary.subvolumes),
            size::bytes(summary.bytes),
            size::time(summary.elapsed),
            size::rate(summary.bytes, summary.elapsed),
            before(summary.resumed),
            on_the_way(summary)
        );
        let rest = match exit {
            Exit::Done => String::new(),
            _ => format!("; {} failed, {} not begun", summary.failed, summary.left),
        };
        self.say(&format!("{sent}{rest}"));
        if summary.checks.all() > 0 {
            self.say(&verdict::sum(&summary.checks));
        }
    }
}

/// What was sent by an interrupted run, if it was anything.
fn before(resumed: u64) -> String {
    match resumed {
        0 => String::new(),
        bytes => format!(", {} before", size::bytes(bytes)),
    }
}

/// What a connection has carried, where it was clearly less.
fn on_the_way(summary: &Summary) -> String {
    match summary.wire {
        Some(wire) if wire / 49 < summary.bytes / 50 => {
            format!(", {} on the way", size::bytes(wire))
        }
        _ => String::new(),
    }
}
