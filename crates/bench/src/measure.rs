//! Measures a command with all processes that it starts and waits for.
//!
//! The hazard is a figure that has something of us in it: the kernel tells the memory of the largest child
//! ever, and a child begins with that of the process that starts it. So a small process of its own
//! stands between, which starts nothing but the command, and tells what that took.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::cost::{Cost, machine_busy};
use crate::memory;

/// The first argument of a process that only measures.
pub const WORD: &str = "measure-a-command";

/// A run that ended well.
#[derive(Debug)]
pub struct Measured {
    /// What it cost, or each part of it where the command was repeated.
    pub cost: Cost,
    /// What it wrote to its standard output.
    pub output: Vec<u8>,
}

/// Measures commands.
#[derive(Clone, Debug)]
pub struct Meter {
    /// The program that runs [`measure`] when it is called with [`WORD`].
    pub helper: PathBuf,
    /// Whether free memory is touched before a command runs.
    pub touches: bool,
}

impl Meter {
    /// Runs a command so many times, one after another, and tells what each took.
    ///
    /// `settle` is what follows before the work of the machine is read: what the command has left to the
    /// kernel is work of its own.
    ///
    /// # Errors
    /// The command, how it ended, and what it said.
    pub fn run(
        &self,
        command: &Command,
        times: u32,
        settle: impl Fn(),
    ) -> Result<Measured, String> {
        if self.touches {
            memory::touch();
        }
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let [cost, out, err] = ["cost", "out", "err"].map(|name| dir.path().join(name));
        let create = |path| File::create(path).map_err(|error| error.to_string());
        let mut helper = self.around(command);
        helper.args([WORD.as_ref(), cost.as_os_str(), times.to_string().as_ref()]);
        helper.arg(command.get_program()).args(command.get_args());
        helper.stdin(Stdio::null()).stdout(create(&out)?).stderr(create(&err)?);
        let before = machine_busy();
        let ended = helper.status().map_err(|error| format!("{helper:?}: {error}"))?;
        settle();
        let busy = (machine_busy() - before).as_secs_f64();
        if !ended.success() {
            let said = fs::read(&err).unwrap_or_default();
            return Err(format!("{command:?}: {ended}: {}", String::from_utf8_lossy(&said).trim()));
        }
        let [wall, cpu, peak] = read_told(&fs::read_to_string(&cost).unwrap_or_default())?;
        let whole = Cost { wall, cpu, busy, peak: peak as u64 };
        let output = fs::read(&out).map_err(|error| error.to_string())?;
        Ok(Measured { cost: whole.each_of(times), output })
    }

    fn around(&self, command: &Command) -> Command {
        let mut helper = Command::new(&self.helper);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => helper.env(name, value),
                None => helper.env_remove(name),
            };
        }
        command.get_current_dir().map(|dir| helper.current_dir(dir));
        helper
    }
}

/// Reads what [`measure`] has told: seconds on the clock and of processors, and bytes.
///
/// # Errors
/// It has told nothing.
pub fn read_told(told: &str) -> Result<[f64; 3], String> {
    let figures: Vec<f64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    figures.try_into().map_err(|_| format!("no cost, but {told:?}"))
}

/// Is the process in between: `COST TIMES PROGRAM ARGUMENT…`.
#[must_use]
pub fn measure(args: &[OsString]) -> ExitCode {
    let [cost, times, program, args @ ..] = args else { return ExitCode::from(2) };
    let times = times.to_str().and_then(|text| text.parse().ok()).unwrap_or(1);
    let begin = Instant::now();
    for _ in 0..times {
        if let Err(error) = run(program, args) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    match fs::write(cost, told(begin.elapsed())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(program: &OsStr, args: &[OsString]) -> Result<(), String> {
    let shown = program.display();
    let ended = Command::new(program).args(args).status().map_err(|e| format!("{shown}: {e}"))?;
    if ended.success() { Ok(()) } else { Err(format!("{shown}: {ended}")) }
}

/// The clock, the processors, and the memory of the largest process.
fn told(wall: Duration) -> String {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel knows its processes");
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    format!("{} {cpu} {}", wall.as_secs_f64(), usage.max_rss() * 1024)
}
