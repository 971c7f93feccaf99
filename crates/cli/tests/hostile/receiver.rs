//! The receiver that is judged: the binary, as its user calls it.
//!
//! `BTRSYNC_TEST_RECEIVER` names another program that takes the same words, such as `btrfs`: against
//! that one the cases show whether they can fail.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::arena::Arena;
use crate::bounded::limited;
use crate::judge::Case;

/// Prepares to receive the stream of a case.
pub(crate) fn receive(arena: &Arena, case: &Case) -> Command {
    let file = arena.streams.path().join("stream");
    fs::write(&file, &case.stream).unwrap();
    let mut command = limited(&program());
    command.current_dir(arena.elsewhere.path());
    command.arg("receive").args(case.args).arg("-f").arg(file).arg(arena.dest());
    command
}

/// The binary, or what stands in for it.
pub(crate) fn program() -> PathBuf {
    env::var_os("BTRSYNC_TEST_RECEIVER").map_or(env!("CARGO_BIN_EXE_btrsync").into(), PathBuf::from)
}
