//! What the suite is asked to do.

use std::path::PathBuf;

use clap::Parser;

use crate::measure::Meter;

/// Times btrsync against other programs.
#[derive(Debug, Parser)]
#[command(name = "./dev bench", disable_version_flag = true)]
pub struct Options {
    /// Benchmarks to run, by name; all of them when there is none.
    pub names: Vec<String>,
    /// How often all contestants run.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,
    /// Take little data: shows that the suite works, and nothing else.
    #[arg(long)]
    pub quick: bool,
    /// Take the largest sizes too, where a benchmark has some that take long.
    #[arg(long)]
    pub full: bool,
    /// Only list the benchmarks, with what each takes.
    #[arg(long)]
    pub list: bool,
    /// Write what was measured last into the tables and plots of the documentation, and run nothing.
    #[arg(long)]
    pub docs: bool,
    /// Only name the benchmarks, for scripts.
    #[arg(long, hide = true)]
    pub only_names: bool,
    /// The btrsync to time.
    #[arg(long, value_name = "PATH", default_value = "target/release/btrsync")]
    pub program: PathBuf,
    /// The Python btrsync.
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// The program that makes and lists many snapshots.
    #[arg(long, hide = true, default_value = "target/release/examples/many")]
    pub many: PathBuf,
    /// The program that plans for large forests.
    #[arg(long, hide = true, default_value = "target/release/examples/bench_plan")]
    pub planner: PathBuf,
    /// Where what was measured is written.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub out: PathBuf,
    /// The program that measures others; this one by default.
    #[arg(long, hide = true)]
    pub helper: Option<PathBuf>,
}

impl Options {
    /// Makes paths of programs absolute, as other machines need them.
    #[must_use]
    pub fn absolute(mut self) -> Self {
        let programs = [&mut self.program, &mut self.many].into_iter().chain(&mut self.python);
        for path in programs {
            // One that is not there is named as it was given where it is needed.
            *path = path.canonicalize().unwrap_or_else(|_| path.clone());
        }
        self
    }

    /// Returns the rounds of a contest.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds.into()
    }

    /// Returns how much data there is: `whole`, or with `--quick` the other.
    #[must_use]
    pub fn size(&self, whole: usize, quick: usize) -> usize {
        if self.quick { quick } else { whole }
    }

    /// Returns what measures.
    #[must_use]
    pub fn meter(&self) -> Meter {
        let own = || std::env::current_exe().expect("the kernel knows this program");
        Meter { helper: self.helper.clone().unwrap_or_else(own), touches: !self.quick }
    }
}
