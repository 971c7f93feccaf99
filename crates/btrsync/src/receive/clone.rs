//! Shares extents with another file: of the subvolume itself, its parent, or another that it was
//! allowed to clone from.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use btrsync_kernel as kernel;
use rustix::io::Errno;

use super::apply_error::{Applied, ApplyError, Told};
use super::confine::look;
use super::tree::Tree;

/// How much is copied at a time where extents cannot be shared.
const PIECE: u64 = 256 << 10;

/// Where data is cloned from, and how much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) offset: u64,
    pub(super) from: u64,
    pub(super) length: u64,
}

/// Shares a range of an open file with the file at a path.
pub(super) fn share(tree: &mut Tree, path: &[u8], source: &File, range: Range) -> Applied<()> {
    let target = Rc::clone(&tree.writable(path)?);
    let size = look(source).told("look at the clone source")?.size;
    // The kernel takes a length of 0 for "to the end".
    if range.length == 0 || range.from.checked_add(range.length).is_none_or(|end| end > size) {
        return Err(ApplyError::Value { what: "the length of the clone", value: range.length });
    }
    let Range { offset, from, length } = range;
    match kernel::clone_range(&target.file, offset, source, from, length) {
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
            copy(source, &target.file, range)
        }
        other => other.map_err(ApplyError::from),
    }
}

/// Copies what cannot be shared: one of the files has checksums and the other has none, or the sectors
/// are larger here.
fn copy(source: &File, target: &File, range: Range) -> Applied<()> {
    let mut buffer = vec![0; PIECE.min(range.length) as usize];
    let mut done = 0;
    while done < range.length {
        let piece = &mut buffer[..PIECE.min(range.length - done) as usize];
        source.read_exact_at(piece, range.from + done).told("read the clone source")?;
        target.write_all_at(piece, range.offset + done).told("write")?;
        done += piece.len() as u64;
    }
    Ok(())
}
