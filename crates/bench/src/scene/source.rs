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
    snapshots: Vec<Snapshot>,
}

/// The name of a snapshot, and what is in it where that is compared.
type Snapshot = (String, Option<Tree>);

impl Source {
    /// Takes the snapshots named, which lie in a directory named relative to the filesystem's root.
    #[must_use]
    pub fn new(fs: LoopFs, dir: &str, names: &[String]) -> Self {
        Self::of_chain(fs, dir, names, 1)
    }

    /// As [`Source::new`], but compares only every so many of them with what was received, and the last.
    ///
    /// For chains: each is built on the one before, so what is wrong in one is wrong in those after it.
    #[must_use]
    pub fn of_chain(fs: LoopFs, dir: &str, names: &[String], step: usize) -> Self {
        btrfs::sync(fs.path());
        let at = fs.path().join(dir);
        let read = |(number, name): &(usize, &String)| {
            let compared = number % step == 0 || number + 1 == names.len();
            ((*name).clone(), compared.then(|| snapshot_of(&at.join(name))))
        };
        let snapshots = in_parallel(&names.iter().enumerate().collect::<Vec<_>>(), read);
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
        let faults = |(name, tree): &Snapshot| faults_of(tree.as_ref(), &dest.join(name), compare);
        in_parallel(&self.snapshots, faults).concat()
    }

    /// Returns what is wrong with a snapshot that was received under this path, by its number.
    #[must_use]
    pub fn faults_received(&self, number: usize, dest: &Path, compare: &Compare) -> Vec<String> {
        faults_of(self.snapshots[number].1.as_ref(), dest, compare)
    }

    /// Returns how a directory that was not received differs from a snapshot, by its number.
    #[must_use]
    pub fn faults_of(&self, number: usize, dest: &Path, compare: &Compare) -> Vec<String> {
        let tree = self.snapshots[number].1.as_ref().expect("one that is compared");
        compare.trees(tree, &snapshot_of(dest))
    }
}

/// Returns what is wrong with a received snapshot.
fn faults_of(source: Option<&Tree>, dest: &Path, compare: &Compare) -> Vec<String> {
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
    let faults = source.map(|source| compare.trees(source, &snapshot_of(dest)));
    faults.into_iter().flatten().map(shown).collect()
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
