//! The source of a benchmark: a filesystem with snapshots, and what is in them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use btrsync_testutil::{Compare, LoopFs, Tree, btrfs, snapshot_of};

use super::read_all;

/// The inode number of every subvolume's root.
const SUBVOLUME: u64 = 256;

/// A filesystem with read-only snapshots, all directly in one directory of it.
#[derive(Debug)]
pub struct Source {
    fs: LoopFs,
    dir: PathBuf,
    snapshots: Vec<(String, Tree)>,
}

impl Source {
    /// Reads the snapshots named, which lie in a directory named relative to the filesystem's root.
    #[must_use]
    pub fn new(fs: LoopFs, dir: &str, names: &[String]) -> Self {
        btrfs::sync(fs.path());
        let at = fs.path().join(dir);
        let read = |name: &String| (name.clone(), snapshot_of(&at.join(name)));
        let snapshots = in_parallel(names, read);
        Self { fs, dir: dir.into(), snapshots }
    }

    /// Returns the filesystem.
    #[must_use]
    pub fn fs(&self) -> &LoopFs {
        &self.fs
    }

    /// Returns the directory of the snapshots.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.fs.path().join(&self.dir)
    }

    /// Returns the path of a snapshot by its number.
    #[must_use]
    pub fn snapshot(&self, number: usize) -> PathBuf {
        self.dir().join(&self.snapshots[number].0)
    }

    /// Returns the names of the snapshots.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.snapshots.iter().map(|(name, _)| name.as_str())
    }

    /// Takes everything of it out of the kernel's caches.
    pub fn cool(&mut self) {
        self.fs.reopen();
    }

    /// Has everything in the snapshots in the kernel's caches.
    pub fn warm(&mut self) {
        self.cool();
        for name in self.names() {
            read_all(&self.dir().join(name)).expect("the source can be read");
        }
    }

    /// Returns how the snapshots in a directory differ from these, in anything and in their number.
    #[must_use]
    pub fn faults(&self, dest: &Path, compare: &Compare) -> Vec<String> {
        let there = fs::read_dir(dest).expect("the destination can be read").count();
        let count = self.snapshots.len();
        if there != count {
            return vec![format!("{there} entries in {}, {count} expected", dest.display())];
        }
        let faults = |(name, tree): &(String, Tree)| faults_of(tree, &dest.join(name), compare);
        in_parallel(&self.snapshots, faults).concat()
    }

    /// Returns how one directory differs from a snapshot, by its number.
    #[must_use]
    pub fn faults_of(&self, number: usize, dest: &Path, compare: &Compare) -> Vec<String> {
        compare.trees(&self.snapshots[number].1, &snapshot_of(dest))
    }
}

/// Returns what is wrong with a received snapshot.
fn faults_of(source: &Tree, dest: &Path, compare: &Compare) -> Vec<String> {
    if !dest.is_dir() {
        return vec![format!("{} is not there", dest.display())];
    }
    if fs::metadata(dest).map(|meta| meta.ino()).ok() != Some(SUBVOLUME) {
        return vec![format!("{} is not a subvolume", dest.display())];
    }
    let show = btrfs::show(dest);
    if !show.is_read_only() || show.get("Received UUID").len() < 36 {
        return vec![format!("{} is writable or was not received", dest.display())];
    }
    let shown = |line: String| format!("{}: {line}", dest.display());
    compare.trees(source, &snapshot_of(dest)).into_iter().map(shown).collect()
}

/// Applies a function to all items, on as many threads as the machine has processors.
fn in_parallel<T: Sync, R: Send>(items: &[T], apply: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (share, apply) = (items.len().div_ceil(threads).max(1), &apply);
    thread::scope(|scope| {
        let part = |part: &[T]| part.iter().map(apply).collect::<Vec<R>>();
        let start = |items| scope.spawn(move || part(items));
        let parts: Vec<_> = items.chunks(share).map(start).collect();
        parts.into_iter().flat_map(|part| part.join().expect("no panic")).collect()
    })
}
