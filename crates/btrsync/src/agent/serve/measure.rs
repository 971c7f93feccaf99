//! What is measured before anything is sent, and what interrupted runs have left.

use std::sync::Arc;

use super::super::channel::{Channel, Item};
use super::super::message::Answer;
use super::super::value::{Bytes, Left, vols};
use super::fence::Fenced;
use super::streams::Wanted;
use super::{Answered, say, wait};
use crate::btrfs::Subvolume;
use crate::sync::root::{Leftover, RootError, SendRequest};
use crate::thread;

/// How many leftovers go into one message.
const PIECE: usize = 64;

/// Measures a send, until the other side has enough of it.
pub(super) fn estimate(channel: &Arc<Channel>, root: &Fenced, wanted: Wanted) -> Answered<()> {
    let (sent, clones) = (vols(wanted.vols)?, vols(wanted.clones)?);
    let parent = wanted.parent.map(Subvolume::try_from).transpose()?;
    root.vols(sent.iter().chain(&parent).chain(&clones))?;
    let failed = |what| move |source| RootError::System { what, source };
    let enough = channel.gone().child().map_err(failed("start to measure"))?;
    let (asked, stop) = (Arc::clone(channel), enough.clone());
    let watch = thread::run(move || {
        // Whatever comes, and also where nothing does any more.
        if matches!(asked.next(&stop), Ok(Item::Message(_))) {
            stop.cancel();
        }
    });
    let watch = watch.map_err(failed("start a thread"))?;
    let request = SendRequest {
        vols: &sent,
        parent: parent.as_ref(),
        clones: &clones,
        skip: &[],
        form: wanted.form.into(),
        at_hand: false,
        cancel: &enough,
    };
    let measured = wait(async { Ok(root.root.estimate(request).await) })?;
    enough.cancel();
    // It is over with the switch, and has nothing to tell.
    let _ = wait(async { Ok(watch.await) });
    say(channel, &Answer::Measured(measured.map(Into::into)))
}

pub(super) fn space(channel: &Channel, root: &Fenced, path: Bytes) -> Answered<()> {
    let path = path.into_path();
    root.path(&path)?;
    let space = wait(async { Ok(root.root.space(&path).await) })?;
    say(channel, &Answer::Space(space.map(Into::into)))
}

pub(super) fn leftovers(channel: &Channel, root: &Fenced, path: Bytes) -> Answered<()> {
    let path = path.into_path();
    root.path(&path)?;
    let found = wait(root.root.leftovers(&path))?;
    for piece in found.chunks(PIECE) {
        say(channel, &Answer::Leftovers(piece.iter().map(Into::into).collect()))?;
    }
    say(channel, &Answer::Done)
}

pub(super) fn remove(channel: &Channel, root: &Fenced, left: Left) -> Answered<()> {
    let left = Leftover::try_from(left)?;
    root.path(&left.path)?;
    wait(root.root.remove(&left))?;
    say(channel, &Answer::Done)
}
