//! A root whose filesystem another btrsync reaches: on another machine, or on this one with other rights.
//!
//! What it can do is what a local root can, for that is what it is on the other side. What comes from there
//! is not trusted to be what it should: paths stay below the root, and everything is bounded.

mod digests;
mod factory;
mod lists;
mod measure;
mod streams;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use self::digests::FarDigests;
pub use self::factory::Agent;
use super::contract::{BtrfsRoot, Completion, SendRequest, Space};
use super::error::RootError;
use super::form::StreamForm;
use super::leftover::Leftover;
use super::on_thread;
use crate::agent::{
    Answer, Bytes, Channel, Client, Feature, LONGEST_MESSAGE, Packer, Packing, Request, Vol, begins,
};
use crate::btrfs::{Forest, Subvolume};
use crate::receive::{Partial, Received, StreamMeta};
use crate::sync::Estimate;
use crate::sync::clones::CloneSources;
use crate::verify::{DigestOptions, Digests};
use crate::{Cancel, Flow};

/// A btrfs filesystem that another btrsync reaches, seen from one of its subvolumes.
#[derive(Debug)]
pub struct AgentRoot {
    far: Far,
    name: String,
    /// The best form of the streams that are wanted.
    form: StreamForm,
    packing: Packing,
}

/// A root of the other side, which is there for as long as its channel.
#[derive(Debug, Clone)]
struct Far {
    client: Arc<Client>,
    channel: Arc<Channel>,
}

impl Far {
    fn id(&self) -> u32 {
        self.channel.id()
    }
}

impl AgentRoot {
    fn open(
        client: Arc<Client>,
        request: &Request,
        form: StreamForm,
        packing: Packing,
    ) -> Result<(Self, PathBuf), RootError> {
        let channel = client.call(request, client.cancel())?;
        let Answer::Root { name, below } = client.answer(&channel, client.cancel())? else {
            return Err(client.garbled("it does not say which root that is"));
        };
        let below = below.into_path();
        if !lists::is_below(&below) {
            return Err(client.garbled("a path leads out of its root"));
        }
        let name: String = name.chars().filter(|c| !c.is_control()).collect();
        let name = match client.host() {
            "" => name,
            host => format!("{host}:{name}"),
        };
        let far = Far { client, channel: Arc::new(channel) };
        Ok((Self { far, name, form, packing }, below))
    }

    /// The best form of streams, given what the other side must have for it.
    fn form_with(&self, feature: Feature) -> StreamForm {
        if self.far.client.has(feature) { self.form } else { StreamForm::One }
    }

    /// Runs blocking work on a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Far) -> Result<T, RootError> + Send + 'static,
    ) -> Result<T, RootError> {
        let far = self.far.clone();
        on_thread(move || work(&far)).await
    }

    /// Asks for something whose answer is only that it is done.
    async fn done(&self, request: Request) -> Result<(), RootError> {
        self.blocking(move |far| match far.client.ask(&request)? {
            Answer::Done => Ok(()),
            _ => Err(far.client.garbled("it does not say that it is done")),
        })
        .await
    }
}

#[async_trait]
impl BtrfsRoot for AgentRoot {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn partial(&self, path: &Path) -> Result<Vec<Partial>, RootError> {
        let path = Bytes::of(path);
        self.blocking(move |far| lists::partial(far, path)).await
    }

    fn is_remote(&self) -> bool {
        !self.far.client.host().is_empty()
    }

    /// The other side does not take more channels than it can have threads for.
    fn most_at_once(&self) -> usize {
        16
    }

    /// All of them have to be named in one message.
    fn longest_batch(&self) -> Option<usize> {
        Some(LONGEST_MESSAGE / 4 * 3)
    }

    async fn list(&self) -> Result<Forest, RootError> {
        self.blocking(lists::list).await
    }

    async fn show(&self, path: &Path) -> Result<Subvolume, RootError> {
        let path = Bytes::of(path);
        self.blocking(move |far| lists::show(far, path)).await
    }

    async fn occupied(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>, RootError> {
        let paths = paths.to_vec();
        self.blocking(move |far| lists::occupied(far, &paths)).await
    }

    async fn lock(&self, path: &Path) -> Result<(), RootError> {
        self.done(Request::Lock { root: self.far.id(), path: Bytes::of(path) }).await
    }

    async fn sweep(&self, path: &Path) -> Result<(), RootError> {
        self.done(Request::Sweep { root: self.far.id(), path: Bytes::of(path) }).await
    }

    fn sends(&self) -> StreamForm {
        self.form_with(Feature::SendsCompressed)
    }

    fn takes(&self) -> StreamForm {
        self.form_with(Feature::TakesCompressed)
    }

    fn sends_clones(&self) -> CloneSources {
        CloneSources::Always
    }

    fn receives_clones(&self) -> CloneSources {
        CloneSources::Always
    }

    async fn estimate(&self, request: SendRequest<'_>) -> Option<Estimate> {
        let asked = Request::Estimate {
            root: self.far.id(),
            vols: request.vols.iter().map(Vol::from).collect(),
            parent: request.parent.map(Vol::from),
            clones: request.clones.iter().map(Vol::from).collect(),
            form: request.form.into(),
        };
        let enough = request.cancel.clone();
        self.blocking(move |far| measure::estimate(far, &asked, &enough)).await.ok().flatten()
    }

    async fn space(&self, path: &Path) -> Option<Space> {
        let path = Bytes::of(path);
        self.blocking(move |far| measure::space(far, path)).await.ok().flatten()
    }

    async fn leftovers(&self, path: &Path) -> Result<Vec<Leftover>, RootError> {
        let path = Bytes::of(path);
        self.blocking(move |far| measure::leftovers(far, path)).await
    }

    async fn remove(&self, left: &Leftover) -> Result<(), RootError> {
        self.done(Request::Remove { root: self.far.id(), left: left.into() }).await
    }

    async fn send(&self, request: SendRequest<'_>) -> Result<(Flow, Completion<()>), RootError> {
        let asked = Request::Send {
            root: self.far.id(),
            vols: request.vols.iter().map(Vol::from).collect(),
            parent: request.parent.map(Vol::from),
            clones: request.clones.iter().map(Vol::from).collect(),
            skip: begins(request.skip),
            form: request.form.into(),
            pack: self.packing.into(),
        };
        let (skip, cancel) = (request.skip.to_vec(), request.cancel.clone());
        self.blocking(move |far| streams::send(far, &asked, &skip, &cancel)).await
    }

    async fn receive(
        &self,
        flow: Flow,
        path: &Path,
        meta: StreamMeta,
    ) -> Result<Completion<Vec<Received>>, RootError> {
        let (root, path, packer) = (self.far.id(), Bytes::of(path), Packer::new(self.packing));
        let asked = Request::Receive { root, path, meta: (&meta).into() };
        self.blocking(move |far| streams::receive(far, &asked, (flow, packer))).await
    }

    async fn digest(
        &self,
        vol: &Subvolume,
        options: DigestOptions,
        cancel: &Cancel,
    ) -> Result<Box<dyn Digests>, RootError> {
        let (root, vol, counts) = (self.far.id(), vol.into(), options.into());
        let (asked, cancel) = (Request::Digest { root, vol, counts }, cancel.clone());
        let digests = self.blocking(move |far| {
            let channel = far.client.call(&asked, &cancel)?;
            FarDigests::wait(Arc::clone(&far.client), Arc::new(channel), &cancel)
        });
        Ok(Box::new(digests.await?))
    }

    async fn replay(
        &self,
        flow: Flow,
        path: &Path,
        meta: StreamMeta,
        options: DigestOptions,
        cancel: &Cancel,
    ) -> Result<Completion<Box<dyn Digests>>, RootError> {
        let (root, path, counts) = (self.far.id(), Bytes::of(path), options.into());
        let asked = Request::Replay { root, path, meta: (&meta).into(), counts };
        let (packer, cancel) = (Packer::new(self.packing), cancel.clone());
        self.blocking(move |far| streams::replay(far, &asked, (flow, packer), &cancel)).await
    }
}
