//! A failure that can be repeated and understood.

use std::time::{Duration, Instant};

use btrsync_testutil::History;

use crate::bench::Bench;
use crate::streams::{Case, Protocol};

/// One stream that did not arrive as it should.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) seed: u64,
    pub(crate) history: History,
    pub(crate) protocol: Protocol,
    pub(crate) case: Case,
    pub(crate) what: String,
    pub(crate) log: Vec<String>,
}

/// No failure is worth more of a test's time.
const PATIENCE: Duration = Duration::from_secs(60);
const LONGEST_LINE: usize = 300;

impl Failure {
    /// Tells of the failure with as few operations as it needs.
    pub(crate) fn explained(&self) -> String {
        let (bench, begin) = (Bench::new(self.seed / crate::SHARE), Instant::now());
        let fails = |history: &History| bench.try_one(self.seed, history, self.protocol);
        let shows = |history: &History| begin.elapsed() < PATIENCE && fails(history).is_some();
        let least = self.history.shrunk(shows);
        match fails(&least) {
            Some(failure) => failure.text(),
            None => format!("(it does not fail again)\n{}", self.text()),
        }
    }

    /// Tells of the failure in a line.
    pub(crate) fn line(&self) -> String {
        let Self { seed, protocol, case, what, .. } = self;
        let what = shortened(what.lines().next().unwrap_or_default());
        format!("seed {seed}, {protocol:?}, {case:?}: {what}")
    }

    fn text(&self) -> String {
        let Self { seed, protocol, case, what, log, .. } = self;
        let what: Vec<String> = what.lines().map(shortened).collect();
        let (what, log) = (what.join("\n"), log.join("\n  "));
        format!("seed {seed}, {protocol:?}, {case:?}:\n{what}\nafter:\n  {log}")
    }
}

/// Cuts out the middle: of a long path the beginning says where, and what follows it says what.
fn shortened(line: &str) -> String {
    let all: Vec<char> = line.chars().collect();
    let (begin, end) = (LONGEST_LINE / 3, all.len().saturating_sub(LONGEST_LINE * 2 / 3));
    if all.len() <= LONGEST_LINE {
        return line.to_owned();
    }
    format!("{}[...]{}", String::from_iter(&all[..begin]), String::from_iter(&all[end..]))
}
