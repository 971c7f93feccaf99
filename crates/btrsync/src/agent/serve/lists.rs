//! What is answered from what there is: listings, and what stands where.

use super::super::channel::Channel;
use super::super::message::Answer;
use super::super::value::{Bytes, Vol};
use super::{Answered, say, wait};
use crate::sync::root::BtrfsRoot;

/// How much of a listing goes into one message, in bytes of names and what stands beside them.
const PIECE: usize = 256 * 1024;

/// About what a subvolume takes beside its names.
const EACH: usize = 400;

pub(super) fn list(channel: &Channel, root: &dyn BtrfsRoot) -> Answered<()> {
    let forest = wait(root.list())?;
    let (mut piece, mut size) = (Vec::new(), 0);
    for (vol, is_shown) in forest.everything() {
        size += EACH + vol.path.as_os_str().len() + vol.name.len();
        piece.push(Vol::from(vol).left_out(!is_shown));
        if size > PIECE {
            say(channel, &Answer::Vols(std::mem::take(&mut piece)))?;
            size = 0;
        }
    }
    say(channel, &Answer::Vols(piece))?;
    say(channel, &Answer::Done)
}

pub(super) fn show(channel: &Channel, root: &dyn BtrfsRoot, path: Bytes) -> Answered<()> {
    let vol = wait(root.show(&path.into_path()))?;
    say(channel, &Answer::Vol(Vol::from(&vol)))
}

/// How many parts are told of; a directory has one for each transfer that was interrupted.
const PARTS: usize = 4096;

pub(super) fn partial(channel: &Channel, root: &dyn BtrfsRoot, path: Bytes) -> Answered<()> {
    let parts = wait(root.partial(&path.into_path()))?;
    say(channel, &Answer::Partial(parts.iter().take(PARTS).map(Into::into).collect()))
}

pub(super) fn occupied(channel: &Channel, root: &dyn BtrfsRoot, paths: Vec<Bytes>) -> Answered<()> {
    let paths: Vec<_> = paths.into_iter().map(Bytes::into_path).collect();
    let taken = wait(root.occupied(&paths))?;
    say(channel, &Answer::Paths(taken.into_iter().map(Bytes::of).collect()))
}
