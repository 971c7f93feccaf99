//! Streams that are sent and received for the other side, and what is digested for it.

use std::sync::Arc;

use super::super::arriving::Arriving;
use super::super::channel::{Broken, Channel, Item};
use super::super::message::{self, Answer, Request};
use super::super::packing::{Packer, Passed};
use super::super::value::{
    Begins, Bytes, Counts, Form, Impossible, Meta, Pack, Vol, begins, prefixes, vols,
};
use super::fence::Fenced;
use super::{Answered, say, wait};
use crate::btrfs::Subvolume;
use crate::receive::StreamMeta;
use crate::sync::root::SendRequest;
use crate::verify::{Digests, decode_entries, encode_entries};
use crate::{Flow, thread};

/// What is to be sent.
pub(super) struct Wanted {
    pub(super) vols: Vec<Vol>,
    pub(super) parent: Option<Vol>,
    pub(super) clones: Vec<Vol>,
    pub(super) skip: Begins,
    pub(super) form: Form,
    pub(super) pack: Pack,
}

pub(super) fn send(channel: &Arc<Channel>, root: &Fenced, wanted: Wanted) -> Answered<()> {
    let (sent, clones) = (vols(wanted.vols)?, vols(wanted.clones)?);
    let parent = wanted.parent.map(Subvolume::try_from).transpose()?;
    let skip = prefixes(wanted.skip)?;
    root.vols(sent.iter().chain(&parent).chain(&clones))?;
    let request = SendRequest {
        vols: &sent,
        parent: parent.as_ref(),
        clones: &clones,
        skip: &skip,
        form: wanted.form.into(),
        at_hand: false,
        cancel: channel.gone(),
    };
    let (mut flow, end) = wait(root.root.send(request))?;
    say(channel, &Answer::Started { skipped: begins(flow.skipped()) })?;
    if let Some(mut waits) = flow.take_waits() {
        let channel = Arc::clone(channel);
        // It ends with the send. Without a thread for it, nobody hears why nothing comes.
        drop(thread::run(move || {
            while let Ok(Some(busy)) = wait(async { Ok(waits.next().await) }) {
                if say(&channel, &Answer::Waits(busy.into())).is_err() {
                    return;
                }
            }
        }));
    }
    pass_on(flow, channel, Packer::new(wanted.pack.into()))?;
    wait(end)?;
    say(channel, &Answer::Done)
}

/// Sends all of a flow. One that breaks off is told by the sender, at its end.
fn pass_on(mut flow: Flow, channel: &Channel, mut packer: Packer) -> Result<(), Broken> {
    loop {
        match packer.pass(&mut flow, channel, channel.gone()) {
            Passed::Sent(_) => {}
            Passed::End | Passed::Cut => return Ok(()),
            Passed::Broken(broken) => return Err(broken),
        }
    }
}

pub(super) fn receive(
    channel: &Arc<Channel>,
    root: &Fenced,
    path: Bytes,
    meta: Meta,
) -> Answered<()> {
    let (meta, path) = (StreamMeta::try_from(meta)?, path.into_path());
    root.path(&path)?;
    let end = wait(root.root.receive(arriving(channel), &path, meta))?;
    say(channel, &Answer::Started { skipped: Begins::new() })?;
    let received = wait(end)?;
    say(channel, &Answer::Received(received.into_iter().map(Into::into).collect()))
}

pub(super) fn replay(
    channel: &Arc<Channel>,
    root: &Fenced,
    path: Bytes,
    meta: Meta,
    counts: Counts,
) -> Answered<()> {
    let (meta, path) = (StreamMeta::try_from(meta)?, path.into_path());
    root.path(&path)?;
    let flow = arriving(channel);
    let end = wait(root.root.replay(flow, &path, meta, counts.into(), channel.gone()))?;
    say(channel, &Answer::Started { skipped: Begins::new() })?;
    let digests = wait(end)?;
    children(channel, &*digests)
}

pub(super) fn digest(channel: &Channel, root: &Fenced, vol: Vol, counts: Counts) -> Answered<()> {
    let vol = Subvolume::try_from(vol)?;
    root.vols(std::iter::once(&vol))?;
    let digests = wait(root.root.digest(&vol, counts.into(), channel.gone()))?;
    children(channel, &*digests)
}

/// What the other side sends once it is told to begin, for a receiver here.
fn arriving(channel: &Arc<Channel>) -> Flow {
    Flow::fed(Arriving::new(channel), channel.gone())
}

/// Tells of a tree, and answers what is asked of its directories.
fn children(channel: &Channel, digests: &dyn Digests) -> Answered<()> {
    let entry = encode_entries(std::slice::from_ref(digests.root()));
    say(channel, &Answer::Digested { entry: Bytes(entry) })?;
    while let Item::Message(bytes) = channel.next(channel.gone())? {
        let Request::Children { entry } = message::decode(&bytes)? else { break };
        let directory = decode_entries(&entry.0).ok().and_then(|mut entries| entries.pop());
        let directory = directory.ok_or(Impossible("an entry that is none"))?;
        let entries = wait(digests.children(&directory))?;
        channel.data(&encode_entries(&entries), channel.gone())?;
        channel.end(channel.gone())?;
    }
    Ok(())
}
