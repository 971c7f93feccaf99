//! Digests subvolumes of a local root.
//!
//! What is read takes a while, and a subvolume that is changed meanwhile would get a digest of a state
//! that it never had. So it must be read-only before and unchanged after.

use rustix::fs::syncfs;

use super::super::error::RootError;
use super::Shared;
use super::send::{info, open_vol, same};
use crate::btrfs::Subvolume;
use crate::receive::{self, Directory, StreamMeta};
use crate::verify::{DigestOptions, Digests, Tree, VerifyError};
use crate::{Cancel, Flow};

/// Digests a subvolume that was listed.
pub(super) fn digest(
    shared: &Shared,
    vol: &Subvolume,
    options: DigestOptions,
    cancel: &Cancel,
) -> Result<Tree, RootError> {
    let path = shared.path.join(&vol.path);
    // What counts is what is there now, also where that is newer than the list.
    let vol = Subvolume { ctransid: None, ..vol.clone() };
    let dir = open_vol(shared, &vol)?;
    // What is still to be written could not be read from the disk, and would change the subvolume later.
    syncfs(&dir).map_err(|error| VerifyError::Read {
        what: "write out",
        path: path.clone(),
        source: error.into(),
    })?;
    let vol = Subvolume { ctransid: Some(info(&dir, &path)?.ctransid), ..vol };
    let tree = Tree::read(&dir, &path, options, cancel)?;
    same(&vol, &info(&dir, &path)?, path)?;
    Ok(tree)
}

/// Digests what the stream of one subvolume makes, and deletes it.
pub(super) fn replay(
    flow: Flow,
    into: &Directory,
    meta: &StreamMeta,
    options: DigestOptions,
    cancel: &Cancel,
) -> Result<Box<dyn Digests>, RootError> {
    let made = receive::rehearse(flow, into, meta)?;
    let missing = || receive::ReceiveError::TooFew { received: 0, announced: 1 };
    let made = made.first().ok_or_else(missing)?;
    Ok(Box::new(Tree::read(&made.root, &made.path, options, cancel)?))
}
