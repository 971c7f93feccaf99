//! Prints what dead test processes left mounted or attached, and fails if there is anything.
#![allow(clippy::print_stdout, reason = "the list is this program's output")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let left = btrsync_testutil::leftovers();
    left.iter().for_each(|line| println!("{line}"));
    if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
