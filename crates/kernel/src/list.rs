//! Lists the subvolumes of a filesystem in one pass over the root tree.
//!
//! The listing is not a snapshot of the filesystem: a subvolume that is deleted or moved while it
//! runs may be missing from it. What is listed always has a path; what waits for the cleaner is hidden.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::fstat;

use crate::error::{Error, Operation, Result};
use crate::info::info;
use crate::names::Directories;
use crate::raw::{RootItem, RootRef};
use crate::search::{Key, search};
use crate::subvolume::{FIRST_SUBVOLUME, Info, Subvolume, TOP_LEVEL};

const ROOT_TREE: u64 = 1;
const ROOT_ITEM: u32 = 132;
const ROOT_BACKREF: u32 = 144;
/// Ids from here on are the kernel's own trees, counted down from the largest.
const LAST_SUBVOLUME: u64 = u64::MAX - 256;

/// What one pass finds of a subvolume.
struct Record {
    info: Info,
    name: Vec<u8>,
}

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
    let records = records(&fd, TOP_LEVEL, LAST_SUBVOLUME)?;
    let paths = Paths::new(&fd, &records).all()?;
    let with_path = |(record, path): (Record, Option<PathBuf>)| {
        Some(Subvolume { info: record.info, path: path? })
    };
    Ok(records.into_iter().zip(paths).filter_map(with_path).collect())
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
    let record = records(&fd, id, id)?.pop();
    Ok(record.map(|record| Subvolume { info: record.info, path }))
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
    let mut chain: Vec<Record> = Vec::new();
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
    let mut paths = Paths::new(&fd, &chain).all()?;
    Ok(place(&chain, id).ok().and_then(|at| paths.swap_remove(at)))
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
    Ok(Directories::new(&fd).path(subvolume, inode)?.map(Path::to_path_buf))
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

/// Reads the records of the subvolumes with ids from `first` to `last`, in their order.
fn records(fd: impl AsFd, first: u64, last: u64) -> Result<Vec<Record>> {
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

fn add_item(records: &mut Vec<Record>, key: Key, item: &[u8]) {
    let item = RootItem::new(item);
    if item.is_deleted() {
        return;
    }
    let record = Record { info: item.info(key.object), name: Vec::new() };
    // One of a damaged tree can have several, of which the last counts.
    match records.last_mut().filter(|last| last.info.id == key.object) {
        Some(last) => *last = record,
        None => records.push(record),
    }
}

/// Notes where a subvolume stands. In the tree that follows the subvolume itself.
fn add_reference(records: &mut [Record], key: Key, item: &[u8]) {
    let record = records.last_mut().filter(|last| last.info.id == key.object);
    if let (Some(record), Some(found)) = (record, RootRef::parse(item)) {
        record.info.parent_id = Some(key.offset);
        record.info.directory = found.directory;
        record.name = found.name.to_vec();
    }
}

/// Where the subvolume with an id is among records in the order of their ids.
fn place(records: &[Record], id: u64) -> std::result::Result<usize, usize> {
    records.binary_search_by_key(&id, |record| record.info.id)
}

/// Puts paths together from the records: that of the parent, the directory in it, the name.
struct Paths<'a, Fd> {
    records: &'a [Record],
    directories: Directories<&'a Fd>,
    /// By record; `None` where it is not known yet, or that there is none.
    known: Vec<Option<Option<PathBuf>>>,
}

impl<'a, Fd: AsFd> Paths<'a, Fd> {
    fn new(fd: &'a Fd, records: &'a [Record]) -> Self {
        let top = |record: &Record| (record.info.id == TOP_LEVEL).then(|| Some(PathBuf::new()));
        let known = records.iter().map(top).collect();
        Self { records, directories: Directories::new(fd), known }
    }

    /// Returns the paths of all subvolumes, `None` for one that is gone or whose holder is.
    fn all(mut self) -> Result<Vec<Option<PathBuf>>> {
        (0..self.records.len()).try_for_each(|at| self.resolve(at))?;
        Ok(self.known.into_iter().map(Option::flatten).collect())
    }

    /// Makes the path of a subvolume known, and those of all that hold it.
    fn resolve(&mut self, at: usize) -> Result<()> {
        for at in self.unknown_above(at).into_iter().rev() {
            let path = self.below_parent(at)?;
            self.known[at] = Some(path);
        }
        Ok(())
    }

    /// The subvolume and those that hold it, innermost first, as far as their paths are not known.
    fn unknown_above(&self, at: usize) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut next = Some(at);
        while let Some(at) = next.filter(|at| self.known[*at].is_none()) {
            if chain.len() > self.records.len() {
                break;
            }
            chain.push(at);
            next = self.parent(at);
        }
        chain
    }

    fn parent(&self, at: usize) -> Option<usize> {
        place(self.records, self.records[at].info.parent_id?).ok()
    }

    /// Builds the path of a subvolume whose parent's path is known.
    fn below_parent(&mut self, at: usize) -> Result<Option<PathBuf>> {
        let Some(parent) = self.parent(at) else { return Ok(None) };
        let Some(Some(above)) = &self.known[parent] else { return Ok(None) };
        let record = &self.records[at];
        let holder = self.records[parent].info.id;
        let directory = self.directories.path(holder, record.info.directory)?;
        Ok(directory
            .map(|directory| joined([path_bytes(above), path_bytes(directory), &record.name])))
    }
}

fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Joins what is not empty of the parts of a path.
fn joined(parts: [&[u8]; 3]) -> PathBuf {
    let mut path = Vec::with_capacity(parts.map(<[u8]>::len).iter().sum::<usize>() + parts.len());
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(part);
    }
    PathBuf::from(OsString::from_vec(path))
}
