//! Runs the system's programs and keeps what they wrote to standard error.
//!
//! The hazard is a failed `mount` or `btrfs` that shows only an exit status in a CI log, and
//! programs in `/usr/sbin` that are not in the path of an ordinary login.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;

/// Prepares a program: searched in `PATH` and the `sbin` directories, with untranslated messages.
#[must_use]
pub fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", search_path()).env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// The caller's `PATH` followed by the directories of the system's administration programs.
pub(crate) fn search_path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin:/usr/bin:/bin");
    path
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
/// The command line, the exit status and the standard error in one text.
pub fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let result = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    checked(command, result)
}

/// Runs a command to its end with `input` as its standard input and returns its standard output.
///
/// # Errors
/// As for [`output`]. A command that stops reading early is judged by its exit status alone.
pub fn output_with_input(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut pipe = child.stdin.take();
    let result = thread::scope(|scope| {
        // Moving the pipe in closes it when all is written, which ends the child's input.
        scope.spawn(move || pipe.take().map(|mut pipe| pipe.write_all(input)));
        child.wait_with_output()
    });
    checked(command, result.map_err(|error| error.to_string())?)
}

fn checked(command: &Command, result: Output) -> Result<Vec<u8>, String> {
    if result.status.success() {
        return Ok(result.stdout);
    }
    let stderr = String::from_utf8_lossy(&result.stderr);
    Err(format!("{command:?}: {}: {}", result.status, stderr.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_returned_and_failure_is_told() {
        assert_eq!(output(program("echo").arg("a")).unwrap(), b"a\n");
        let error = output(program("ls").arg("/no/such/place")).unwrap_err();
        assert!(error.contains("/no/such/place") && error.contains("No such file"), "{error}");
        assert!(output(&mut program("no-such-program")).unwrap_err().contains("no-such-program"));
    }

    #[test]
    fn input_larger_than_a_pipe_passes_through() {
        let input = vec![7; 1 << 20];
        assert_eq!(output_with_input(&mut program("cat"), &input).unwrap(), input);
        assert!(output_with_input(&mut program("false"), &input).is_err());
    }
}
