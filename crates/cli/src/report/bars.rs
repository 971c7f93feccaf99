//! Bars on a terminal: bytes, rate and what is left, of each running transfer and of the whole.
//!
//! What is left is known where the sizes were measured. That is an estimate: a bar whose end is passed moves
//! on with its end. Rates are means over the last seconds, and what is left is told once there is a rate.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use btrsync::sync::{Estimate, Step};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::screen::{Screen, cut};
use crate::size;

/// The bars of one run.
#[derive(Default)]
pub(super) struct Bars {
    all: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The transfers that run, by the first volume of each.
    running: HashMap<u64, Bar>,
    whole: Option<Whole>,
}

/// A transfer that runs.
struct Bar {
    shown: ProgressBar,
    /// Its share of the whole.
    share: u64,
}

/// All transfers of a plan together.
struct Whole {
    shown: ProgressBar,
    steps: usize,
    ended: usize,
    /// The bytes of those that have ended.
    bytes: u64,
}

impl Bars {
    /// How often a bar moves.
    pub(super) const PERIOD: Duration = Duration::from_millis(200);

    /// Expects the transfers of a plan. One alone is its own whole.
    pub(super) fn expect(&self, steps: usize, total: Option<Estimate>) {
        self.close();
        self.state().whole = (steps > 1).then(|| {
            // It is drawn once a transfer begins: before that there may be a question.
            let shown = self.all.add(bar(total));
            Whole { shown, steps, ended: 0, bytes: 0 }
        });
    }

    pub(super) fn begin(&self, step: &Step, name: &str, estimate: Option<Estimate>) {
        let Some(id) = id(step) else { return };
        let (mut state, shown) = (self.state(), bar(estimate));
        let shown = match &state.whole {
            Some(whole) => {
                if whole.ended == 0 && state.running.is_empty() {
                    whole.shown.reset();
                    whole.shown.enable_steady_tick(Self::PERIOD);
                }
                self.all.insert_before(&whole.shown, shown)
            }
            None => self.all.add(shown),
        };
        shown.set_message(cut(name, room()).into_owned());
        shown.enable_steady_tick(Self::PERIOD);
        let share = shown.length().unwrap_or(0);
        state.running.insert(id, Bar { shown, share });
        state.show_whole();
    }

    /// Some of it is there already: only the rest is to come.
    pub(super) fn resumed(&self, step: &Step, bytes: u64) {
        self.change_share(step, |share| share.saturating_sub(bytes));
    }

    /// All of it is to come after all.
    pub(super) fn restarted(&self, step: &Step, estimate: Option<Estimate>) {
        let all = estimate.map_or(0, |estimate| estimate.bytes);
        self.change_share(step, |_| all);
    }

    pub(super) fn advance(&self, step: &Step, total: u64) {
        let state = self.state();
        if let Some(bar) = id(step).and_then(|id| state.running.get(&id)) {
            reach(&bar.shown, total);
        }
        state.show_whole();
    }

    /// A transfer has ended, well or not, with so many bytes.
    pub(super) fn end(&self, step: &Step, bytes: u64) {
        let mut state = self.state();
        let Some(bar) = id(step).and_then(|id| state.running.remove(&id)) else { return };
        bar.shown.finish_and_clear();
        self.all.remove(&bar.shown);
        if let Some(whole) = &mut state.whole {
            whole.end(bytes, bar.share);
        }
        state.show_whole();
    }

    /// Nothing runs any more.
    pub(super) fn close(&self) {
        if let Some(whole) = self.state().whole.take() {
            whole.shown.finish_and_clear();
            self.all.remove(&whole.shown);
        }
    }

    /// Prints something without tearing the bars.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    fn change_share(&self, step: &Step, change: impl FnOnce(u64) -> u64) {
        let mut state = self.state();
        let State { running, whole } = &mut *state;
        let Some(bar) = id(step).and_then(|id| running.get_mut(&id)) else { return };
        if bar.shown.length().is_none() {
            return;
        }
        let share = change(bar.share);
        bar.shown.set_length(share);
        if let Some(whole) = whole {
            whole.change(bar.share, share);
        }
        bar.share = share;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn show_whole(&self) {
        if let Some(whole) = &self.whole {
            let running: u64 = self.running.values().map(|bar| bar.shown.position()).sum();
            reach(&whole.shown, whole.bytes + running);
            whole.shown.set_message(format!("{} of {} done", whole.ended, whole.steps));
        }
    }
}

impl Whole {
    fn end(&mut self, bytes: u64, share: u64) {
        self.ended += 1;
        self.bytes += bytes;
        self.change(share, bytes);
    }

    /// A share was thought to be another.
    fn change(&self, from: u64, to: u64) {
        if let Some(length) = self.shown.length() {
            self.shown.set_length((length + to).saturating_sub(from));
        }
    }
}

/// Moves a bar, and its end if that is passed.
fn reach(bar: &ProgressBar, bytes: u64) {
    if bar.length().is_some_and(|length| length < bytes) {
        bar.set_length(bytes);
    }
    bar.set_position(bytes);
}

fn id(step: &Step) -> Option<u64> {
    step.vols.first().map(|vol| vol.id)
}

/// How many columns the numbers of a bar take; the rest is for its name.
const NARROW: usize = 50;
const WIDE: usize = 86;

const fn is_wide(columns: usize) -> bool {
    columns >= WIDE + 24
}

fn columns() -> usize {
    Screen::stderr().width.unwrap_or(80)
}

/// The room for a name.
fn room() -> usize {
    let columns = columns();
    columns.saturating_sub(if is_wide(columns) { WIDE } else { NARROW }).max(8)
}

fn bar(estimate: Option<Estimate>) -> ProgressBar {
    // A lower bound is no end.
    let measured = estimate.filter(|estimate| estimate.is_whole);
    let bar = match measured {
        Some(all) => ProgressBar::new(all.bytes),
        None => ProgressBar::new_spinner(),
    };
    bar.with_style(style(measured.is_some(), is_wide(columns())))
}

fn style(is_measured: bool, is_wide: bool) -> ProgressStyle {
    let template = match (is_measured, is_wide) {
        (true, true) => {
            "{wide_msg} {bar:16} {percent:>3}% {sent:>10} of {all:<11} {rate:>12} {time:>8} {left:>13}"
        }
        (true, false) => "{wide_msg} {bar:6} {percent:>3}% {sent:>10} {rate:>12} {left:>11}",
        (false, _) => "{wide_msg} {spinner} {sent:>10} {rate:>12} {time:>8}",
    };
    let style = ProgressStyle::with_template(template);
    style
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("━╸ ")
        .with_key("sent", |state: &ProgressState, to: &mut dyn Write| {
            let _ = to.write_str(&size::bytes(state.pos()));
        })
        .with_key("all", |state: &ProgressState, to: &mut dyn Write| {
            let _ = write!(to, "~{}", size::bytes(state.len().unwrap_or(0)));
        })
        .with_key("rate", |state: &ProgressState, to: &mut dyn Write| {
            let _ = write!(to, "{}/s", size::bytes(state.per_sec() as u64));
        })
        .with_key("time", |state: &ProgressState, to: &mut dyn Write| {
            let _ = to.write_str(&size::rough(state.elapsed()));
        })
        .with_key("left", |state: &ProgressState, to: &mut dyn Write| {
            let _ = to.write_str(&left(state));
        })
}

/// Before it has run for some time it would say anything.
fn left(state: &ProgressState) -> String {
    match state.elapsed() < Duration::from_secs(1) || state.per_sec() < 1.0 {
        true => String::new(),
        false => format!("{} left", size::rough(state.eta())),
    }
}
