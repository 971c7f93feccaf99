//! What can go wrong with a command that runs elsewhere, told apart by what there is to do about it.

use std::io;
use std::path::PathBuf;

use crate::text::escaped;

/// The failure of a command on another machine, or on this one under sudo.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// A program of this machine could not be started.
    #[error("cannot start '{program}': {source}")]
    Start {
        /// The program.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// ssh could not connect, log in, or keep the connection.
    #[error("ssh to {host} failed ({status}){}", said(stderr))]
    Ssh {
        /// The host, as the user named it.
        host: String,
        /// How ssh ended.
        status: String,
        /// The end of what it said, escaped.
        stderr: String,
    },
    /// Whoever logs in gets something else than a shell.
    #[error("the login on {host} runs no shell ({status}){}", said(said_there))]
    NoShell {
        /// The host, as the user named it.
        host: String,
        /// How it ended.
        status: String,
        /// The end of what it printed, escaped.
        said_there: String,
    },
    /// There is no `btrfs` program on the other side.
    #[error("btrfs is not installed on {host}: '{command}' says{}", said(stderr))]
    Missing {
        /// Where.
        host: String,
        /// What was run.
        command: String,
        /// What was said, escaped.
        stderr: String,
    },
    /// The user of the other side may not do what is needed.
    #[error("no rights on {host} for '{command}' ({status}){}", said(stderr))]
    Rights {
        /// Where.
        host: String,
        /// What was run.
        command: String,
        /// How it ended.
        status: String,
        /// What was said, escaped.
        stderr: String,
    },
    /// A command failed.
    #[error("'{command}' failed on {host} ({status}){}", said(stderr))]
    Failed {
        /// Where.
        host: String,
        /// What was run.
        command: String,
        /// How it ended.
        status: String,
        /// What was said, escaped.
        stderr: String,
    },
    /// What a command printed is not understood.
    #[error("cannot understand what '{command}' prints on {host}: {what}")]
    Answer {
        /// Where.
        host: String,
        /// What was run.
        command: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The other side cannot be talked to.
    #[error("cannot talk to {host}: {source}")]
    Talk {
        /// Where.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// What was received is not what was sent, although nothing failed.
    #[error("what was received as {} is not what was sent: {what}", escaped(path))]
    OtherData {
        /// The path that it would have got.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl CommandError {
    /// Returns the errno at the bottom of the failure, if there is one.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Start { source, .. } | Self::Talk { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// What the failure of a login means that has printed this before a shell was there.
    pub(super) fn of_login(self, printed: &[u8]) -> Self {
        match self {
            Self::Failed { host, status, stderr, .. } => {
                let lines =
                    [last_lines(printed), stderr].into_iter().filter(|said| !said.is_empty());
                Self::NoShell { host, status, said_there: lines.collect::<Vec<_>>().join("; ") }
            }
            other => other,
        }
    }

    /// Returns what the command said, where it ran at all.
    pub fn stderr(&self) -> &str {
        match self {
            Self::Ssh { stderr, .. }
            | Self::Missing { stderr, .. }
            | Self::Rights { stderr, .. }
            | Self::Failed { stderr, .. } => stderr,
            _ => "",
        }
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

/// The last lines of what was printed, escaped and in one.
fn last_lines(printed: &[u8]) -> String {
    const LINES: usize = 3;
    const MOST: usize = 1024;
    let end = printed.get(printed.len().saturating_sub(MOST)..).unwrap_or_default();
    let text = String::from_utf8_lossy(end);
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(LINES));
    last.map(|line| escaped(line).to_string()).collect::<Vec<_>>().join("; ")
}

/// How a script ended that did not end well.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    /// Its exit status, or how it was killed.
    pub(super) status: String,
    /// What it wrote to standard error, with the mark of the command that failed.
    pub(super) stderr: &'a [u8],
    /// The mark.
    pub(super) mark: &'a str,
}

impl Ended<'_> {
    /// Tells the failure of a script on `host`.
    pub(super) fn into_error(self, host: &str) -> CommandError {
        let (host, status) = (host.to_owned(), self.status.clone());
        let (command, stderr) = self.words();
        if is_missing(&self.status, &stderr) {
            CommandError::Missing { host, command, stderr }
        } else if is_forbidden(&stderr) {
            CommandError::Rights { host, command, status, stderr }
        } else {
            CommandError::Failed { host, command, status, stderr }
        }
    }

    /// The command that failed and what was said, both escaped and in one line.
    fn words(&self) -> (String, String) {
        let text = String::from_utf8_lossy(self.stderr);
        let prefix = format!("{}! ", self.mark);
        let mut command = "sh".to_owned();
        let mut said = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.strip_prefix(&prefix) {
                Some(failed) => command = escaped(failed).to_string(),
                None if is_noise(line) => {}
                None => said.push(escaped(line).to_string()),
            }
        }
        (command, said.join("; "))
    }
}

/// What `btrfs receive` and `btrfs send` say when all is well.
pub(super) fn is_noise(line: &str) -> bool {
    ["At subvol ", "At snapshot "].iter().any(|start| line.starts_with(start))
}

fn is_missing(status: &str, stderr: &str) -> bool {
    status == "127" || stderr.contains("command not found")
}

fn is_forbidden(stderr: &str) -> bool {
    const WORDS: [&str; 6] = [
        "Operation not permitted",
        "Permission denied",
        "a password is required",
        "a terminal is required",
        "not in the sudoers file",
        "not allowed to execute",
    ];
    WORDS.iter().any(|words| stderr.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: &str, stderr: &str) -> CommandError {
        Ended { status: status.into(), stderr: stderr.as_bytes(), mark: "M" }.into_error("far")
    }

    #[test]
    fn the_command_that_failed_is_named() {
        let error = error("1", "ERROR: no such\nM! btrfs subvolume list /x\n");
        assert_eq!(
            error.to_string(),
            "'btrfs subvolume list /x' failed on far (1): ERROR: no such"
        );
    }

    #[test]
    fn causes_are_told_apart() {
        let missing = error("127", "sh: 1: btrfs: not found\nM! btrfs --version");
        assert!(matches!(missing, CommandError::Missing { .. }), "{missing}");
        let missing = error("1", "sudo: btrfs: command not found\nM! btrfs --version");
        assert!(matches!(missing, CommandError::Missing { .. }), "{missing}");
        let rights = error("1", "ERROR: can't perform the search: Operation not permitted");
        assert!(matches!(rights, CommandError::Rights { .. }), "{rights}");
        let rights = error("1", "sudo: a password is required");
        assert!(matches!(rights, CommandError::Rights { .. }), "{rights}");
    }

    #[test]
    fn what_would_drive_a_terminal_is_escaped() {
        assert!(!error("1", "a\x1b[2J\nM! b\x07").to_string().contains(['\x1b', '\x07']));
    }
}
