//! The other end of a connection: this very program, started again to do nothing but serve.
//!
//! The harness prints something before a test runs, as a login does; what it prints afterwards nobody reads.

use std::fs::Permissions;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use btrsync::Cancel;
use btrsync::agent::{ServeOptions, serve};
use btrsync_testutil::Machine;

/// Set where a test is to serve.
const SERVE: &str = "BTRSYNC_TEST_SERVE";

const TEST: [&str; 3] = ["--exact", "serve::serves_when_it_is_asked_to", "--nocapture"];

/// Makes a program of another machine that serves, whatever its arguments.
pub(crate) fn script(machine: &Machine) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let words = format!("#!/bin/sh\nexec env {SERVE}=1 '{}' {}\n", this.display(), TEST.join(" "));
    let script = machine.write("btrsync", words);
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    script
}

/// Prepares a process that serves.
pub(crate) fn command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(TEST).env(SERVE, "1");
    command
}

#[test]
fn serves_when_it_is_asked_to() {
    if std::env::var_os(SERVE).is_none() {
        return;
    }
    let input = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    let output = std::io::stdout().as_fd().try_clone_to_owned().unwrap();
    let base = std::env::current_dir().unwrap();
    serve(input, output, ServeOptions { base, fence: None }, &Cancel::new().unwrap()).unwrap();
}
