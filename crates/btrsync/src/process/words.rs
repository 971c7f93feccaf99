//! What a child process says on standard error, kept for the message about its failure.
//!
//! It goes to memory and not through a pipe: nobody needs to read it while the child runs, and a child
//! that says much is never held up.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::text::escaped;

/// How much of its last words is kept, in bytes.
const KEPT: usize = 4096;

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
    pub(crate) fn last(&self, noise: impl Fn(&str) -> bool) -> String {
        let bytes = self.bytes();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !noise(line));
        lines.map(|line| escaped(line).to_string()).collect::<Vec<_>>().join("; ")
    }

    /// Returns the end of what was said, as it was said. The child may still be writing, at an offset
    /// that it shares with us.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let end = self.0.metadata().map_or(0, |metadata| metadata.len());
        let begin = end.saturating_sub(KEPT as u64);
        let mut bytes = vec![0; KEPT];
        let count = self.0.read_at(&mut bytes, begin).unwrap_or(0);
        bytes.truncate(count);
        bytes
    }
}
