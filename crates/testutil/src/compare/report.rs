//! Lines about differences, bounded: a tree that is wrong everywhere must not drown its first line.

use std::fmt::Debug;

/// Collects lines up to a limit and counts the others.
pub(super) struct Report {
    lines: Vec<String>,
    limit: usize,
    more: usize,
}

impl Report {
    pub(super) fn new(limit: usize) -> Self {
        Self { lines: Vec::new(), limit, more: 0 }
    }

    /// Adds a line about a path.
    pub(super) fn add(&mut self, path: &[u8], what: &str) {
        if self.lines.len() == self.limit {
            self.more += 1;
        } else {
            self.lines.push(format!("{}: {what}", shown(path)));
        }
    }

    /// Adds a line when two values differ.
    pub(super) fn check<T: PartialEq + Debug>(
        &mut self,
        path: &[u8],
        what: &str,
        source: &T,
        dest: &T,
    ) {
        if source != dest {
            self.add(path, &format!("{what}: source {source:?}, dest {dest:?}"));
        }
    }

    /// Returns the lines, with a last one that counts those left out.
    pub(super) fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.lines.push(format!("and {} more", self.more));
        }
        self.lines
    }
}

/// Shows bytes as a Rust literal would; the root is a dot.
pub(super) fn shown(path: &[u8]) -> String {
    if path.is_empty() { ".".to_owned() } else { path.escape_ascii().to_string() }
}
