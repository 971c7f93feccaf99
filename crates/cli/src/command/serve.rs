//! `btrsync serve`: does for a btrsync at the other end of a pipe what that asks for.
//!
//! Standard output belongs to the other side alone, so nothing else may be written there.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use btrsync::agent::{ServeOptions, serve};

use crate::advice::Failure;
use crate::exit::Exit;

const ABOUT: &str = "\
A btrsync on another machine starts this over ssh, or one on this machine with sudo, and talks to it
on standard input and output. It ends with its input.";

/// Does for a btrsync at the other end of a pipe what that asks for.
#[derive(Debug, clap::Parser)]
#[command(name = "btrsync serve", after_help = ABOUT, max_term_width = 100)]
pub(crate) struct Args {}

pub(super) fn main(_: &Args) -> Exit {
    match run() {
        Ok(()) => Exit::Done,
        Err(failure) => super::fail(&failure),
    }
}

fn run() -> Result<(), Failure> {
    let (input, output) = (std::io::stdin(), std::io::stdout());
    if input.is_terminal() || output.is_terminal() {
        let failure = Failure::usage("serve talks to another btrsync, not to a terminal");
        return Err(failure.hint("give HOST:PATH to btrsync; it starts this there by itself"));
    }
    let failed =
        |error| Failure::new(format!("cannot start: {error}"), "check the system's limits");
    let (cancel, _) = super::cancelled_by_signals()?;
    let base = std::env::current_dir().map_err(failed)?;
    let input = input.as_fd().try_clone_to_owned().map_err(failed)?;
    let output = output.as_fd().try_clone_to_owned().map_err(failed)?;
    serve(input, output, ServeOptions { base }, &cancel).map_err(Failure::from)
}
