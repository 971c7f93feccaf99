//! Bars on a terminal: bytes, rate and time of each running transfer, and what is left of it where its
//! size was measured. That is an estimate: a bar whose end is passed moves on with its end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use btrsync::sync::{Estimate, Step};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars of the transfers that run, by the first volume of each.
#[derive(Default)]
pub(super) struct Bars {
    all: MultiProgress,
    running: Mutex<HashMap<u64, ProgressBar>>,
}

impl Bars {
    /// How often a bar moves.
    pub(super) const PERIOD: Duration = Duration::from_millis(200);

    pub(super) fn begin(&self, step: &Step, name: String, estimate: Option<Estimate>) {
        let Some(id) = id(step) else { return };
        // A lower bound is no end.
        let bar = match estimate.filter(|estimate| estimate.is_whole) {
            Some(all) => ProgressBar::new(all.bytes).with_style(style(MEASURED)),
            None => ProgressBar::new_spinner().with_style(style(UNKNOWN)),
        };
        let bar = self.all.add(bar.with_message(name));
        bar.enable_steady_tick(Self::PERIOD);
        self.running().insert(id, bar);
    }

    pub(super) fn advance(&self, step: &Step, total: u64) {
        if let Some(bar) = id(step).and_then(|id| self.running().get(&id).cloned()) {
            if bar.length().is_some_and(|length| length < total) {
                bar.set_length(total);
            }
            bar.set_position(total);
        }
    }

    pub(super) fn end(&self, step: &Step) {
        if let Some(bar) = id(step).and_then(|id| self.running().remove(&id)) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    /// Prints something without tearing the bars.
    pub(super) fn suspend(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u64, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id(step: &Step) -> Option<u64> {
    step.vols.first().map(|vol| vol.id)
}

const UNKNOWN: &str =
    "{spinner} {wide_msg} {binary_bytes:>11} {binary_bytes_per_sec:>13} {elapsed_precise}";
const MEASURED: &str = "{spinner} {wide_msg} {bar:16} {binary_bytes:>11} of ~{binary_total_bytes} \
     {binary_bytes_per_sec:>13} {elapsed_precise}, ~{eta} left";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
