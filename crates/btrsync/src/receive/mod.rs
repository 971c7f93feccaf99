//! Receives send streams into a directory.
//!
//! A stream comes from another machine and is applied with the rights of root: it must not reach
//! anything but the subvolume that it makes. And under the final name must stand a complete, durable
//! subvolume or nothing. So each stream is received under a staging name beside the final one, and
//! only what has reached its END and is on disk is renamed. What is interrupted on the way goes on from
//! a checkpoint when the same stream comes again.

mod apply;
mod apply_error;
mod attributes;
mod begin;
mod checkpoint;
mod clone;
mod compressed;
pub(crate) mod confine;
mod create;
mod current;
mod data;
mod decode;
mod directory;
mod error;
mod kept;
mod locks;
mod meta;
mod node;
mod original;
mod prefix;
mod present;
mod receiver;
mod rights;
mod root;
mod source;
mod stage;
mod tree;
mod wall;
mod written;

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::PathBuf;

use btrsync_stream::FrameReader;

use crate::Flow;

pub use self::apply_error::ApplyError;
pub(crate) use self::begin::Begin;
pub use self::decode::DecodeError;
pub use self::directory::Directory;
pub(crate) use self::directory::{Lock, has_open};
pub use self::error::ReceiveError;
pub(crate) use self::kept::{is_unfinished, partial, sweep};
pub use self::meta::{
    Checkpoints, Partial, ReceiveOptions, Received, StreamMeta, Unwatched, Watch,
};
use self::original::Fetch;
pub(crate) use self::original::Original;
pub use self::prefix::Prefix;
pub(crate) use self::prefix::left_out;
use self::receiver::{Ended, Receiver};
pub use self::source::SourceError;
use self::source::Sources;
use self::stage::Stage;
pub(crate) use self::stage::{Identity, is_staging_name, staging_name};
pub(crate) use self::wall::has_wall;

/// Receives all streams of an input; each subvolume is published as soon as it is complete.
///
/// # Errors
///
/// [`ReceiveError`]. What was complete before the failure stays; of the rest stays what can be continued
/// when the same stream comes again, hidden, and nothing else.
///
/// # Examples
///
/// ```no_run
/// use btrsync::receive::{Directory, ReceiveOptions, StreamMeta, Unwatched, receive};
///
/// let into = Directory::open("/mnt/backup".as_ref())?;
/// let (meta, options) = (StreamMeta::default(), ReceiveOptions::default());
/// for received in receive(std::io::stdin(), &into, &meta, options, &mut Unwatched)? {
///     println!("{} from {}", received.name.display(), received.uuid);
/// }
/// # Ok::<(), btrsync::ReceiveError>(())
/// ```
pub fn receive(
    input: impl Read + Send,
    into: &Directory,
    meta: &StreamMeta,
    options: ReceiveOptions,
    watch: &mut dyn Watch,
) -> Result<Vec<Received>, ReceiveError> {
    run(input, into, meta, options, watch, Vec::new(), false).map(|(received, _)| received)
}

/// Receives all streams of a flow, with the data of files from elsewhere where the flow says so.
pub(crate) fn receive_flow(
    mut flow: Flow,
    into: &Directory,
    meta: &StreamMeta,
    options: ReceiveOptions,
) -> Result<Vec<Received>, ReceiveError> {
    let (originals, beside) = (flow.take_originals(), flow.beside());
    let fetch =
        |original: Option<_>| original.map(|from| Fetch::new(from, beside.clone())).transpose();
    let fetches = originals.into_iter().map(fetch).collect::<Result<_, _>>()?;
    run(flow, into, meta, options, &mut Unwatched, fetches, false).map(|(received, _)| received)
}

/// Receives all streams of an input without giving what they make a name: it can be looked at, and is
/// deleted when the result is dropped.
pub(crate) fn rehearse<'a>(
    input: impl Read + Send,
    into: &'a Directory,
    meta: &StreamMeta,
) -> Result<Vec<Rehearsed<'a>>, ReceiveError> {
    let options = ReceiveOptions { checkpoints: Checkpoints::NONE, ..ReceiveOptions::default() };
    run(input, into, meta, options, &mut Unwatched, Vec::new(), true)
        .map(|(_, rehearsed)| rehearsed)
}

/// A subvolume that was received to be looked at. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Rehearsed<'a> {
    /// Its root directory.
    pub(crate) root: File,
    pub(crate) path: PathBuf,
    _stage: Stage<'a>,
}

fn run<'a>(
    input: impl Read + Send,
    into: &'a Directory,
    meta: &StreamMeta,
    options: ReceiveOptions,
    watch: &mut dyn Watch,
    fetches: Vec<Option<Fetch>>,
    rehearsal: bool,
) -> Result<Ended<'a>, ReceiveError> {
    rights::check(into)?;
    let elsewhere = Sources::new(into, &meta.sources).announced_elsewhere();
    let originals: Vec<_> = fetches.iter().flatten().map(Fetch::dir).collect::<Result<_, _>>()?;
    let fetched = originals.iter().map(File::as_fd);
    let readable: Vec<_> = elsewhere.iter().map(File::as_fd).chain(fetched).collect();
    wall::behind(into, &readable, || {
        let mut frames = match options.terminate_on_end {
            true => FrameReader::exact(input),
            false => FrameReader::new(input),
        };
        let mut receiver = Receiver::new(into, meta, options, watch, rehearsal).fetching(fetches);
        loop {
            receiver.look_ahead(&mut frames);
            let next = frames.next_frame().inspect_err(|_| receiver.pause())?;
            let Some(frame) = next else { break };
            if receiver.take(&frame)? {
                break;
            }
        }
        receiver.end()
    })
}

impl<'a> Rehearsed<'a> {
    fn new(root: &File, stage: Stage<'a>) -> Result<Self, ReceiveError> {
        let path = stage.staging_path();
        let failed = |source| ReceiveError::Io { what: "open", path: path.clone(), source };
        Ok(Self { root: root.try_clone().map_err(failed)?, path, _stage: stage })
    }
}
