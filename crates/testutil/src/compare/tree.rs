//! A whole tree in memory, by path, and the comparison of two.
//!
//! The hazards are depth and noise: a tree deeper than the stack or than `PATH_MAX` is walked with a
//! list of what is still to do, and a missing directory is one difference, not one per descendant.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Result;

use super::Compare;
use super::node::{Device, Kind, Node, device};
use super::report::{Report, shown};
use crate::below::{DIRECTORY, entries, join, open_below, parent_and_name};
use crate::must::must;

/// All entries of one subvolume or directory; nested subvolumes are listed but not entered.
#[derive(Clone, Debug)]
pub struct Tree {
    /// By path relative to the root, whose own path is empty.
    nodes: BTreeMap<Vec<u8>, Node>,
}

impl Tree {
    /// Reads everything at and below a directory; panics where that fails.
    #[track_caller]
    pub(super) fn read(root: &Path) -> Self {
        let fd = must("open", root, open(root, DIRECTORY | OFlags::CLOEXEC, Mode::empty()));
        let mut tree = Self { nodes: BTreeMap::new() };
        must("read the tree", root, tree.walk(&fd));
        tree
    }

    /// Returns how many entries there are, the root included.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.nodes.len()
    }

    /// Iterates over the paths of all entries, relative to the root, whose own path is empty.
    pub fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.nodes.keys().map(Vec::as_slice)
    }

    fn walk(&mut self, root: &OwnedFd) -> std::result::Result<(), String> {
        let at = |path: &[u8], error| format!("{}: {error}", shown(path));
        let home = device(root).map_err(|error| at(b"", error))?;
        let node = Node::read(root, b".", home).map_err(|error| at(b"", error))?;
        self.nodes.insert(Vec::new(), node);
        let mut todo = vec![Vec::new()];
        while let Some(path) = todo.pop() {
            let children = self.read_children(root, &path, home);
            todo.extend(children.map_err(|error| at(&path, error))?);
        }
        Ok(())
    }

    /// Adds the entries of one directory and returns the directories among them.
    fn read_children(&mut self, root: &OwnedFd, path: &[u8], home: Device) -> Result<Vec<Vec<u8>>> {
        let dir = open_below(root, path)?;
        let mut directories = Vec::new();
        for (name, _) in entries(&dir)? {
            let node = Node::read(&dir, &name, home)?;
            let child = join(path, &name);
            if matches!(node.kind, Kind::Directory) {
                directories.push(child.clone());
            }
            self.nodes.insert(child, node);
        }
        Ok(directories)
    }

    fn has_directory(&self, path: &[u8]) -> bool {
        self.nodes.get(path).is_some_and(|node| matches!(node.kind, Kind::Directory))
    }
}

/// Reports how `dest` differs from `source`.
pub(super) fn compare(choice: &Compare, source: &Tree, dest: &Tree, report: &mut Report) {
    let ignored = |node: &Node| choice.ignore_nested && matches!(node.kind, Kind::Nested);
    for (path, node) in source.nodes.iter().filter(|(_, node)| !ignored(node)) {
        match dest.nodes.get(path) {
            Some(other) => node.compare(other, path, choice, report),
            None if dest.has_directory(parent_and_name(path).0) => {
                report.add(path, "missing in dest");
            }
            None => {}
        }
    }
    let known = |path: &[u8], node: &Node| match source.nodes.get(path) {
        Some(other) => !ignored(other) || ignored(node),
        None => false,
    };
    for (path, node) in &dest.nodes {
        if !known(path, node) && source.has_directory(parent_and_name(path).0) {
            report.add(path, "extra in dest");
        }
    }
    compare_links(source, dest, report);
}

/// Reports paths that share an inode with other paths in one tree than in the other.
fn compare_links(source: &Tree, dest: &Tree, report: &mut Report) {
    let (mut firsts_source, mut firsts_dest) = (HashMap::new(), HashMap::new());
    for (path, node) in &source.nodes {
        let Some(other) = dest.nodes.get(path).filter(|other| !other.kind.is_directory()) else {
            continue;
        };
        if !node.kind.is_directory() {
            let a = *firsts_source.entry(node.inode).or_insert(path);
            let b = *firsts_dest.entry(other.inode).or_insert(path);
            report.check(path, "hard link of", &shown(a), &shown(b));
        }
    }
}
