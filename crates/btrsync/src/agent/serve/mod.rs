//! The other end: a btrsync that does for another one what that asks for.
//!
//! One process, one connection, one lifetime: when the connection ends, for whatever reason, all that was
//! going on for it is cancelled, and its locks end with the process. Each operation has a thread, for what
//! it does blocks.

mod fence;
mod lists;
mod measure;
mod streams;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::fence::{Allow, Fence, Refusals};
use self::fence::{Deed, Fenced};
use super::channel::{Broken, Channel, Item};
use super::error::AgentError;
use super::failure::{Failure, Sort};
use super::hello::{GREETING, PATIENCE, hear, tell};
use super::input::Input;
use super::message::{self, Answer, Hello, Request};
use super::mux::{Ended, Mux};
use super::value::{Bytes, Impossible, Pack};
use crate::process::Feed;
use crate::sync::root::local::Local;
use crate::sync::root::{RootError, RootFactory, RootOptions};
use crate::text::escaped;
use crate::{Cancel, thread};

/// How long operations may take to end once the connection has.
const LEAVE: Duration = Duration::from_secs(60);

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where relative paths begin, unless there is a fence.
    pub base: PathBuf,
    /// What the other side may do, where that is not everything.
    pub fence: Option<Fence>,
}

/// Serves one connection until it ends.
///
/// # Errors
///
/// Where the other side is not a btrsync that this one understands, or the connection breaks.
pub fn serve(
    input: OwnedFd,
    output: OwnedFd,
    options: ServeOptions,
    cancel: &Cancel,
) -> Result<(), AgentError> {
    let failed =
        |error: std::io::Error| AgentError::ended(CLIENT, &Ended::of(&error, PATIENCE), None);
    let mut output = Feed::new(output, cancel).map_err(failed)?;
    std::io::Write::write_all(&mut output, GREETING).map_err(failed)?;
    let allowed = options.fence.as_ref().map(Fence::words);
    tell(&mut output, &Hello { allowed, ..Hello::ours(PATIENCE) }).map_err(failed)?;
    let mut input = Input::new(Vec::new(), input, PATIENCE, cancel);
    let theirs = hear(&mut input).map_err(failed)?;
    if !theirs.fits() {
        return Err(theirs.misfit(CLIENT));
    }
    input.patience = theirs.patience();
    let server = Arc::new(Server::new(options));
    let mux = start(&server, input, output, cancel).map_err(failed)?;
    while !mux.over().is_cancelled_within(Duration::from_secs(3600)) {}
    server.wait_for_all();
    match mux.ended() {
        None | Some(Ended::Here | Ended::There) => Ok(()),
        Some(ended) => Err(AgentError::ended(CLIENT, &ended, None)),
    }
}

/// What the other side is called.
const CLIENT: &str = "the other side";

fn start(
    server: &Arc<Server>,
    input: Input,
    output: Feed,
    cancel: &Cancel,
) -> std::io::Result<Mux> {
    let server = Arc::clone(server);
    let accept = move |channel: Channel| {
        let one = server.begin();
        // Without a thread for it, the channel is closed and the other side knows.
        let _ = thread::run(move || one.0.answer(&Arc::new(channel)));
    };
    Mux::start(input, output, Some(Box::new(accept)), cancel)
}

/// What all operations of a connection share.
#[derive(Debug)]
struct Server {
    options: ServeOptions,
    /// The roots by their channels.
    roots: Mutex<HashMap<u32, Fenced>>,
    running: Mutex<usize>,
    less: Condvar,
}

/// Counts an operation for as long as it lives.
struct One(Arc<Server>);

impl Drop for One {
    fn drop(&mut self) {
        *lock(&self.0.running) -= 1;
        self.0.less.notify_all();
    }
}

/// Why an operation does not go on.
#[derive(Debug)]
enum Stop {
    /// Nobody is there to be told.
    Broken,
    /// The other side is told.
    Failed(Failure),
}

impl From<Broken> for Stop {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

impl From<RootError> for Stop {
    fn from(error: RootError) -> Self {
        Self::Failed(Failure::from(&error))
    }
}

impl From<Impossible> for Stop {
    fn from(impossible: Impossible) -> Self {
        Self::Failed(Failure::new(Sort::Unsupported, impossible.to_string()))
    }
}

type Answered<T> = Result<T, Stop>;

impl Server {
    fn new(options: ServeOptions) -> Self {
        let (roots, running, less) = Default::default();
        Self { options, roots, running, less }
    }

    fn begin(self: &Arc<Self>) -> One {
        *lock(&self.running) += 1;
        One(Arc::clone(self))
    }

    fn wait_for_all(&self) {
        let running = lock(&self.running);
        // What is still at it then ends with the process.
        drop(self.less.wait_timeout_while(running, LEAVE, |running| *running > 0));
    }

    /// Does what a channel asks for.
    fn answer(self: &Arc<Self>, channel: &Arc<Channel>) {
        if let Err(Stop::Failed(failure)) = self.request(channel) {
            let failure = match &self.options.fence {
                Some(fence) => fence.judge(failure),
                None => failure,
            };
            // Where nobody is there to be told, nobody wants to know.
            let _ = say(channel, &Answer::Failed(failure));
        }
    }

    fn request(&self, channel: &Arc<Channel>) -> Answered<()> {
        let Item::Message(bytes) = channel.next(channel.gone())? else {
            return Err(Impossible("a channel begins with a request").into());
        };
        match message::decode(&bytes)? {
            Request::Ping => say(channel, &Answer::Done),
            Request::Look { path } => self.look(channel, path),
            Request::Examine { path } => self.examine(channel, path),
            Request::Root { path, options } => self.open(channel, path, &options.into()),
            Request::List { root } => lists::list(channel, &self.root(root, Deed::See)?),
            Request::Show { root, path } => {
                lists::show(channel, &self.root(root, Deed::See)?, path)
            }
            Request::Occupied { root, paths } => {
                lists::occupied(channel, &self.root(root, Deed::See)?, paths)
            }
            Request::Lock { root, path } => self.lock(channel, root, path, false),
            Request::Sweep { root, path } => self.lock(channel, root, path, true),
            Request::Partial { root, path } => {
                lists::partial(channel, &self.root(root, Deed::Receive)?, path)
            }
            Request::Estimate { root, vols, parent, clones, form } => {
                let wanted = streams::Wanted {
                    vols,
                    parent,
                    clones,
                    skip: Vec::new(),
                    form,
                    pack: Pack::Never,
                };
                measure::estimate(channel, &self.root(root, Deed::Read)?, wanted)
            }
            Request::Enough => Err(Impossible("nothing is being measured").into()),
            Request::Space { root, path } => {
                measure::space(channel, &self.root(root, Deed::See)?, path)
            }
            Request::Leftovers { root, path } => {
                measure::leftovers(channel, &self.root(root, Deed::Delete)?, path)
            }
            Request::Remove { root, left } => {
                measure::remove(channel, &self.root(root, Deed::Delete)?, left)
            }
            Request::Send { root, vols, parent, clones, skip, form, pack } => {
                let wanted = streams::Wanted { vols, parent, clones, skip, form, pack };
                streams::send(channel, &self.root(root, Deed::Read)?, wanted)
            }
            Request::Receive { root, path, meta } => {
                streams::receive(channel, &self.root(root, Deed::Receive)?, path, meta)
            }
            Request::Digest { root, vol, counts } => {
                streams::digest(channel, &self.root(root, Deed::Read)?, vol, counts)
            }
            Request::Replay { root, path, meta, counts } => {
                self.root(root, Deed::Read)?;
                streams::replay(channel, &self.root(root, Deed::Receive)?, path, meta, counts)
            }
            Request::Children { .. } => Err(Impossible("nothing was digested").into()),
        }
    }

    fn look(&self, channel: &Channel, path: Bytes) -> Answered<()> {
        let path = path.into_path();
        let place = match &self.options.fence {
            None => self.options.base.join(path),
            Some(fence) => {
                fence.check(Deed::See)?;
                fence.place(&path)?
            }
        };
        let look = wait(Local.look(&place))?;
        match &self.options.fence {
            // It was looked at by its path, in which something may have been put meanwhile.
            Some(fence) if !look.path.starts_with(fence.path()) => {
                Err(fence.refuse(format_args!("the path {}", escaped(&place))))
            }
            _ => say(channel, &Answer::Seen(look.into())),
        }
    }

    /// Tells what is known of this machine and of a place; to whoever is fenced in, only what is harmless of a
    /// place that is inside.
    fn examine(&self, channel: &Channel, path: Option<Bytes>) -> Answered<()> {
        let path = path.map(Bytes::into_path);
        let facts = match &self.options.fence {
            None => {
                let place = path.map(|path| self.options.base.join(path));
                wait(Local.examine(place.as_deref()))?
            }
            Some(fence) => {
                fence.check(Deed::See)?;
                let place = fence.place(path.as_deref().unwrap_or(Path::new("")))?;
                let facts = wait(Local.examine(Some(&place)))?;
                match &facts.site {
                    Some(site) if !site.path.starts_with(fence.path()) => {
                        return Err(fence.refuse(format_args!("the path {}", escaped(&place))));
                    }
                    _ => facts.harmless(),
                }
            }
        };
        say(channel, &Answer::Facts(Box::new(facts)))
    }

    /// Makes a root, and keeps it until its channel is closed.
    fn open(&self, channel: &Channel, path: Bytes, options: &RootOptions) -> Answered<()> {
        let path = path.into_path();
        let (root, below) = match &self.options.fence {
            None => {
                let (root, below) = wait(Local.get_root(&self.options.base.join(path), options))?;
                (Fenced { root, fence: None }, below)
            }
            Some(fence) => {
                fence.check(Deed::See)?;
                fence.root(&path, options)?
            }
        };
        let answer = Answer::Root { name: root.root.name(), below: Bytes::of(below) };
        lock(&self.roots).insert(channel.id(), root);
        let said = say(channel, &answer);
        while said.is_ok() && channel.next(channel.gone()).is_ok() {}
        lock(&self.roots).remove(&channel.id());
        said
    }

    fn lock(&self, channel: &Channel, root: u32, path: Bytes, sweep: bool) -> Answered<()> {
        let root = self.root(root, Deed::Receive)?;
        let path = path.into_path();
        root.path(&path)?;
        match sweep {
            true => wait(root.root.sweep(&path))?,
            false => wait(root.root.lock(&path))?,
        }
        say(channel, &Answer::Done)
    }

    /// Returns a root, if something may be done there.
    fn root(&self, number: u32, deed: Deed) -> Answered<Fenced> {
        let root = lock(&self.roots).get(&number).cloned();
        let root = root.ok_or(Impossible("there is no such root"))?;
        root.check(deed)?;
        Ok(root)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits, on the thread of an operation, for what is asynchronous.
fn wait<T>(work: impl Future<Output = Result<T, RootError>>) -> Result<T, RootError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let failed = |source| RootError::System { what: "start an operation", source };
    runtime.map_err(failed)?.block_on(work)
}

fn say(channel: &Channel, answer: &Answer) -> Answered<()> {
    Ok(channel.message(&message::encode(answer)?, channel.gone())?)
}
