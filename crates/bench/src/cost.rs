//! What one run costs.
//!
//! The hazard is work that nobody counts: of a process in a pipeline that nobody waits for, or of the
//! kernel's own threads, which compress and write. So there are two counts of processor time.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The cost of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds on the clock.
    pub wall: f64,
    /// Seconds of processor, user and system, of all processes of the run.
    pub cpu: f64,
    /// Seconds of processor, of the whole machine: with the kernel's threads, and whatever else ran.
    pub busy: f64,
    /// The most memory that any one process of the run had at once, in bytes.
    pub peak: u64,
}

/// What of a cost is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Time on the clock.
    Wall,
    /// Processor time of all processes.
    Cpu,
    /// Processor time of the whole machine.
    Busy,
}

impl Kind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Wall, Self::Cpu, Self::Busy];

    /// Returns the heading of its column.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "CPU",
            Self::Busy => "busy",
        }
    }
}

impl Cost {
    /// Returns one of the figures, in seconds.
    #[must_use]
    pub fn of(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Wall => self.wall,
            Kind::Cpu => self.cpu,
            Kind::Busy => self.busy,
        }
    }

    /// Returns the part of each of several runs that were measured at once.
    #[must_use]
    pub fn each_of(self, runs: u32) -> Self {
        let runs = f64::from(runs);
        Self { wall: self.wall / runs, cpu: self.cpu / runs, busy: self.busy / runs, ..self }
    }
}

/// Returns how long the processors of this machine have been at work since it was started.
#[must_use]
pub fn machine_busy() -> Duration {
    busy_of(&fs::read_to_string("/proc/stat").unwrap_or_default())
}

/// The first line counts hundredths of seconds: user, nice, system, idle, iowait, irq, softirq.
fn busy_of(stat: &str) -> Duration {
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    let busy = [0, 1, 2, 5, 6].iter().filter_map(|at| ticks.get(*at)).sum::<u64>();
    Duration::from_millis(10 * busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_not_work_and_guests_are_not_counted_twice() {
        let stat = "cpu  1 20 300 4000 50000 600000 7000000 80 9 9\ncpu0 1 1 1 1\n";
        assert_eq!(busy_of(stat), Duration::from_millis(10 * 7_600_321));
        assert_eq!(busy_of(""), Duration::ZERO);
        assert!(machine_busy() > Duration::ZERO);
    }

    #[test]
    fn of_many_runs_each_has_its_part_of_the_time_but_all_of_the_memory() {
        let cost = Cost { wall: 4.0, cpu: 2.0, busy: 6.0, peak: 8 }.each_of(2);
        assert_eq!(cost, Cost { wall: 2.0, cpu: 1.0, busy: 3.0, peak: 8 });
        assert_eq!(Kind::ALL.map(|kind| cost.of(kind)), [2.0, 1.0, 3.0]);
    }
}
