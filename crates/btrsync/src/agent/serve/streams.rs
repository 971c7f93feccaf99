//! Streams that are sent and received for the other side, and what is digested for it.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use super::super::channel::{Broken, Channel, Item};
use super::super::message::{self, Answer, Request};
use super::super::packing::{BLOCK, Packer};
use super::super::value::{
    Begins, Bytes, Counts, Form, Impossible, Meta, Pack, Vol, begins, prefixes, vols,
};
use super::fence::Fenced;
use super::{Answered, Stop, say, wait};
use crate::btrfs::Subvolume;
use crate::process::Feed;
use crate::receive::StreamMeta;
use crate::sync::root::{RootError, SendRequest};
use crate::verify::{Digests, decode_entries, encode_entries};
use crate::{Cancel, Flow, thread};

/// What is between a channel and a receiver: little, for the window of the channel is a buffer already.
const PIPE_SIZE: usize = 256 * 1024;

/// When a transfer has got so far it is worth a larger window; before that it could be refused.
const FLOWS: usize = 256 * 1024;

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
    let mut piece = vec![0; BLOCK];
    loop {
        match flow.read(&mut piece) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(count) => {
                packer.send(channel, &piece[..count], channel.gone())?;
            }
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
    let (feed, flow, stop) = arriving(channel)?;
    let end = wait(root.root.receive(flow, &path, meta))?;
    let received = pumped(channel, feed, &stop, || wait(end))?;
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
    let (feed, flow, stop) = arriving(channel)?;
    let end = wait(root.root.replay(flow, &path, meta, counts.into(), channel.gone()))?;
    let digests = pumped(channel, feed, &stop, || wait(end))?;
    children(channel, &*digests)
}

pub(super) fn digest(channel: &Channel, root: &Fenced, vol: Vol, counts: Counts) -> Answered<()> {
    let vol = Subvolume::try_from(vol)?;
    root.vols(std::iter::once(&vol))?;
    let digests = wait(root.root.digest(&vol, counts.into(), channel.gone()))?;
    children(channel, &*digests)
}

/// The ends of what joins a channel to a receiver, and the switch that ends the filling of it.
fn arriving(channel: &Channel) -> Result<(Feed, Flow, Cancel), RootError> {
    let failed = |source| RootError::System { what: "make a pipe", source };
    let stop = channel.gone().child().map_err(failed)?;
    let (reader, writer): (OwnedFd, OwnedFd) =
        pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
    // Only a matter of speed.
    let _ = fcntl_setpipe_size(&writer, PIPE_SIZE);
    let feed = Feed::new(writer, &stop).map_err(failed)?;
    Ok((feed, Flow::new(reader, channel.gone()), stop))
}

/// Tells the other side to begin, and fills a pipe with what it sends until the receiver has ended.
fn pumped<T>(
    channel: &Arc<Channel>,
    feed: Feed,
    stop: &Cancel,
    receiver: impl FnOnce() -> Result<T, RootError>,
) -> Answered<T> {
    say(channel, &Answer::Started { skipped: Begins::new() })?;
    let (from, until) = (Arc::clone(channel), stop.clone());
    let pump = thread::run(move || fill(&from, feed, &until));
    let pump = pump.map_err(|source| RootError::System { what: "start a thread", source })?;
    let received = receiver();
    stop.cancel();
    // It is over with the switch, and has nothing to tell.
    let _ = wait(async { Ok(pump.await) });
    received.map_err(Stop::from)
}

/// Fills a pipe with data, up to its end. Where that does not come, whoever reads is cancelled.
fn fill(channel: &Channel, mut feed: Feed, until: &Cancel) {
    let mut passed = Some(0);
    while let Ok(Item::Data(bytes)) = channel.next(until) {
        // The receiver has ended, and says why.
        if feed.write_all(&bytes).is_err() {
            return;
        }
        passed = passed.map(|passed| passed + bytes.len());
        if passed.take_if(|passed| *passed > FLOWS).is_some() && channel.widen().is_err() {
            return;
        }
    }
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
