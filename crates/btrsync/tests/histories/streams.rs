//! The streams of a history: which ones there are, and the kernel's send that makes them.

use std::fs::File;
use std::path::Path;

use btrsync_kernel::{SendOptions, info, send};

/// How a stream is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    One,
    Two,
    Compressed,
}

pub(crate) const PROTOCOLS: [Protocol; 3] = [Protocol::One, Protocol::Two, Protocol::Compressed];

/// One stream, by the numbers of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// What its copy is called, beside the number of the snapshot.
    pub(crate) place: &'static str,
    pub(crate) snapshot: usize,
    pub(crate) parent: Option<usize>,
    /// What it may clone from, if not only from the parent.
    pub(crate) clones: Vec<usize>,
}

/// Every snapshot in full and as an increment to each older one.
///
/// Never to a younger one, nor to one of another branch: where a file was truncated there, send (as of
/// Linux 6.18) sees the same extents in both, and leaves out what lies behind that length.
pub(crate) fn cases(snapshots: usize) -> Vec<Case> {
    let case = |place, snapshot, parent, clones| Case { place, snapshot, parent, clones };
    let chain = (0..snapshots)
        .map(|snapshot| case("chain", snapshot, snapshot.checked_sub(1), (0..snapshot).collect()));
    let full = (1..snapshots).rev().map(|snapshot| {
        let clones = if snapshot % 2 == 0 { vec![] } else { vec![0] };
        case("full", snapshot, None, clones)
    });
    let skip =
        (2..snapshots).map(|snapshot| case("skip", snapshot, Some(0), vec![0, snapshot - 1]));
    // As clone sources younger ones and branches are as good as older: they only change how data travels.
    let branch = snapshots;
    let others = |snapshot| (0..=branch).filter(|other| *other != snapshot).collect::<Vec<_>>();
    let all = (0..=branch).rev().map(|snapshot| {
        let parent = (snapshot % 2 == 0 && snapshot > 0 && snapshot < branch).then(|| snapshot - 1);
        case("all", snapshot, parent, others(snapshot))
    });
    let increment = case("increment", branch, Some(0), others(branch));
    chain.chain(full).chain(skip).chain(all).chain([increment]).collect()
}

impl Case {
    /// Writes the stream into a file.
    pub(crate) fn send(&self, snapshots: &[File], protocol: Protocol) -> Result<File, String> {
        let id = |number: &usize| info(&snapshots[*number]).map(|info| info.id).unwrap();
        let options = SendOptions {
            parent: self.parent.as_ref().map(id),
            clone_sources: self.clones.iter().map(id).collect(),
            version: (protocol != Protocol::One).then_some(2),
            compressed: protocol == Protocol::Compressed,
            ..SendOptions::default()
        };
        let stream = tempfile::tempfile_in(memory()).unwrap();
        send(&snapshots[self.snapshot], &stream, &options).map_err(|e| format!("send: {e}"))?;
        Ok(stream)
    }
}

/// A directory in memory, where there is one.
fn memory() -> &'static Path {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new("/tmp") }
}
