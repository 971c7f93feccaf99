//! A root on this machine, through the kernel, in this process.
//!
//! Paths come from a listing that may be old by the time they are opened; so what is opened is
//! always compared with what was listed before anything is done with it.

mod digest;
mod directory;
mod estimate;
mod facts;
mod leftovers;
mod list;
mod locate;
mod lock;
mod look;
mod open;
mod send;
mod skip;
mod space;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::future::join;

use self::locate::Located;
use self::lock::Locks;
use super::contract::{
    BtrfsRoot, Completion, Look, RootFactory, RootOptions, SendRequest, Size, Sizes, Space,
};
use super::error::RootError;
use super::facts::Facts;
use super::form::StreamForm;
use super::leftover::Leftover;
use super::{on_thread, start};
use crate::btrfs::{Forest, Subvolume};
use crate::flow::waits;
use crate::receive::{self, Partial, ReceiveOptions, Received, StreamMeta};
use crate::sync::Estimate;
use crate::sync::clones::CloneSources;
use crate::text::escaped;
use crate::verify::{DigestOptions, Digests};
use crate::{Cancel, Flow};

/// Makes roots on this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Local;

/// A btrfs filesystem that is mounted on this machine, seen from one of its subvolumes.
#[derive(Debug)]
pub struct LocalRoot {
    shared: Arc<Shared>,
}

/// What the threads of a root share.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    dir: std::fs::File,
    options: RootOptions,
    locks: Locks,
    /// Where what a stream builds on must be, if not only below the root.
    fence: Option<std::fs::File>,
    /// Where it is noted that only what can be reached was listed; else that is a failure.
    reached: Option<Arc<AtomicBool>>,
}

impl Shared {
    fn new(located: Located, options: &RootOptions, fence: Option<std::fs::File>) -> Self {
        let Located { path, dir, .. } = located;
        let (options, locks) = (options.clone(), Locks::default());
        Self { path, dir, options, locks, fence, reached: None }
    }
}

impl LocalRoot {
    fn new(located: Located, options: &RootOptions, fence: Option<std::fs::File>) -> Self {
        Self { shared: Arc::new(Shared::new(located, options, fence)) }
    }

    /// As [`Local::get_root`], waiting for it here, for whoever may use nothing that is not below `fence`:
    /// what streams build on is confined to that, the rest is left to the caller.
    pub(crate) fn fenced(
        path: &Path,
        options: &RootOptions,
        fence: std::fs::File,
    ) -> Result<(Self, PathBuf), RootError> {
        let located = locate::locate(path)?;
        let below = located.below.clone();
        Ok((Self::new(located, options, Some(fence)), below))
    }

    /// Returns the path of the root.
    pub(crate) fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Runs blocking work on a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, RootError> + Send + 'static,
    ) -> Result<T, RootError> {
        let shared = Arc::clone(&self.shared);
        on_thread(move || work(&shared)).await
    }
}

fn pipe(cancel: &Cancel) -> Result<(OwnedFd, Flow), RootError> {
    Flow::pipe(cancel).map_err(|source| RootError::System { what: "make a pipe", source })
}

/// What ended two that are joined by a pipe: the one that did not only see the other end.
fn first((one, other): (Result<(), RootError>, Result<(), RootError>)) -> Result<(), RootError> {
    match (one, other) {
        (Err(consequence), Err(cause)) if consequence.is_consequence() => Err(cause),
        (one, other) => one.and(other),
    }
}

#[async_trait]
impl RootFactory for Local {
    async fn get_root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError> {
        let (located, below) = located(path).await?;
        Ok((Arc::new(LocalRoot::new(located, options, None)), below))
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        let path = path.to_path_buf();
        on_thread(move || look::look(&path)).await
    }

    async fn examine(&self, path: Option<&Path>) -> Result<Facts, RootError> {
        let path = path.map(Path::to_path_buf);
        on_thread(move || Ok(facts::facts(path.as_deref()))).await
    }
}

/// Finds the subvolume that a path is in, and where it is below that.
async fn located(path: &Path) -> Result<(Located, PathBuf), RootError> {
    let path = path.to_path_buf();
    let located = on_thread(move || locate::locate(&path)).await?;
    let below = located.below.clone();
    Ok((located, below))
}

/// As [`Local`], for a user who may not list a whole filesystem, and only wants to see: then what he can
/// reach is listed, below the root alone.
#[derive(Debug, Clone, Default)]
pub struct Reachable(Arc<AtomicBool>);

impl Reachable {
    /// Returns whether something was listed in that way until now.
    pub fn was_needed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl RootFactory for Reachable {
    async fn get_root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError> {
        let (located, below) = located(path).await?;
        let shared = Shared::new(located, options, None);
        let shared = Arc::new(Shared { reached: Some(Arc::clone(&self.0)), ..shared });
        Ok((Arc::new(LocalRoot { shared }), below))
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        Local.look(path).await
    }

    async fn examine(&self, path: Option<&Path>) -> Result<Facts, RootError> {
        Local.examine(path).await
    }
}

#[async_trait]
impl BtrfsRoot for LocalRoot {
    fn name(&self) -> String {
        escaped(&self.shared.path).to_string()
    }

    async fn list(&self) -> Result<Forest, RootError> {
        self.blocking(list::list).await
    }

    async fn show(&self, path: &Path) -> Result<Subvolume, RootError> {
        let path = path.to_path_buf();
        self.blocking(move |shared| list::show(shared, &path)).await
    }

    async fn occupied(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RootError> {
        let paths = paths.to_vec();
        self.blocking(move |shared| directory::occupied(shared, paths)).await
    }

    fn sends(&self) -> StreamForm {
        self.shared.options.form.min(send::best_form())
    }

    fn takes(&self) -> StreamForm {
        self.shared.options.form
    }

    fn is_here(&self) -> bool {
        true
    }

    fn sends_clones(&self) -> CloneSources {
        CloneSources::Always
    }

    fn receives_clones(&self) -> CloneSources {
        CloneSources::Always
    }

    async fn lock(&self, path: &Path) -> Result<(), RootError> {
        let path = path.to_path_buf();
        self.blocking(move |shared| directory::open_locked(shared, &path).map(drop)).await
    }

    async fn partial(&self, path: &Path) -> Result<Vec<Partial>, RootError> {
        let path = path.to_path_buf();
        self.blocking(move |shared| directory::partial(shared, &path)).await
    }

    async fn estimate(&self, request: SendRequest<'_>) -> Option<Estimate> {
        let (vols, parent) = (request.vols.to_vec(), request.parent.cloned());
        let (clones, cancel) = (request.clones.to_vec(), request.cancel.clone());
        let (form, at_hand) = (request.form.min(self.sends()), request.at_hand);
        let measured = self.blocking(move |shared| {
            let sends = send::prepare(shared, &vols, parent, &clones, form)?;
            Ok(estimate::measure(sends, at_hand, &cancel))
        });
        measured.await.ok().flatten()
    }

    async fn space(&self, path: &Path) -> Option<Space> {
        let path = path.to_path_buf();
        self.blocking(move |shared| Ok(space::space(shared, &path))).await.ok().flatten()
    }

    async fn sizes(&self) -> Option<Sizes> {
        let usages =
            self.blocking(move |shared| Ok(btrsync_kernel::usages(&shared.dir))).await.ok()?;
        let size = |(id, usage): (u64, btrsync_kernel::Usage)| {
            (id, Size { referenced: usage.referenced, exclusive: usage.exclusive })
        };
        Some(usages.ok()??.into_iter().map(size).collect())
    }

    async fn send(&self, request: SendRequest<'_>) -> Result<(Flow, Completion<()>), RootError> {
        let shared = Arc::clone(&self.shared);
        let vols = request.vols.to_vec();
        let parent = request.parent.cloned();
        let clones = request.clones.to_vec();
        let form = request.form.min(self.sends());
        let at_hand = request.at_hand;
        let prepare = move || {
            let mut sends = send::prepare(&shared, &vols, parent, &clones, form)?;
            let originals = if at_hand { send::leave_data(&mut sends)? } else { Vec::new() };
            Ok((sends, originals))
        };
        let (sends, originals) = on_thread(prepare).await?;
        let (writer, flow) = pipe(request.cancel)?;
        let flow = flow.without_data(originals);
        let cancel = request.cancel.clone();
        let paths: Vec<PathBuf> = sends.iter().map(|sending| sending.path.clone()).collect();
        let (teller, waits) = waits::channel();
        let sent =
            start(move || send::run(&sends, at_hand, &writer, &cancel, |busy| teller.tell(busy)))?;
        if request.skip.is_empty() {
            return Ok((flow.telling(waits), sent));
        }
        let skip = request.skip.to_vec();
        let (shorter, rest) = pipe(request.cancel)?;
        let rest = rest.with_skipped(skip.clone()).telling(waits);
        let passed = start(move || skip::pass(flow, shorter, &skip, &paths))?;
        Ok((rest, Box::pin(async { first(join(passed, sent).await) })))
    }

    async fn receive(
        &self,
        flow: Flow,
        path: &Path,
        meta: StreamMeta,
    ) -> Result<Completion<Vec<Received>>, RootError> {
        let path = path.to_path_buf();
        let into = self.blocking(move |shared| directory::open_locked(shared, &path)).await?;
        let checkpoints = self.shared.options.checkpoints;
        let options = ReceiveOptions { checkpoints, ..ReceiveOptions::default() };
        start(move || {
            let received = receive::receive_flow(flow, &into, &meta, options);
            received.map_err(RootError::from)
        })
    }

    async fn leftovers(&self, path: &Path) -> Result<Vec<Leftover>, RootError> {
        let path = path.to_path_buf();
        self.blocking(move |shared| leftovers::find(shared, &path)).await
    }

    async fn remove(&self, left: &Leftover) -> Result<(), RootError> {
        let left = left.clone();
        self.blocking(move |shared| leftovers::remove(shared, &left)).await
    }

    async fn digest(
        &self,
        vol: &Subvolume,
        options: DigestOptions,
        cancel: &Cancel,
    ) -> Result<Box<dyn Digests>, RootError> {
        let (vol, cancel) = (vol.clone(), cancel.clone());
        let tree = self.blocking(move |shared| digest::digest(shared, &vol, options, &cancel));
        Ok(Box::new(tree.await?))
    }

    async fn replay(
        &self,
        flow: Flow,
        path: &Path,
        meta: StreamMeta,
        options: DigestOptions,
        cancel: &Cancel,
    ) -> Result<Completion<Box<dyn Digests>>, RootError> {
        let (path, cancel) = (path.to_path_buf(), cancel.clone());
        let into = self.blocking(move |shared| directory::open_locked(shared, &path)).await?;
        start(move || digest::replay(flow, &into, &meta, options, &cancel))
    }
}
