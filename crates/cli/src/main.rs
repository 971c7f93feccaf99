//! `btrsync`: rsync, but for btrfs.
//!
//! The library decides and does; this binary reads the arguments, asks, shows, and turns how a run
//! ended into an exit code.

mod advice;
mod amount;
mod args;
mod checking;
mod command;
mod data_args;
mod ends;
mod exit;
mod glob;
mod help;
mod invocation;
mod location;
mod log;
mod observe;
mod places;
mod prompt;
mod report;
mod screen;
mod select;
mod shared_args;
mod signals;
mod size;
mod target;
mod waiting;

use clap::FromArgMatches;

use crate::args::Args;
use crate::exit::Exit;

fn main() -> std::process::ExitCode {
    if let Some(exit) = command::run(std::env::args_os().skip(1)) {
        return exit.into();
    }
    let parsed = ends::parse(command::sync(), std::env::args_os().collect());
    let args = match parsed.and_then(|found| Args::from_arg_matches(&found)) {
        Ok(args) => args,
        Err(error) => return usage(&error).into(),
    };
    match log::begin_with(args.log_level.as_ref()) {
        Ok(()) => invocation::main(&args).into(),
        Err(failure) => command::fail(&failure).into(),
    }
}

/// Prints what clap says: help and version to standard output, mistakes to standard error.
fn usage(error: &clap::Error) -> Exit {
    // Where even that cannot be printed there is nobody to tell.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}
