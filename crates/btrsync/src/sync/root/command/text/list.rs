//! Reads `btrfs subvolume list`: one listing printed in two layouts, which together can be read in one
//! way only.
//!
//! Behind a path and its newline, the default layout goes on with `ID` and the table with a digit, or
//! both end. So where both stand before the same path, what they have in common is that path and its
//! newline, exactly, whatever bytes are in it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::{Cursor, TextError};

const COMMAND: &str = "subvolume list";
const TOP_LEVEL: u64 = 5;
/// What `-a` puts before the path of a subvolume that the one asked for does not hold directly.
const ELSEWHERE: &str = "<FS_TREE>/";
const TABLE_HEAD: &[u8] =
    b"ID\tgen\tcgen\tparent\ttop level\tparent_uuid\treceived_uuid\tuuid\tpath\t\n\
    --\t---\t----\t------\t---------\t-----------\t-------------\t----\t----\t\n";

/// What a listing tells of a subvolume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sync::root) struct Listed {
    /// Its id.
    pub(in crate::sync::root) id: u64,
    /// The last transaction that changed the tree, as of the last commit.
    pub(in crate::sync::root) generation: u64,
    /// The transaction that created it.
    pub(in crate::sync::root) otransid: u64,
    /// The id of the subvolume that holds its directory entry.
    pub(in crate::sync::root) parent_id: u64,
    /// The UUID of the subvolume that it is a snapshot of.
    pub(in crate::sync::root) parent_uuid: Option<Uuid>,
    /// Where it was received: the UUID that the stream gave of its source.
    pub(in crate::sync::root) received_uuid: Option<Uuid>,
    /// Its UUID.
    pub(in crate::sync::root) uuid: Option<Uuid>,
    /// Its path from the top level.
    pub(in crate::sync::root) path: PathBuf,
}

impl Listed {
    /// The path as it is printed where the subvolume `asked` is asked for.
    fn printed(&self, asked: u64) -> Vec<u8> {
        let prefix = if self.parent_id == asked { "" } else { ELSEWHERE };
        [prefix.as_bytes(), self.path.as_os_str().as_bytes()].concat()
    }

    /// What two listings must agree in; a commit in between raises the generation.
    fn marks(&self) -> (u64, u64, u64, [Option<Uuid>; 3]) {
        let uuids = [self.parent_uuid, self.received_uuid, self.uuid];
        (self.id, self.otransid, self.parent_id, uuids)
    }
}

/// Reads all subvolumes but the top level, in order of their ids, from what
/// `btrfs subvolume list -a -p -c -u -q -R PATH` prints, and the same with `-t`.
///
/// `asked` is the id of the subvolume that holds `PATH`: paths are printed by it.
///
/// # Errors
///
/// [`TextError::Line`] and [`TextError::Changed`]. A rename between the two listings can look like
/// either, so asking again is right for both.
pub(in crate::sync::root) fn listing(
    default: &[u8],
    table: &[u8],
    asked: u64,
) -> Result<Vec<Listed>, TextError> {
    let mut default = Cursor::new(COMMAND, default);
    let mut table = Cursor::new(COMMAND, table);
    table.take(TABLE_HEAD)?;
    let mut listed: Vec<Listed> = Vec::new();
    while !default.is_at_end() || !table.is_at_end() {
        let one = both(&mut default, &mut table)?;
        if listed.last().is_some_and(|last| last.id >= one.id) {
            return Err(default.unexpected());
        }
        // Version 4.13.2 lists the top level too, under a name that is none.
        if one.id != TOP_LEVEL {
            listed.push(from_top_level(one, asked)?);
        }
    }
    check_parents(&listed).map(|()| listed)
}

/// Reads which of the listed subvolumes are read-only, from what `btrfs subvolume list` prints with the
/// same options and `-r`.
///
/// # Errors
///
/// As [`listing`].
pub(in crate::sync::root) fn read_only(
    default: &[u8],
    listed: &[Listed],
    asked: u64,
) -> Result<HashSet<u64>, TextError> {
    let known: HashMap<u64, &Listed> = listed.iter().map(|one| (one.id, one)).collect();
    let mut default = Cursor::new(COMMAND, default);
    let mut read_only = HashSet::new();
    while !default.is_at_end() {
        let head = default_head(&mut default)?;
        let same = known.get(&head.id).filter(|one| one.marks() == head.marks());
        let one = same.ok_or(TextError::Changed { id: head.id })?;
        let path = [one.printed(asked).as_slice(), b"\n"].concat();
        default.take(&path).map_err(|_| TextError::Changed { id: head.id })?;
        read_only.insert(head.id);
    }
    Ok(read_only)
}

/// Takes one record of both layouts; its path is as printed.
fn both(default: &mut Cursor<'_>, table: &mut Cursor<'_>) -> Result<Listed, TextError> {
    if default.is_at_end() != table.is_at_end() {
        let left = if table.is_at_end() { default_head(default) } else { table_head(table) };
        return Err(TextError::Changed { id: left?.id });
    }
    let (one, other) = (default_head(default)?, table_head(table)?);
    let path = common_path(default, table).filter(|_| one.marks() == other.marks());
    let path = path.ok_or(TextError::Changed { id: one.id.min(other.id) })?;
    let generation = one.generation.max(other.generation);
    Ok(Listed { generation, path: OsString::from_vec(path).into(), ..one })
}

/// Takes what both layouts have in common: a path and its newline.
fn common_path(default: &mut Cursor<'_>, table: &mut Cursor<'_>) -> Option<Vec<u8>> {
    let pairs = default.rest().iter().zip(table.rest());
    let common = pairs.take_while(|(one, other)| one == other).count();
    table.take_any(common).ok()?;
    let path = default.take_any(common).ok()?.strip_suffix(b"\n")?;
    Some(path.to_vec()).filter(|path| !path.is_empty())
}

fn default_head(text: &mut Cursor<'_>) -> Result<Listed, TextError> {
    let columns: [&[u8]; 5] = [b"ID ", b" gen ", b" cgen ", b" parent ", b" top level "];
    let uuids: [&[u8]; 3] = [b" parent_uuid ", b" received_uuid ", b" uuid "];
    head(text, columns, uuids, b" path ")
}

fn table_head(text: &mut Cursor<'_>) -> Result<Listed, TextError> {
    head(text, [b"", b"\t", b"\t", b"\t", b"\t"], [b"\t\t", b"\t", b"\t"], b"\t")
}

/// Takes the columns before the path, each behind what separates it from the one before.
fn head(
    text: &mut Cursor<'_>,
    numbers: [&[u8]; 5],
    uuids: [&[u8]; 3],
    end: &[u8],
) -> Result<Listed, TextError> {
    let mut number = |before| text.take(before).and_then(|()| text.number());
    let [id, generation, otransid] =
        [number(numbers[0])?, number(numbers[1])?, number(numbers[2])?];
    let (parent_id, top_level) = (number(numbers[3])?, number(numbers[4])?);
    if parent_id != top_level {
        return Err(text.unexpected());
    }
    let mut uuid = |before| text.take(before).and_then(|()| text.uuid());
    let [parent_uuid, received_uuid, uuid] = [uuid(uuids[0])?, uuid(uuids[1])?, uuid(uuids[2])?];
    text.take(end)?;
    let path = PathBuf::new();
    Ok(Listed { id, generation, otransid, parent_id, parent_uuid, received_uuid, uuid, path })
}

/// Turns a path as printed into that from the top level.
fn from_top_level(one: Listed, asked: u64) -> Result<Listed, TextError> {
    if one.parent_id == asked {
        return Ok(one);
    }
    let path = one.path.as_os_str().as_bytes().strip_prefix(ELSEWHERE.as_bytes());
    // Here another subvolume was asked for than is said.
    let path = path.ok_or(TextError::Changed { id: one.id })?;
    Ok(Listed { path: OsString::from_vec(path.to_vec()).into(), ..one })
}

/// Fails unless each path begins with that of the subvolume that holds it.
fn check_parents(listed: &[Listed]) -> Result<(), TextError> {
    let paths: HashMap<u64, &Path> =
        listed.iter().map(|one| (one.id, one.path.as_path())).collect();
    let is_below_parent = |one: &&Listed| match paths.get(&one.parent_id) {
        Some(parent) => one.path.starts_with(parent) && one.path != *parent,
        None => one.parent_id == TOP_LEVEL,
    };
    match listed.iter().find(|one| !is_below_parent(one)) {
        Some(one) => Err(TextError::Changed { id: one.id }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
