//! A root that writes streams to files or through a pipeline instead of receiving them.
//!
//! What it holds is told by another root, which is only compared against: nobody knows what became of
//! the dumps. The stream is read frame by frame on its way, so that no dump is ever published that is
//! damaged or breaks off.

mod directory;
mod error;
mod file;
mod part;
mod pipeline;
mod stage;
mod stages;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use btrsync_stream::{Begun, FrameReader};
use uuid::Uuid;

pub use self::error::DumpError;
pub(crate) use self::file::DumpFile;
use self::part::Part;
pub use self::pipeline::{Pipeline, PipelineError};
use self::stages::Stages;
use super::contract::{BtrfsRoot, Completion, Kind, Look, RootFactory, RootOptions, SendRequest};
use super::error::RootError;
use super::leftover::Leftover;
use super::{local, on_thread, start};
use crate::Flow;
use crate::btrfs::{Forest, Subvolume};
use crate::receive::{Checkpoints, Received, StreamMeta};

/// Where dumps go.
#[derive(Debug)]
pub enum DumpTarget {
    /// To files in a directory, with something appended to their names.
    Directory {
        /// The directory that the paths of [`BtrfsRoot::receive`] are relative to.
        path: PathBuf,
        /// What is appended, such as `.zst`.
        extension: OsString,
        /// Whether missing directories are created.
        create: bool,
        /// How a plain dump that is interrupted can be continued; one that goes through a pipeline starts
        /// over.
        checkpoints: Checkpoints,
    },
    /// To an open file, one after another.
    Stream(File),
}

/// A root that dumps what it receives; see the [module](self).
#[derive(Debug)]
pub struct DumpRoot {
    compared: Option<Arc<dyn BtrfsRoot>>,
    sink: Arc<Sink>,
}

/// Makes dump roots that are compared with nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dump;

#[async_trait]
impl RootFactory for Dump {
    async fn get_root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError> {
        let create = options.create_recvpath;
        let target = DumpTarget::Directory {
            path: PathBuf::new(),
            extension: OsString::new(),
            create,
            checkpoints: options.checkpoints,
        };
        Ok((Arc::new(DumpRoot::new(None, target, None)), path.to_path_buf()))
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        local::Local.look(path).await
    }

    /// Any directory can hold dumps.
    async fn is_root(&self, path: &Path) -> Result<bool, RootError> {
        Ok(matches!(self.look(path).await?.kind, Kind::Directory | Kind::Subvolume))
    }
}

#[derive(Debug)]
struct Sink {
    target: DumpTarget,
    pipeline: Option<Pipeline>,
    /// Held while a stream is written to one that all share.
    turn: Mutex<()>,
}

impl DumpRoot {
    /// Makes a root that has what `compared` has, or nothing, and dumps to `target`, through `pipeline`
    /// if given.
    pub fn new(
        compared: Option<Arc<dyn BtrfsRoot>>,
        target: DumpTarget,
        pipeline: Option<Pipeline>,
    ) -> Self {
        let turn = Mutex::new(());
        Self { compared, sink: Arc::new(Sink { target, pipeline, turn }) }
    }

    fn unsupported(&self, operation: &'static str) -> RootError {
        RootError::Unsupported { root: self.name(), operation }
    }
}

#[async_trait]
impl BtrfsRoot for DumpRoot {
    fn name(&self) -> String {
        self.compared.as_ref().map_or_else(|| "dump".to_owned(), |root| root.name())
    }

    async fn list(&self) -> Result<Forest, RootError> {
        match &self.compared {
            Some(root) => root.list().await,
            None => Ok(Forest::default()),
        }
    }

    fn most_at_once(&self) -> usize {
        self.compared.as_ref().map_or(usize::MAX, |root| root.most_at_once())
    }

    async fn complete(&self, vols: Vec<Subvolume>) -> Result<Vec<Subvolume>, RootError> {
        match &self.compared {
            Some(root) => root.complete(vols).await,
            None => Ok(vols),
        }
    }

    async fn show(&self, path: &Path) -> Result<Subvolume, RootError> {
        match &self.compared {
            Some(root) => root.show(path).await,
            None => Err(self.unsupported("show")),
        }
    }

    /// Returns nothing: a dump whose name is taken gets another one.
    async fn occupied(&self, _: &[PathBuf]) -> Result<Vec<PathBuf>, RootError> {
        Ok(Vec::new())
    }

    /// Locks nothing: two runs can dump into one directory.
    async fn lock(&self, _: &Path) -> Result<(), RootError> {
        Ok(())
    }

    async fn send(&self, _: SendRequest<'_>) -> Result<(Flow, Completion<()>), RootError> {
        Err(self.unsupported("send"))
    }

    /// Only files: what is received elsewhere is not this root's.
    async fn leftovers(&self, path: &Path) -> Result<Vec<Leftover>, RootError> {
        let DumpTarget::Directory { path: base, .. } = &self.sink.target else {
            return Ok(Vec::new());
        };
        let (full, path) = (base.join(path), path.to_path_buf());
        on_thread(move || Ok(DumpFile::leftovers(&directory::open(&full, false)?, &full, &path)?))
            .await
    }

    async fn remove(&self, left: &Leftover) -> Result<(), RootError> {
        let DumpTarget::Directory { path: base, .. } = &self.sink.target else {
            return Err(self.unsupported("remove what runs have left"));
        };
        let full = base.join(&left.path);
        on_thread(move || {
            let (Some(above), Some(name)) = (full.parent(), full.file_name()) else {
                return Err(RootError::Vanished { path: full });
            };
            Ok(DumpFile::remove_leftover(&directory::open(above, false)?, above, name)?)
        })
        .await
    }

    async fn receive(
        &self,
        flow: Flow,
        path: &Path,
        meta: StreamMeta,
    ) -> Result<Completion<Vec<Received>>, RootError> {
        let (sink, path) = (Arc::clone(&self.sink), path.to_path_buf());
        start(move || sink.dump(flow, &path, &meta).map_err(RootError::from))
    }
}

impl Sink {
    fn dump(
        &self,
        flow: Flow,
        below: &Path,
        meta: &StreamMeta,
    ) -> Result<Vec<Received>, DumpError> {
        match &self.target {
            DumpTarget::Directory { path, extension, create, checkpoints } => {
                let path = path.join(below);
                file::check_extension(extension)?;
                let dir = directory::open(&path, *create)?;
                DumpFile::remove_leftovers(&dir, &path)?;
                let place = Place { dir: &dir, path: &path, extension };
                match &self.pipeline {
                    Some(pipeline) => place.through(pipeline, flow, meta),
                    None => place.plain(*checkpoints, flow, meta),
                }
            }
            DumpTarget::Stream(file) => {
                let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
                let output = file.try_clone().map_err(DumpError::Write)?;
                let stages = Stages::start(self.pipeline.as_ref(), output, flow.cancel())?;
                copy(flow, stages, meta)
            }
        }
    }
}

/// Where a dump gets its name.
struct Place<'a> {
    dir: &'a File,
    path: &'a Path,
    extension: &'a OsStr,
}

impl Place<'_> {
    fn through(
        &self,
        pipeline: &Pipeline,
        flow: Flow,
        meta: &StreamMeta,
    ) -> Result<Vec<Received>, DumpError> {
        let dump = DumpFile::create(self.dir, self.path, first_uuid(meta))?;
        let stages = Stages::start(Some(pipeline), dump.writer()?, flow.cancel())?;
        self.publish(dump, copy(flow, stages, meta)?)
    }

    fn plain(
        &self,
        checkpoints: Checkpoints,
        flow: Flow,
        meta: &StreamMeta,
    ) -> Result<Vec<Received>, DumpError> {
        let Checkpoints { every, resume } = checkpoints;
        let dump = DumpFile::plain(self.dir, self.path, first_uuid(meta), resume && !meta.anew)?;
        let mut part = Part::new(dump.writer()?, every).map_err(DumpError::Write)?;
        match copy(flow, &mut part, meta) {
            Ok(received) => self.publish(dump, received),
            Err(error) => {
                if checkpoints.are_worth(part.pause()) && error.is_interruption() {
                    dump.keep();
                }
                Err(error)
            }
        }
    }

    fn publish(
        &self,
        dump: DumpFile<'_>,
        received: Vec<Received>,
    ) -> Result<Vec<Received>, DumpError> {
        if let Some(first) = received.first() {
            let several = received.len() > 1;
            dump.publish(&file::names(&first.name, first.uuid, several, self.extension))?;
        }
        Ok(received)
    }
}

fn first_uuid(meta: &StreamMeta) -> Uuid {
    meta.uuids.first().copied().flatten().unwrap_or_default()
}

/// What takes the bytes of a dump.
trait Output {
    /// Takes what comes next; returns whether it had that already.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, DumpError>;
    /// Ends when everything is where it goes.
    fn finish(self) -> Result<(), DumpError>;
}

impl Output for Stages {
    fn take(&mut self, bytes: &[u8]) -> Result<bool, DumpError> {
        self.write(bytes).map(|()| false)
    }

    fn finish(self) -> Result<(), DumpError> {
        Stages::finish(self)
    }
}

impl Output for &mut Part {
    fn take(&mut self, bytes: &[u8]) -> Result<bool, DumpError> {
        self.write(bytes).map_err(DumpError::Write)
    }

    fn finish(self) -> Result<(), DumpError> {
        Part::finish(self).map(drop).map_err(DumpError::Write)
    }
}

/// Copies all streams of a flow, checking each frame, and returns the subvolumes in them: just those
/// that were announced, if any were.
fn copy(
    flow: Flow,
    mut output: impl Output,
    meta: &StreamMeta,
) -> Result<Vec<Received>, DumpError> {
    let mut frames = FrameReader::new(flow);
    let mut received: Vec<Received> = Vec::new();
    while let Some(frame) = frames.next_frame()? {
        if let Some(begun) = frame.begun()? {
            meta.expect(received.len(), begun.uuid).map_err(DumpError::Announced)?;
            received.push(named(begun)?);
        }
        if let Some(header) = frame.header() {
            output.take(&header.encode())?;
        }
        let had = output.take(frame.raw())?;
        if let Some(current) = received.last_mut().filter(|_| had) {
            current.resumed += frame.raw().len() as u64;
        }
    }
    meta.complete(received.len()).map_err(DumpError::Announced)?;
    output.finish()?;
    Ok(received)
}

/// Reads the name of a subvolume, which must be one that a file can be named after.
fn named(begun: Begun<'_>) -> Result<Received, DumpError> {
    let name = OsString::from_vec(begun.name.to_vec());
    match begun.name.is_empty() || begun.name.iter().any(|c| matches!(c, b'/' | 0)) {
        true => Err(DumpError::BadName { name }),
        false => Ok(Received { name, uuid: begun.uuid, resumed: 0 }),
    }
}
