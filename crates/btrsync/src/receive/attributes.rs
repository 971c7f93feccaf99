//! The flags of a file that chattr(1) sets.

use super::apply_error::{Applied, ApplyError};
use super::tree::Tree;

/// Sets the flags of an inode, as they stand in its item on disk.
pub(super) fn set_flags(tree: &mut Tree, path: &[u8], flags: u64) -> Applied<()> {
    let _ = (tree.node(path)?, flags);
    Err(ApplyError::Unsupported("fileattr"))
}
