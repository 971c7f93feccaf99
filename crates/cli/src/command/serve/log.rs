//! The log of the system, where an administrator looks for what a key was misused for.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use btrsync::agent::Refusals;
use btrsync::text::escaped;

/// The facility of security messages, and the severity of a warning, as syslog numbers them.
const PRIORITY: u8 = 10 * 8 + 4;

/// As much as every log takes, in bytes.
const LONGEST: usize = 900;

/// A log. Where there is none, that keeps nobody from being refused.
#[derive(Debug)]
pub(super) struct Log {
    socket: PathBuf,
}

impl Log {
    pub(super) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_path_buf() }
    }
}

impl Refusals for Log {
    fn refused(&self, what: &str) {
        let _ = UnixDatagram::unbound()
            .and_then(|from| from.send_to(line(what).as_bytes(), &self.socket));
    }
}

/// What is written: one line, whatever there is in it.
fn line(what: &str) -> String {
    let pid = std::process::id();
    let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let who = std::env::var_os("SSH_CONNECTION").unwrap_or_default();
    let mut line = format!("<{PRIORITY}>btrsync[{pid}]: refused: {what} ({})", escaped(&who));
    if line.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| line.is_char_boundary(*at));
        line.truncate(end.unwrap_or_default());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_bounded_length_arrives() {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("log");
        let log = UnixDatagram::bind(&socket).unwrap();
        Log::new(&socket).refused(&format!("x\n<0>kernel: {}", "ä".repeat(1000)));
        let mut bytes = [0; 4096];
        let count = log.recv(&mut bytes).unwrap();
        let line = std::str::from_utf8(&bytes[..count]).unwrap();
        assert!(line.starts_with("<84>btrsync["), "{line}");
        assert!(line.contains("refused: x <0>kernel: ää") && line.len() <= LONGEST, "{line}");
    }

    #[test]
    fn a_log_that_is_not_there_is_no_failure() {
        Log::new(Path::new("/nonexistent/log")).refused("x");
    }
}
