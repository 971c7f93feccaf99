//! Bars on a terminal: bytes, rate and time of each running transfer. A total is not shown where none
//! is known.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use btrsync::sync::Step;
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

    pub(super) fn begin(&self, step: &Step, name: String) {
        let Some(id) = id(step) else { return };
        let bar = self.all.add(ProgressBar::new_spinner().with_style(style()).with_message(name));
        bar.enable_steady_tick(Self::PERIOD);
        self.running().insert(id, bar);
    }

    pub(super) fn advance(&self, step: &Step, total: u64) {
        if let Some(bar) = id(step).and_then(|id| self.running().get(&id).cloned()) {
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

fn style() -> ProgressStyle {
    let template =
        "{spinner} {wide_msg} {binary_bytes:>11} {binary_bytes_per_sec:>13} {elapsed_precise}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
