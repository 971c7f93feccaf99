//! Digests subvolumes of a local root.
//!
//! What is read takes a while, and a subvolume that is changed meanwhile would get a digest of a state
//! that it never had. So it must be read-only before and unchanged after.

use super::super::error::RootError;
use super::Shared;
use super::send::{info, open_vol, same};
use crate::Cancel;
use crate::btrfs::Subvolume;
use crate::verify::{DigestOptions, Tree};

/// Digests a subvolume that was listed.
pub(super) fn digest(
    shared: &Shared,
    vol: &Subvolume,
    options: DigestOptions,
    cancel: &Cancel,
) -> Result<Tree, RootError> {
    let path = shared.path.join(&vol.path);
    let dir = open_vol(shared, vol)?;
    let tree = Tree::read(&dir, &path, options, cancel)?;
    same(vol, &info(&dir, &path)?, path)?;
    Ok(tree)
}
