//! Lists the subvolumes of a filesystem in one pass over the root tree.
//!
//! The listing is not a snapshot of the filesystem: a subvolume that is deleted or moved while it
//! runs may be missing from it. What is listed always has a path; what waits for the cleaner is hidden.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::fstat;

use crate::error::{Error, Operation, Result};
use crate::info::info;
use crate::names;
use crate::raw::{RootItem, RootRef};
use crate::search::{Key, search};
use crate::subvolume::{FIRST_SUBVOLUME, Subvolume, TOP_LEVEL};

const ROOT_TREE: u64 = 1;
const ROOT_ITEM: u32 = 132;
const ROOT_BACKREF: u32 = 144;
/// Ids from here on are the kernel's own trees, counted down from the largest.
const LAST_SUBVOLUME: u64 = u64::MAX - 256;

/// Returns all subvolumes of the filesystem that `fd` is on, in id order, the top level first.
///
/// Paths are from the top level, wherever the filesystem is mounted and whichever of its subvolumes
/// is. Generations and times are those of the last commit: of a writable subvolume they can be older
/// than what [`info`](crate::info) tells, until a [`sync`](crate::sync). Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// [`Error::Call`](crate::Error::Call): `EPERM` without the capability, `ENOTTY` where `fd` is not on btrfs.
pub fn list(fd: impl AsFd) -> Result<Vec<Subvolume>> {
    let mut found = records(&fd, TOP_LEVEL, LAST_SUBVOLUME)?;
    let placed = Paths::new(&fd, &mut found).all()?;
    let mut placed = placed.into_iter();
    found.retain(|_| placed.next() == Some(true));
    Ok(found)
}

/// Returns the subvolume with the given id, or `None` where there is none (any more).
///
/// Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// As [`list`].
pub fn find(fd: impl AsFd, id: u64) -> Result<Option<Subvolume>> {
    let Some(path) = path_of(&fd, id)? else { return Ok(None) };
    let found = records(&fd, id, id)?.pop();
    Ok(found.map(|found| Subvolume { path, ..found }))
}

/// Returns the path from the top level of the subvolume with the given id, or `None` where there is
/// none (any more).
///
/// Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// As [`list`].
pub fn path_of(fd: impl AsFd, id: u64) -> Result<Option<PathBuf>> {
    let mut chain: Vec<Subvolume> = Vec::new();
    let mut next = Some(id);
    while let Some(id) = next {
        let at = match place(&chain, id) {
            Ok(_) => break,
            Err(at) => at,
        };
        let Some(record) = records(&fd, id, id)?.pop() else { return Ok(None) };
        next = record.info.parent_id;
        chain.insert(at, record);
    }
    let placed = Paths::new(&fd, &mut chain).all()?;
    let at = place(&chain, id).ok().filter(|at| placed[*at]);
    Ok(at.map(|at| chain.swap_remove(at).path))
}

/// Returns the path from the top level of a directory, or `None` where it is gone.
///
/// Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// As [`list`].
pub fn directory_path(fd: impl AsFd) -> Result<Option<PathBuf>> {
    let stat = fstat(&fd).map_err(|e| Error::call(Operation("fstat"), e))?;
    let Some(above) = path_of(&fd, info(&fd)?.id)? else { return Ok(None) };
    Ok(inode_path(&fd, stat.st_ino)?.map(|inside| above.join(inside)))
}

/// Returns the path of an inode from the root of the subvolume that `fd` is in, or `None` where it is
/// gone; one of the paths, where it has several links.
///
/// Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// As [`list`].
pub fn inode_path(fd: impl AsFd, inode: u64) -> Result<Option<PathBuf>> {
    let subvolume = info(&fd)?.id;
    names::path(&fd, subvolume, inode)
}

/// Returns how many deleted subvolumes still wait for the cleaner to give their space back.
///
/// Needs `CAP_SYS_ADMIN`.
///
/// # Errors
///
/// As [`list`].
pub fn waiting_for_cleaner(fd: impl AsFd) -> Result<usize> {
    let (first, last) = whole(FIRST_SUBVOLUME, LAST_SUBVOLUME);
    let mut count = 0;
    search(fd, ROOT_TREE, first, last, |key, item| {
        let is_root = key.kind == ROOT_ITEM && is_subvolume(key.object);
        count += usize::from(is_root && RootItem::new(item).is_deleted());
        Ok(())
    })?;
    Ok(count)
}

/// The range of what there is of the subvolumes with ids from `first` to `last`.
fn whole(first: u64, last: u64) -> (Key, Key) {
    (Key::new(first, ROOT_ITEM, 0), Key::new(last, ROOT_BACKREF, u64::MAX))
}

/// Reads the records of the subvolumes with ids from `first` to `last`, in their order; their paths are left
/// empty.
fn records(fd: impl AsFd, first: u64, last: u64) -> Result<Vec<Subvolume>> {
    let mut records = Vec::new();
    let (first, last) = whole(first, last);
    search(fd, ROOT_TREE, first, last, |key, item| {
        match key.kind {
            ROOT_ITEM if is_subvolume(key.object) => add_item(&mut records, key, item),
            ROOT_BACKREF => add_reference(&mut records, key, item),
            _ => {}
        }
        Ok(())
    })?;
    Ok(records)
}

fn is_subvolume(id: u64) -> bool {
    id == TOP_LEVEL || (FIRST_SUBVOLUME..=LAST_SUBVOLUME).contains(&id)
}

fn add_item(records: &mut Vec<Subvolume>, key: Key, item: &[u8]) {
    let item = RootItem::new(item);
    if item.is_deleted() {
        return;
    }
    let (name, path) = Default::default();
    let record = Subvolume { info: item.info(key.object), name, path };
    // One of a damaged tree can have several, of which the last counts.
    match records.last_mut().filter(|last| last.info.id == key.object) {
        Some(last) => *last = record,
        None => records.push(record),
    }
}

/// Notes where a subvolume stands. In the tree that follows the subvolume itself.
fn add_reference(records: &mut [Subvolume], key: Key, item: &[u8]) {
    let record = records.last_mut().filter(|last| last.info.id == key.object);
    if let (Some(record), Some(found)) = (record, RootRef::parse(item)) {
        record.info.parent_id = Some(key.offset);
        record.info.directory = found.directory;
        record.name = OsStr::from_bytes(found.name).to_os_string();
    }
}

/// Where the subvolume with an id is among others in the order of their ids.
fn place(all: &[Subvolume], id: u64) -> std::result::Result<usize, usize> {
    all.binary_search_by_key(&id, |vol| vol.info.id)
}

/// Puts paths together: that of the directory that holds a subvolume, and its name.
struct Paths<'a, Fd> {
    fd: &'a Fd,
    all: &'a mut [Subvolume],
    /// Of each, whether it has a path; `None` where that is not known yet.
    placed: Vec<Option<bool>>,
    /// By subvolume and inode, the paths of directories, in which there are many subvolumes; `None` for one
    /// that is gone.
    directories: HashMap<(u64, u64), Option<PathBuf>>,
}

impl<'a, Fd: AsFd> Paths<'a, Fd> {
    fn new(fd: &'a Fd, all: &'a mut [Subvolume]) -> Self {
        let placed = all.iter().map(|vol| (vol.info.id == TOP_LEVEL).then_some(true)).collect();
        Self { fd, all, placed, directories: HashMap::new() }
    }

    /// Fills in all paths; returns of each subvolume whether it has one: it or its holder may be gone.
    fn all(mut self) -> Result<Vec<bool>> {
        (0..self.all.len()).try_for_each(|at| self.resolve(at))?;
        Ok(self.placed.into_iter().map(|placed| placed == Some(true)).collect())
    }

    /// Fills in the path of a subvolume, and those of all that hold it.
    fn resolve(&mut self, at: usize) -> Result<()> {
        for at in self.unknown_above(at).into_iter().rev() {
            if let Some(key) = directory(&self.all[at]) {
                let path = self.look_up(key)?;
                self.directories.insert(key, path);
            }
            if !self.enter(at) {
                self.placed[at] = Some(false);
            }
        }
        Ok(())
    }

    /// The subvolume and those that hold it, innermost first, up to one that stands in a known directory.
    fn unknown_above(&mut self, at: usize) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut next = Some(at);
        while let Some(at) = next.filter(|at| self.placed[*at].is_none() && !self.enter(*at)) {
            if chain.len() > self.all.len() {
                break;
            }
            chain.push(at);
            next = self.all[at].info.parent_id.and_then(|holder| place(self.all, holder).ok());
        }
        chain
    }

    /// Fills in the path of a subvolume, if the directory that it stands in is known.
    fn enter(&mut self, at: usize) -> bool {
        let vol = &mut self.all[at];
        let known = directory(vol).and_then(|key| self.directories.get(&key));
        if let Some(above) = known {
            self.placed[at] = Some(above.is_some());
            vol.path = above.as_ref().map(|above| joined(above, &vol.name)).unwrap_or_default();
        }
        known.is_some()
    }

    /// Returns the path of a directory in a subvolume whose path is known.
    fn look_up(&self, (holder, inode): (u64, u64)) -> Result<Option<PathBuf>> {
        let placed = |at: &usize| self.placed[*at] == Some(true);
        let Some(at) = place(self.all, holder).ok().filter(placed) else { return Ok(None) };
        let inside = names::path(self.fd, holder, inode)?;
        Ok(inside.map(|inside| joined(&self.all[at].path, inside.as_os_str())))
    }
}

/// Where a subvolume stands: in which other one, in which of its directories.
fn directory(vol: &Subvolume) -> Option<(u64, u64)> {
    Some((vol.info.parent_id?, vol.info.directory))
}

/// Joins two parts of a path, of which any can be empty.
fn joined(above: &Path, below: &OsStr) -> PathBuf {
    let mut path = OsString::with_capacity(above.as_os_str().len() + 1 + below.len());
    path.push(above);
    if !path.is_empty() && !below.is_empty() {
        path.push("/");
    }
    path.push(below);
    PathBuf::from(path)
}
