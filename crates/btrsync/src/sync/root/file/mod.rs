//! A stream file as the source of a sync.
//!
//! What it holds, and what a receiver must have for that, stands in the streams themselves. The hazard
//! is that a stream fits one parent only, whatever a planner would like; so a step with any other is
//! refused before anything is received.

mod forest;
mod heed;
mod scan;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use btrsync_stream::{Command, CommandKind, FrameReader, Header, Version};
use uuid::Uuid;

use self::heed::Heeding;
use self::scan::{Section, scan};
use super::contract::{BtrfsRoot, Completion, Kind, Look, RootFactory, RootOptions, SendRequest};
use super::error::RootError;
use super::{local, on_thread, start};
use crate::btrfs::{Forest, Subvolume};
use crate::cancel::is_cancelled;
use crate::receive::{Received, StreamMeta};
use crate::sync::Estimate;
use crate::sync::plan::Step;
use crate::text::escaped;
use crate::{Cancel, Flow, stream_file};

/// Makes roots of stream files.
#[derive(Debug, Clone, Default)]
pub struct StreamFile {
    cancel: Option<Cancel>,
}

impl StreamFile {
    /// Makes one that reads each file to its end.
    pub const fn new() -> Self {
        Self { cancel: None }
    }

    /// Makes one that stops reading when the switch is thrown.
    pub fn with_cancel(cancel: &Cancel) -> Self {
        Self { cancel: Some(cancel.clone()) }
    }
}

/// A file with one or more send streams, plain or compressed with zstd.
#[derive(Debug)]
pub struct FileRoot {
    path: PathBuf,
    sections: Vec<Section>,
}

impl FileRoot {
    /// Reads a stream file to its end, and makes a root of what it holds.
    ///
    /// # Errors
    ///
    /// [`RootError::StreamFile`] where it cannot be read, or is no whole and undamaged stream;
    /// [`RootError::Cancelled`] where the switch is thrown before its end.
    pub async fn open(path: &Path, cancel: Option<Cancel>) -> Result<Self, RootError> {
        let path = path.to_path_buf();
        on_thread(move || {
            let source = stream_file::open(&path).map_err(|source| open_failed(&path, source))?;
            let sections =
                scan(Heeding::new(source, cancel)).map_err(|source| damaged(&path, source))?;
            Ok(Self { path, sections })
        })
        .await
    }

    fn unsupported(&self, operation: &'static str) -> RootError {
        RootError::Unsupported { root: self.name(), operation }
    }
}

#[async_trait]
impl RootFactory for StreamFile {
    async fn get_root(
        &self,
        path: &Path,
        _: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError> {
        Ok((Arc::new(FileRoot::open(path, self.cancel.clone()).await?), PathBuf::new()))
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        local::Local.look(path).await
    }

    /// A stream file stands for the subvolumes in it.
    async fn is_root(&self, path: &Path) -> Result<bool, RootError> {
        Ok(self.look(path).await?.kind == Kind::File)
    }
}

#[async_trait]
impl BtrfsRoot for FileRoot {
    fn name(&self) -> String {
        escaped(&self.path).to_string()
    }

    async fn list(&self) -> Result<Forest, RootError> {
        Ok(forest::forest(&self.sections))
    }

    async fn show(&self, path: &Path) -> Result<Subvolume, RootError> {
        let forest = forest::forest(&self.sections);
        let vol = forest.iter().find(|vol| vol.path == path).cloned();
        vol.ok_or(RootError::Vanished { path: self.path.join(path) })
    }

    async fn occupied(&self, _: &[PathBuf]) -> Result<Vec<PathBuf>, RootError> {
        Err(self.unsupported("receive"))
    }

    async fn lock(&self, _: &Path) -> Result<(), RootError> {
        Err(self.unsupported("receive"))
    }

    fn check(&self, step: &Step) -> Result<(), RootError> {
        step.vols.iter().try_for_each(|vol| fits(vol, step.parent.as_ref()))
    }

    /// Exact, for the file was read.
    async fn estimate(&self, request: SendRequest<'_>) -> Option<Estimate> {
        let sent =
            |vol: &Subvolume| self.sections.iter().find(|section| Some(section.uuid) == vol.uuid);
        let empty = Estimate { is_whole: true, ..Estimate::default() };
        let sections = request.vols.iter().filter_map(sent);
        Some(sections.fold(empty, |sum, section| Estimate {
            bytes: sum.bytes + section.bytes,
            data: sum.data + section.data,
            ..sum
        }))
    }

    async fn send(&self, request: SendRequest<'_>) -> Result<(Flow, Completion<()>), RootError> {
        request.vols.iter().try_for_each(|vol| fits(vol, request.parent))?;
        let wanted: Vec<Uuid> = request.vols.iter().filter_map(|vol| vol.uuid).collect();
        let (path, cancel) = (self.path.clone(), request.cancel.clone());
        let (writer, flow) = Flow::pipe(request.cancel)
            .map_err(|source| RootError::System { what: "make a pipe", source })?;
        let sent = start(move || copy(&path, wanted, writer, cancel))?;
        Ok((flow, sent))
    }

    async fn receive(
        &self,
        _: Flow,
        _: &Path,
        _: StreamMeta,
    ) -> Result<Completion<Vec<Received>>, RootError> {
        Err(self.unsupported("receive"))
    }
}

/// Whether a stream can be received with this parent: with the very one that it was made from.
fn fits(vol: &Subvolume, parent: Option<&Subvolume>) -> Result<(), RootError> {
    let given = parent.and_then(|parent| parent.uuid);
    match vol.parent_uuid {
        Some(needed) if given != Some(needed) => {
            Err(RootError::NeedsParent { vol: vol.path.clone(), parent: needed })
        }
        _ => Ok(()),
    }
}

fn open_failed(path: &Path, source: std::io::Error) -> RootError {
    RootError::Open { path: path.to_path_buf(), source }
}

/// What is wrong with a stream file, unless nobody wants it any more.
fn damaged(path: &Path, source: btrsync_stream::Error) -> RootError {
    match source {
        btrsync_stream::Error::Read { source, .. } if is_cancelled(&source) => RootError::Cancelled,
        source => RootError::StreamFile { path: path.to_path_buf(), source },
    }
}

/// Writes the wanted subvolumes of a file, each as a whole stream. One that comes again is written once,
/// as it came first, which is how it was listed.
fn copy(
    path: &Path,
    mut wanted: Vec<Uuid>,
    writer: OwnedFd,
    cancel: Cancel,
) -> Result<(), RootError> {
    let failed = |source| RootError::StreamPipe { path: path.to_path_buf(), source };
    let source = stream_file::open(path).map_err(|source| open_failed(path, source))?;
    let mut frames = FrameReader::new(Heeding::new(source, Some(cancel)));
    let mut out =
        Output { to: BufWriter::with_capacity(256 * 1024, File::from(writer)), open: None };
    while let Some(frame) = frames.next_frame().map_err(|source| damaged(path, source))? {
        if let Some(begun) = frame.begun().map_err(|source| damaged(path, source))? {
            out.end().map_err(failed)?;
            if let Some(at) = wanted.iter().position(|uuid| *uuid == begun.uuid) {
                wanted.swap_remove(at);
                out.begin(frame.version()).map_err(failed)?;
            }
        }
        match frame.kind() {
            CommandKind::End => out.end().map_err(failed)?,
            _ => out.write(frame.raw()).map_err(failed)?,
        }
        if wanted.is_empty() && out.open.is_none() {
            break;
        }
    }
    out.to.flush().map_err(failed)
}

/// Streams on their way out, of which one may be open.
struct Output {
    to: BufWriter<File>,
    open: Option<Version>,
}

impl Output {
    fn begin(&mut self, version: Version) -> std::io::Result<()> {
        self.open = Some(version);
        self.to.write_all(&Header { version }.encode())
    }

    fn write(&mut self, frame: &[u8]) -> std::io::Result<()> {
        if self.open.is_some() { self.to.write_all(frame) } else { Ok(()) }
    }

    /// Ends the open stream. Files made with `btrfs send -e` have one END for all, others one each.
    fn end(&mut self) -> std::io::Result<()> {
        let Some(version) = self.open.take() else { return Ok(()) };
        let mut end = Vec::new();
        Command::End.encode(version, &mut end).map_err(std::io::Error::other)?;
        self.to.write_all(&end)
    }
}
