//! Lists the subvolumes of a filesystem in one pass over the root tree.
//!
//! The listing is not a snapshot of the filesystem: a subvolume that is deleted or moved while it
//! runs may be missing from it. What is listed always has a path; what waits for the cleaner is hidden.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
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
    let mut paths = Paths::new(&fd, &records).all()?;
    let with_path = |(id, record): (u64, Record)| {
        Some(Subvolume { info: record.info, path: paths.remove(&id)?? })
    };
    Ok(records.into_iter().filter_map(with_path).collect())
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
    let record = records(&fd, id, id)?.remove(&id);
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
    let mut chain = BTreeMap::new();
    let mut next = Some(id);
    while let Some(id) = next.filter(|id| !chain.contains_key(id)) {
        let Some(record) = records(&fd, id, id)?.remove(&id) else { return Ok(None) };
        next = record.info.parent_id;
        chain.insert(id, record);
    }
    Ok(Paths::new(&fd, &chain).all()?.remove(&id).flatten())
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

/// Reads the records of the subvolumes with ids from `first` to `last`.
fn records(fd: impl AsFd, first: u64, last: u64) -> Result<BTreeMap<u64, Record>> {
    let mut records = BTreeMap::new();
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

fn add_item(records: &mut BTreeMap<u64, Record>, key: Key, item: &[u8]) {
    let item = RootItem::new(item);
    if !item.is_deleted() {
        records.insert(key.object, Record { info: item.info(key.object), name: Vec::new() });
    }
}

fn add_reference(records: &mut BTreeMap<u64, Record>, key: Key, item: &[u8]) {
    if let (Some(record), Some(found)) = (records.get_mut(&key.object), RootRef::parse(item)) {
        record.info.parent_id = Some(key.offset);
        record.info.directory = found.directory;
        record.name = found.name.to_vec();
    }
}

/// Puts paths together from the records: that of the parent, the directory in it, the name.
struct Paths<'a, Fd> {
    records: &'a BTreeMap<u64, Record>,
    directories: Directories<&'a Fd>,
    known: HashMap<u64, Option<PathBuf>>,
}

impl<'a, Fd: AsFd> Paths<'a, Fd> {
    fn new(fd: &'a Fd, records: &'a BTreeMap<u64, Record>) -> Self {
        let known = HashMap::from([(TOP_LEVEL, Some(PathBuf::new()))]);
        Self { records, directories: Directories::new(fd), known }
    }

    /// Returns the paths of all subvolumes, `None` for one that is gone or whose holder is.
    fn all(mut self) -> Result<HashMap<u64, Option<PathBuf>>> {
        self.records.keys().try_for_each(|id| self.resolve(*id))?;
        Ok(self.known)
    }

    /// Makes the path of a subvolume known, and those of all that hold it.
    fn resolve(&mut self, id: u64) -> Result<()> {
        for id in self.unknown_above(id).into_iter().rev() {
            let path = self.below_parent(id)?;
            self.known.insert(id, path);
        }
        Ok(())
    }

    /// The subvolume and those that hold it, innermost first, as far as their paths are not known.
    fn unknown_above(&self, id: u64) -> Vec<u64> {
        let mut chain = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next.filter(|id| !self.known.contains_key(id)) {
            if chain.len() > self.records.len() {
                break;
            }
            chain.push(id);
            next = self.records.get(&id).and_then(|record| record.info.parent_id);
        }
        chain
    }

    /// Builds the path of a subvolume whose parent's path is known.
    fn below_parent(&mut self, id: u64) -> Result<Option<PathBuf>> {
        let Some(record) = self.records.get(&id) else { return Ok(None) };
        let Some(parent) = record.info.parent_id else { return Ok(None) };
        let Some(Some(above)) = self.known.get(&parent) else { return Ok(None) };
        let directory = self.directories.path(parent, record.info.directory)?;
        let name = Path::new(OsStr::from_bytes(&record.name));
        Ok(directory.map(|directory| [above.as_path(), directory, name].into_iter().collect()))
    }
}
