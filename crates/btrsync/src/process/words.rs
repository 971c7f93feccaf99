//! What a child process says on standard error, kept for the message about its failure.
//!
//! It goes to memory and not through a pipe: nobody needs to read it while the child runs, and a child
//! that says much is never held up.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::process::Stdio;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::text::escaped;

/// How much of its last words is kept, in bytes.
const KEPT: u64 = 4096;

/// The standard error of a child process.
#[derive(Debug)]
pub(crate) struct Words(File);

impl Words {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(File::from(memfd_create(c"stderr", MemfdFlags::CLOEXEC)?)))
    }

    /// Returns what the child is given as its standard error.
    pub(crate) fn stdio(&self) -> io::Result<Stdio> {
        self.0.try_clone().map(Stdio::from)
    }

    /// Returns the end of what was said, escaped, in one line, without the lines that are `noise`.
    pub(crate) fn last(&mut self, noise: impl Fn(&str) -> bool) -> String {
        let mut bytes = Vec::new();
        let end = self.0.seek(SeekFrom::End(0)).unwrap_or(0);
        let from = SeekFrom::Start(end.saturating_sub(KEPT));
        let kept = self.0.seek(from).map(|_| (&mut self.0).take(KEPT));
        let _ = kept.and_then(|mut kept| kept.read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !noise(line));
        lines.map(|line| escaped(line).to_string()).collect::<Vec<_>>().join("; ")
    }
}
