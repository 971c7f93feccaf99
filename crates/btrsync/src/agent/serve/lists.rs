//! What is answered from what there is: listings, and what stands where.

use super::super::channel::Channel;
use super::super::message::Answer;
use super::super::value::{Bytes, Vol};
use super::fence::Fenced;
use super::{Answered, say, wait};

/// How much of a listing goes into one message, in bytes of names and what stands beside them.
const PIECE: usize = 256 * 1024;

/// About what a subvolume takes beside its names.
const EACH: usize = 400;

pub(super) fn list(channel: &Channel, root: &Fenced) -> Answered<()> {
    let forest = wait(root.root.list())?;
    let (mut piece, mut size) = (Vec::new(), 0);
    for (vol, is_shown) in forest.everything() {
        if !root.shows(vol) {
            continue;
        }
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

pub(super) fn show(channel: &Channel, root: &Fenced, path: Bytes) -> Answered<()> {
    let path = path.into_path();
    root.path(&path)?;
    let vol = wait(root.root.show(&path))?;
    // The subvolume that holds the directory of a fence may be outside of it.
    root.path(&vol.path)?;
    say(channel, &Answer::Vol(Vol::from(&vol)))
}

/// How many parts are told of; a directory has one for each transfer that was interrupted.
const PARTS: usize = 4096;

pub(super) fn partial(channel: &Channel, root: &Fenced, path: Bytes) -> Answered<()> {
    let path = path.into_path();
    root.path(&path)?;
    let parts = wait(root.root.partial(&path))?;
    say(channel, &Answer::Partial(parts.iter().take(PARTS).map(Into::into).collect()))
}

pub(super) fn occupied(channel: &Channel, root: &Fenced, paths: Vec<Bytes>) -> Answered<()> {
    let paths: Vec<_> = paths.into_iter().map(Bytes::into_path).collect();
    paths.iter().try_for_each(|path| root.path(path))?;
    let taken = wait(root.root.occupied(&paths))?;
    say(channel, &Answer::Paths(taken.into_iter().map(Bytes::of).collect()))
}
