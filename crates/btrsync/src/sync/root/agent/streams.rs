//! Streams to and from the other side.

use std::io::Write;
use std::sync::Arc;

use super::Far;
use super::digests::FarDigests;
use crate::agent::{Answer, Channel, Client, Item, Packer, Passed, Request, prefixes};
use crate::flow::waits::{self, Teller};
use crate::process::Feed;
use crate::receive::{Prefix, Received};
use crate::sync::root::contract::Completion;
use crate::sync::root::error::RootError;
use crate::sync::root::start;
use crate::verify::Digests;
use crate::{Cancel, Flow, thread};

/// Starts a send, and waits until it has begun.
pub(super) fn send(
    far: &Far,
    asked: &Request,
    skip: &[Option<Prefix>],
    cancel: &Cancel,
) -> Result<(Flow, Completion<()>), RootError> {
    let failed = |source| RootError::System { what: "make a pipe", source };
    let (channel, skipped) = begin(&far.client, asked, cancel)?;
    if !is_part_of(&skipped, skip) {
        return Err(far.client.garbled("it leaves out what it was not told to"));
    }
    let (writer, flow) = Flow::pipe(cancel).map_err(failed)?;
    let (teller, waits) = waits::channel();
    let flow = flow.with_skipped(skipped).telling(waits).carried(channel.carried());
    let feed = Feed::new(writer, cancel).map_err(failed)?;
    let (client, cancel, abandoned) = (Arc::clone(&far.client), cancel.clone(), flow.abandoned());
    let sent = start(move || match pump(&client, &channel, (feed, teller), &cancel) {
        // A sender that ends because nobody reads any more only follows the other end.
        _ if abandoned.is_set() => Err(RootError::Cancelled),
        other => other,
    })?;
    Ok((flow, sent))
}

/// Whether no more is left out of streams than was asked for.
fn is_part_of(skipped: &[Option<Prefix>], skip: &[Option<Prefix>]) -> bool {
    let mut both = skipped.iter().zip(skip);
    skipped.len() <= skip.len()
        && both.all(|(left_out, wanted)| left_out.is_none() || left_out == wanted)
}

/// Asks for something and waits until it has begun; returns what is left out of its streams.
fn begin(
    client: &Client,
    asked: &Request,
    cancel: &Cancel,
) -> Result<(Channel, Vec<Option<Prefix>>), RootError> {
    let channel = client.call(asked, cancel)?;
    match client.answer(&channel, cancel)? {
        Answer::Started { skipped } => {
            Ok((channel, prefixes(skipped).map_err(|what| client.garbled(what.0))?))
        }
        _ => Err(client.garbled("it does not begin")),
    }
}

/// Passes a stream on from the other side, up to its end.
fn pump(
    client: &Client,
    channel: &Channel,
    (mut feed, teller): (Feed, Teller),
    cancel: &Cancel,
) -> Result<(), RootError> {
    let mut passed = Some(0);
    loop {
        match channel.next(cancel).map_err(|broken| client.broken(broken))? {
            // Where nobody reads any more, that is the failure of whoever did.
            Item::Data(bytes) => {
                feed.write_all(&bytes).map_err(|_| RootError::Cancelled)?;
                channel.recycle(bytes);
            }
            other => match client.read(other)? {
                Answer::Waits(busy) => teller.tell(busy.into()),
                Answer::Done => return Ok(()),
                _ => return Err(client.garbled("it does not say how the stream has ended")),
            },
        }
        passed = passed.map(|passed| passed + 1);
        // Now it flows.
        if passed.take_if(|passed| *passed > 4).is_some() {
            channel.widen().map_err(|broken| client.broken(broken))?;
        }
    }
}

/// Starts to receive the streams of a flow.
pub(super) fn receive(
    far: &Far,
    asked: &Request,
    (flow, packer): (Flow, Packer),
) -> Result<Completion<Vec<Received>>, RootError> {
    let cancel = flow.cancel().clone();
    let channel = feed(far, asked, (flow, packer), &cancel)?;
    let client = Arc::clone(&far.client);
    start(move || match client.answer(&channel, &cancel)? {
        Answer::Received(received) => Ok(received.into_iter().map(Into::into).collect()),
        _ => Err(client.garbled("it does not say what it has received")),
    })
}

/// Starts to receive the stream of a flow, not to keep it.
pub(super) fn replay(
    far: &Far,
    asked: &Request,
    sent: (Flow, Packer),
    cancel: &Cancel,
) -> Result<Completion<Box<dyn Digests>>, RootError> {
    let channel = feed(far, asked, sent, cancel)?;
    let (client, cancel) = (Arc::clone(&far.client), cancel.clone());
    start(move || {
        let digests = FarDigests::wait(client, channel, &cancel)?;
        Ok(Box::new(digests) as Box<dyn Digests>)
    })
}

/// Begins what takes a stream, and starts to pass that on.
fn feed(
    far: &Far,
    asked: &Request,
    sent: (Flow, Packer),
    cancel: &Cancel,
) -> Result<Arc<Channel>, RootError> {
    let channel = Arc::new(begin(&far.client, asked, cancel)?.0);
    let to = Arc::clone(&channel);
    let cancel = cancel.clone();
    // The other side tells how it has ended; the thread ends with the flow.
    let passing = thread::run(move || pass_on(sent, &to, &cancel));
    drop(passing.map_err(|source| RootError::System { what: "start a thread", source })?);
    Ok(channel)
}

/// Sends all of a flow. The other side is told of its end only where that was reached.
fn pass_on((mut flow, mut packer): (Flow, Packer), channel: &Channel, cancel: &Cancel) {
    let wire = flow.wire();
    loop {
        match packer.pass(&mut flow, channel, cancel) {
            Passed::Sent(count) => wire.add(count),
            Passed::End => return drop(channel.end(cancel)),
            // Whatever it was, whoever fills the flow tells it.
            Passed::Cut => return channel.abandon(),
            Passed::Broken(_) => return,
        }
    }
}
