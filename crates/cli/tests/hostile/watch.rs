//! Whether anything changed that a stream has no business with.
//!
//! The hazard is a change that is undone, or that only moves a time: besides the full comparison,
//! inode numbers and change times count, which nobody can set back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use btrsync_testutil::{Compare, Tree, btrfs, snapshot_of};

use crate::arena::Arena;

/// Inode and change time, the latter in seconds and nanoseconds.
type Stamp = (u64, i64, i64);

/// What stands for a nested subvolume in a snapshot; its times are those of whoever looks.
const STUB: u64 = 2;

/// All that surrounds a destination, as it was.
#[derive(Debug)]
pub(crate) struct Watch {
    trees: Vec<(PathBuf, Tree)>,
    stamps: BTreeMap<PathBuf, Stamp>,
    disk: Vec<u8>,
}

impl Watch {
    pub(crate) fn of(arena: &Arena) -> Self {
        let roots = roots(arena);
        let mut stamps = BTreeMap::new();
        roots.iter().for_each(|root| stamp(root, &mut stamps));
        // The destination itself is written in; what it holds is judged by names.
        stamps.remove(&arena.dest());
        let trees = roots.into_iter().map(|root| (root.clone(), snapshot_of(&root))).collect();
        Self { trees, stamps, disk: read_disk(arena) }
    }

    /// Returns what has changed, a line each.
    pub(crate) fn changes(&self, arena: &Arena) -> Vec<String> {
        let now = Self::of(arena);
        let mut changes = self.changes_of_trees(arena, &now);
        changes.extend(changes_of_stamps(&self.stamps, &now.stamps));
        if self.disk != now.disk {
            changes.push("the block device has changed".to_owned());
        }
        changes
    }

    fn changes_of_trees(&self, arena: &Arena, now: &Self) -> Vec<String> {
        let compare = Compare::default().ignore_nested(false).limit(5);
        let mut changes = Vec::new();
        for ((root, before), (_, after)) in self.trees.iter().zip(&now.trees) {
            let lines = compare.trees(before, after).into_iter();
            let own = |line: &String| root == arena.fs.path() && line.starts_with("dest: mtime");
            changes.extend(lines.filter(|l| !own(l)).map(|l| format!("{}: {l}", root.display())));
        }
        changes
    }
}

fn roots(arena: &Arena) -> Vec<PathBuf> {
    let fixed = [arena.fs.path(), arena.other.path(), arena.elsewhere.path()];
    fixed.into_iter().map(Path::to_path_buf).chain(arena.subvolumes()).collect()
}

/// Adds a directory and what is below it, symlinks not followed, on its own filesystem.
fn stamp(path: &Path, stamps: &mut BTreeMap<PathBuf, Stamp>) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    if meta.ino() == STUB {
        return;
    }
    stamps.insert(path.to_path_buf(), (meta.ino(), meta.ctime(), meta.ctime_nsec()));
    if meta.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            stamp(&entry.path(), stamps);
        }
    }
}

fn changes_of_stamps(
    before: &BTreeMap<PathBuf, Stamp>,
    after: &BTreeMap<PathBuf, Stamp>,
) -> Vec<String> {
    let differs = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let changed = before.keys().filter(differs);
    changed.map(|path| format!("{}: touched or replaced", path.display())).collect()
}

fn read_disk(arena: &Arena) -> Vec<u8> {
    // Through the device, for that is where a write would still be on its way to the file.
    let mut bytes = Vec::new();
    File::open(&arena.disk).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Removes what a case was allowed to bring.
pub(crate) fn remove_result(path: &Path) {
    if is_subvolume(path) {
        btrfs::delete(path);
    }
}

/// Whether a subvolume stands there; its root always has the same inode number.
pub(crate) fn is_subvolume(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.ino() == 256)
}
