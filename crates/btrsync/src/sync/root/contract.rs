//! The contract that every root keeps, however it reaches its filesystem.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::error::RootError;
use super::facts::Facts;
use super::form::StreamForm;
use super::leftover::Leftover;
use crate::btrfs::{Forest, Subvolume};
use crate::receive::{Checkpoints, Partial, Prefix, Received, StreamMeta};
use crate::sync::Estimate;
use crate::sync::clones::CloneSources;
use crate::sync::plan::Step;
use crate::verify::{DigestOptions, Digests};
use crate::{Cancel, Flow};

/// The end of an operation that has been started; it must be awaited to know how it ended.
pub type Completion<T> = Pin<Box<dyn Future<Output = Result<T, RootError>> + Send>>;

/// What to send.
#[derive(Debug, Clone, Copy)]
pub struct SendRequest<'a> {
    /// The subvolumes, as this root listed them; sent one after another.
    pub vols: &'a [Subvolume],
    /// The parent for an incremental send.
    pub parent: Option<&'a Subvolume>,
    /// More subvolumes that the stream may clone from.
    pub clones: &'a [Subvolume],
    /// What the receiving side has of each stream, which a root may leave out behind the first command of
    /// the stream once it has found it to be the same; it then says so in [`Flow::skipped`]. Empty where
    /// it has nothing.
    pub skip: &'a [Option<Prefix>],
    /// The form that the streams have; where this root cannot send that, the best that it can.
    pub form: StreamForm,
    /// Whether the receiver can read the subvolumes by itself, so that the streams may leave the data of files
    /// out.
    pub at_hand: bool,
    /// The switch that ends the flow.
    pub cancel: &'a Cancel,
}

impl<'a> SendRequest<'a> {
    /// Asks for subvolumes in full, in streams that everyone takes.
    pub fn full(vols: &'a [Subvolume], cancel: &'a Cancel) -> Self {
        let form = StreamForm::One;
        Self { vols, parent: None, clones: &[], skip: &[], form, at_hand: false, cancel }
    }
}

/// A btrfs filesystem, seen from one of its subvolumes.
#[async_trait]
pub trait BtrfsRoot: fmt::Debug + Send + Sync {
    /// Returns a name for people: the location that this root refers to.
    fn name(&self) -> String;

    /// Lists the available subvolumes as a COW forest; their paths are relative to the root.
    async fn list(&self) -> Result<Forest, RootError>;

    /// Completes what is known of listed subvolumes where the listing could tell more of each, but not of
    /// all at once: the transactions of its receive.
    async fn complete(&self, vols: Vec<Subvolume>) -> Result<Vec<Subvolume>, RootError> {
        Ok(vols)
    }

    /// Returns what is known of the subvolume that holds `path`.
    async fn show(&self, path: &Path) -> Result<Subvolume, RootError>;

    /// Returns those of `paths` at which something stands, of whatever kind.
    async fn occupied(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RootError>;

    /// Keeps other runs from receiving into the directory `path` for as long as this root lives.
    ///
    /// Fails with [`RootError::Locked`] at once where another run does that.
    async fn lock(&self, path: &Path) -> Result<(), RootError>;

    /// Removes what dead runs have left in the directory `path`, unless another run is receiving into it.
    ///
    /// # Errors
    ///
    /// Those of [`BtrfsRoot::lock`].
    async fn sweep(&self, path: &Path) -> Result<(), RootError> {
        self.lock(path).await
    }

    /// Returns what interrupted runs have received in the directory `path`, and could be continued. A
    /// directory that is not there holds nothing.
    async fn partial(&self, path: &Path) -> Result<Vec<Partial>, RootError> {
        let _ = path;
        Ok(Vec::new())
    }

    /// Returns whether what this root sends or receives goes over a connection, so that it pays to leave
    /// out what the other side has.
    fn is_remote(&self) -> bool {
        false
    }

    /// Returns the best form in which this root sends streams.
    fn sends(&self) -> StreamForm {
        StreamForm::One
    }

    /// Returns the best form of the streams that this root receives.
    fn takes(&self) -> StreamForm {
        StreamForm::One
    }

    /// Returns whether this process itself sends what this root sends, and receives what it receives.
    fn is_here(&self) -> bool {
        false
    }

    /// Returns when streams that this root sends may have clone sources beside their parent.
    fn sends_clones(&self) -> CloneSources {
        CloneSources::Never
    }

    /// Returns when streams that this root receives may have clone sources beside their parent: where it
    /// finds them by their UUIDs, and fails if it does not.
    fn receives_clones(&self) -> CloneSources {
        CloneSources::Never
    }

    /// Returns how many transfers this root can take part in at once.
    fn most_at_once(&self) -> usize {
        usize::MAX
    }

    /// Returns how many bytes the paths and names of the volumes of one flow may have together, counting 512
    /// more for each; nothing where that does not matter.
    fn longest_batch(&self) -> Option<usize> {
        None
    }

    /// Tells whether a step can be sent, before anything is; for a root that can send with any parent
    /// it always can.
    ///
    /// # Errors
    ///
    /// [`RootError::NeedsParent`] where another parent than that of the step is needed.
    fn check(&self, step: &Step) -> Result<(), RootError> {
        let _ = step;
        Ok(())
    }

    /// Measures how many bytes a send would have, if that takes less than the send itself. Where the
    /// switch of the request is thrown before the end, what was counted until then is a lower bound.
    ///
    /// Returns nothing where that is not known, whatever the reason: nothing but a number depends on it.
    async fn estimate(&self, request: SendRequest<'_>) -> Option<Estimate> {
        let _ = request;
        None
    }

    /// Returns what room there is for what is received into the directory `path`; nothing where that is
    /// not known.
    async fn space(&self, path: &Path) -> Option<Space> {
        let _ = path;
        None
    }

    /// Returns what each subvolume of the filesystem holds, by id, where quotas count that anyway; nothing
    /// where it is not known, whatever the reason.
    async fn sizes(&self) -> Option<Sizes> {
        None
    }

    /// Starts a send. The flow ends when the completion does.
    async fn send(&self, request: SendRequest<'_>) -> Result<(Flow, Completion<()>), RootError>;

    /// Finds what interrupted runs have left in the directory `path`, and of subvolumes also what is in
    /// those below it.
    ///
    /// # Errors
    ///
    /// [`RootError::Locked`] where a run is at work in one of the directories: what it is making looks the
    /// same. [`RootError::Unsupported`] where this root cannot find out.
    async fn leftovers(&self, path: &Path) -> Result<Vec<Leftover>, RootError> {
        let _ = path;
        Err(RootError::Unsupported { root: self.name(), operation: "find what runs have left" })
    }

    /// Removes what [`BtrfsRoot::leftovers`] has found, if it still is that.
    ///
    /// # Errors
    ///
    /// As [`BtrfsRoot::leftovers`]; [`RootError::Vanished`] or [`RootError::Replaced`] where it is not there
    /// any more.
    async fn remove(&self, left: &Leftover) -> Result<(), RootError> {
        let _ = left;
        Err(RootError::Unsupported { root: self.name(), operation: "remove what runs have left" })
    }

    /// Starts to receive the streams of a flow into the directory `path`.
    ///
    /// A stream that is not the one that `meta` tells of is refused. When the completion yields, the received subvolumes are complete and durable under their
    /// names; where it fails, there is nothing under the name of the one that failed.
    async fn receive(
        &self,
        flow: Flow,
        path: &Path,
        meta: StreamMeta,
    ) -> Result<Completion<Vec<Received>>, RootError>;

    /// Reads a subvolume in full where it is, and returns the digests of it.
    ///
    /// # Errors
    ///
    /// [`RootError::Unsupported`] where this root has no way to; where anything of the subvolume cannot
    /// be read; where it is not read-only, or was changed meanwhile.
    async fn digest(
        &self,
        vol: &Subvolume,
        options: DigestOptions,
        cancel: &Cancel,
    ) -> Result<Box<dyn Digests>, RootError> {
        let _ = (vol, options, cancel);
        Err(RootError::Unsupported { root: self.name(), operation: "digest subvolumes" })
    }

    /// Starts to receive the stream of one subvolume into the directory `path`, not to keep it: when the
    /// completion yields the digests of what the stream makes, that is gone again.
    ///
    /// # Errors
    ///
    /// [`RootError::Unsupported`] where this root has no way to; else as [`BtrfsRoot::receive`] and
    /// [`BtrfsRoot::digest`].
    async fn replay(
        &self,
        flow: Flow,
        path: &Path,
        meta: StreamMeta,
        options: DigestOptions,
        cancel: &Cancel,
    ) -> Result<Completion<Box<dyn Digests>>, RootError> {
        let _ = (flow, path, meta, options, cancel);
        Err(RootError::Unsupported { root: self.name(), operation: "replay streams" })
    }
}

/// What subvolumes hold, by their ids.
pub type Sizes = BTreeMap<u64, Size>;

/// What a subvolume holds on the disk, metadata included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// All that it refers to, shared with others or not, in bytes.
    pub referenced: u64,
    /// What no other subvolume refers to, in bytes: what its deletion would free.
    pub exclusive: u64,
}

/// What room there is at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What is free for data, in bytes.
    pub free: u64,
    /// What is in use on its filesystem, in bytes.
    pub used: u64,
    /// Why more may fit than that, if there is a reason.
    pub reserve: Option<Reserve>,
}

/// Why more may fit than is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// What is written is compressed.
    Compression,
    /// Deleted subvolumes have not given their space back yet.
    Deleted,
    /// An interrupted run has left something, which is continued or deleted.
    Unfinished,
}

/// Which subvolumes a root lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// All that are reachable under the root.
    #[default]
    All,
    /// Those that the root's subvolume holds directly, not inside a nested one; relations take all
    /// subvolumes of the filesystem into account.
    Strict,
    /// As strict, with relations found among these alone.
    Isolated,
}

/// How to make a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootOptions {
    /// Which subvolumes are listed.
    pub scope: Scope,
    /// List read-only subvolumes only; the others cannot be sent.
    pub readonly: bool,
    /// Create the directory that is received into where it does not exist.
    pub create_recvpath: bool,
    /// How what is received here can be continued after an interruption.
    pub checkpoints: Checkpoints,
    /// The best form that streams are sent or received in here.
    pub form: StreamForm,
}

impl Default for RootOptions {
    fn default() -> Self {
        let (checkpoints, form) = (Checkpoints::default(), StreamForm::Compressed);
        Self { scope: Scope::All, readonly: true, create_recvpath: false, checkpoints, form }
    }
}

/// Makes the roots of one protocol.
#[async_trait]
pub trait RootFactory: fmt::Debug + Send + Sync {
    /// Finds the subvolume that holds `path`, makes a root of it, and returns it with `path` relative
    /// to it. `path` need not exist, but a directory above it must.
    async fn get_root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError>;

    /// Returns what stands at `path`.
    async fn look(&self, path: &Path) -> Result<Look, RootError>;

    /// Looks at the machine and, if it is wanted, at a place on it, and changes nothing.
    ///
    /// # Errors
    ///
    /// Where the machine cannot be reached; what is wrong with the place is in the facts.
    async fn examine(&self, path: Option<&Path>) -> Result<Facts, RootError> {
        let _ = path;
        Err(RootError::Unsupported { root: format!("{self:?}"), operation: "tell what it is" })
    }

    /// Returns whether `path`, which must exist, is the root directory of a subvolume.
    async fn is_root(&self, path: &Path) -> Result<bool, RootError> {
        match self.look(path).await?.kind {
            Kind::Missing => {
                let source = std::io::ErrorKind::NotFound.into();
                Err(RootError::Open { path: path.to_path_buf(), source })
            }
            kind => Ok(kind == Kind::Subvolume),
        }
    }
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Of what kind it is; symbolic links are followed.
    pub kind: Kind,
    /// Its absolute path without symbolic links; where nothing is there, the path that was asked for.
    pub path: PathBuf,
    /// Whether a mount begins there.
    pub mounted: bool,
}

/// Of what kind it is what stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Kind {
    /// Nothing is there.
    Missing,
    /// A regular file.
    File,
    /// A directory, but not that of a subvolume.
    Directory,
    /// The root directory of a subvolume.
    Subvolume,
    /// Something else.
    #[default]
    #[serde(other)]
    Other,
}
