//! Receives send streams into a directory.
//!
//! A stream comes from another machine and is applied with the rights of root: it must not reach
//! anything but the subvolume that it makes. And under the final name must stand a complete, durable
//! subvolume or nothing. So each stream is received under a staging name beside the final one, and
//! only what has reached its END and is on disk is renamed.

mod apply;
mod apply_error;
mod attributes;
mod begin;
mod clone;
pub(crate) mod confine;
mod create;
mod data;
mod decode;
mod directory;
mod error;
mod locks;
mod meta;
mod node;
mod root;
mod source;
mod stage;
mod tree;
mod wall;

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use btrsync_stream::{Command, CommandKind, Frame, FrameReader};

use self::apply::{Applier, times_of};
pub use self::apply_error::ApplyError;
pub(crate) use self::begin::Begin;
pub use self::decode::DecodeError;
pub use self::directory::Directory;
pub(crate) use self::directory::Lock;
pub use self::error::ReceiveError;
pub use self::meta::{ReceiveOptions, Received, StreamMeta, Unwatched, Watch};
pub use self::source::SourceError;
use self::source::Sources;
use self::stage::Stage;
pub(crate) use self::stage::{Identity, is_staging_name, remove_leftovers, staging_name};

/// Receives all streams of an input; each subvolume is published as soon as it is complete.
///
/// # Errors
///
/// [`ReceiveError`]. What was complete before the failure stays, of the rest nothing is left.
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
    run(input, into, meta, options, watch, false).map(|(received, _)| received)
}

/// Receives all streams of an input without giving what they make a name: it can be looked at, and is
/// deleted when the result is dropped.
pub(crate) fn rehearse<'a>(
    input: impl Read + Send,
    into: &'a Directory,
    meta: &StreamMeta,
) -> Result<Vec<Rehearsed<'a>>, ReceiveError> {
    let options = ReceiveOptions::default();
    run(input, into, meta, options, &mut Unwatched, true).map(|(_, rehearsed)| rehearsed)
}

/// A subvolume that was received to be looked at. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Rehearsed<'a> {
    /// Its root directory.
    pub(crate) root: File,
    pub(crate) path: PathBuf,
    _stage: Stage<'a>,
}

/// What came of the streams of an input.
type Ended<'a> = (Vec<Received>, Vec<Rehearsed<'a>>);

fn run<'a>(
    input: impl Read + Send,
    into: &'a Directory,
    meta: &StreamMeta,
    options: ReceiveOptions,
    watch: &mut dyn Watch,
    rehearsal: bool,
) -> Result<Ended<'a>, ReceiveError> {
    let elsewhere = Sources::new(into, &meta.sources).announced_elsewhere();
    wall::behind(into, &elsewhere, || {
        let mut frames = match options.terminate_on_end {
            true => FrameReader::exact(input),
            false => FrameReader::new(input),
        };
        let mut receiver = Receiver {
            into,
            meta,
            options,
            watch,
            rehearsal,
            sources: Sources::new(into, &meta.sources),
            current: None,
            done: Vec::new(),
            rehearsed: Vec::new(),
        };
        while let Some(frame) = frames.next_frame()? {
            if receiver.take(&frame)? {
                break;
            }
        }
        receiver.end()
    })
}

struct Receiver<'d, 'a> {
    into: &'d Directory,
    meta: &'a StreamMeta,
    options: ReceiveOptions,
    watch: &'a mut dyn Watch,
    /// Whether nothing gets a name.
    rehearsal: bool,
    sources: Sources<'a>,
    current: Option<Current<'d>>,
    done: Vec<Received>,
    rehearsed: Vec<Rehearsed<'d>>,
}

/// A subvolume on its way. Dropped, it leaves nothing behind.
struct Current<'a> {
    applier: Applier,
    stage: Stage<'a>,
    identity: Identity,
}

impl<'d> Receiver<'d, '_> {
    /// Takes a command; returns whether it was the last that is wanted.
    fn take(&mut self, frame: &Frame<'_>) -> Result<bool, ReceiveError> {
        let command = Command::decode(frame)?;
        self.watch.command(&command, frame.offset());
        match frame.kind() {
            CommandKind::Subvol | CommandKind::Snapshot => {
                self.finish()?;
                self.begin(&command)?;
            }
            CommandKind::End => {
                self.finish()?;
                return Ok(self.options.terminate_on_end);
            }
            _ => {
                if let Some(current) = &mut self.current {
                    current.applier.apply(frame, &command, &mut self.sources)?;
                }
            }
        }
        Ok(false)
    }

    /// Starts the next subvolume of the flow.
    fn begin(&mut self, command: &Command<'_>) -> Result<(), ReceiveError> {
        let Begin { name, identity, parent } = Begin::of(command)?;
        self.meta.expect(self.done.len(), identity.uuid)?;
        let stage = match self.rehearsal {
            true => Stage::nameless(self.into, identity.uuid),
            false => Stage::new(self.into, name, identity.uuid)?,
        };
        let parent = parent.map(|named| self.sources.subvolume(named)).transpose();
        let parent = parent.map_err(ReceiveError::Parent)?;
        let root = stage.create(parent.as_deref())?;
        let failed = |source| ReceiveError::Stage { path: stage.staging_path(), source };
        // A stream says nothing of a root that has not changed since the parent.
        let times = parent.as_deref().map(times_of).transpose().map_err(failed)?;
        let decompress = self.options.force_decompress;
        let applier = Applier::new(root, identity.uuid, times, decompress).map_err(failed)?;
        self.current = Some(Current { applier, stage, identity });
        Ok(())
    }

    /// Completes the subvolume whose stream has ended, if there is one.
    fn finish(&mut self) -> Result<(), ReceiveError> {
        let Some(current) = self.current.take() else { return Ok(()) };
        let Current { applier, stage, identity } = current;
        let (tree, times) = applier.finish()?;
        let root = &tree.root().file;
        let name = match self.rehearsal {
            true => {
                stage.freeze(root, times.as_ref())?;
                self.rehearsed.push(Rehearsed::new(root, stage)?);
                OsString::new()
            }
            false => {
                stage.seal(root, identity, times.as_ref())?;
                stage.publish()?
            }
        };
        self.done.push(Received { name, uuid: identity.uuid });
        Ok(())
    }

    fn end(mut self) -> Result<Ended<'d>, ReceiveError> {
        self.finish()?;
        self.meta.complete(self.done.len())?;
        Ok((self.done, self.rehearsed))
    }
}

impl<'a> Rehearsed<'a> {
    fn new(root: &File, stage: Stage<'a>) -> Result<Self, ReceiveError> {
        let path = stage.staging_path();
        let failed = |source| ReceiveError::Io { what: "open", path: path.clone(), source };
        Ok(Self { root: root.try_clone().map_err(failed)?, path, _stage: stage })
    }
}
