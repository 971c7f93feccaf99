//! The other end: a btrsync that does for another one what that asks for.
//!
//! One process, one connection, one lifetime: when the connection ends, for whatever reason, all that was
//! going on for it is cancelled, and its locks end with the process. Each operation has a thread, for what
//! it does blocks.

mod lists;
mod streams;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::channel::{Broken, Channel, Item};
use super::error::AgentError;
use super::failure::{Failure, Sort};
use super::hello::{GREETING, PATIENCE, hear, tell};
use super::input::Input;
use super::message::{self, Answer, Hello, Request};
use super::mux::{Ended, Mux};
use super::value::{Bytes, Impossible};
use crate::process::Feed;
use crate::sync::root::local::Local;
use crate::sync::root::{BtrfsRoot, RootError, RootFactory, RootOptions};
use crate::{Cancel, thread};

/// How long operations may take to end once the connection has.
const LEAVE: Duration = Duration::from_secs(60);

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeOptions {
    /// Where relative paths begin.
    pub base: PathBuf,
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
    tell(&mut output, &Hello::ours(PATIENCE)).map_err(failed)?;
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
    roots: Mutex<HashMap<u32, Arc<dyn BtrfsRoot>>>,
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
            Request::Root { path, options } => self.open(channel, path, &options.into()),
            Request::List { root } => lists::list(channel, &*self.root(root)?),
            Request::Show { root, path } => lists::show(channel, &*self.root(root)?, path),
            Request::Occupied { root, paths } => {
                lists::occupied(channel, &*self.root(root)?, paths)
            }
            Request::Lock { root, path } => {
                wait(self.root(root)?.lock(&path.into_path()))?;
                say(channel, &Answer::Done)
            }
            Request::Sweep { root, path } => {
                wait(self.root(root)?.sweep(&path.into_path()))?;
                say(channel, &Answer::Done)
            }
            Request::Partial { root, path } => lists::partial(channel, &*self.root(root)?, path),
            Request::Send { root, vols, parent, clones, skip } => {
                let wanted = streams::Wanted { vols, parent, clones, skip };
                streams::send(channel, &*self.root(root)?, wanted)
            }
            Request::Receive { root, path, meta } => {
                streams::receive(channel, &*self.root(root)?, path, meta)
            }
            Request::Digest { root, vol, counts } => {
                streams::digest(channel, &*self.root(root)?, vol, counts)
            }
            Request::Replay { root, path, meta, counts } => {
                streams::replay(channel, &*self.root(root)?, path, meta, counts)
            }
            Request::Children { .. } => Err(Impossible("nothing was digested").into()),
        }
    }

    fn place(&self, path: Bytes) -> PathBuf {
        self.options.base.join(path.into_path())
    }

    fn look(&self, channel: &Channel, path: Bytes) -> Answered<()> {
        let look = wait(Local.look(&self.place(path)))?;
        say(channel, &Answer::Seen(look.into()))
    }

    /// Makes a root, and keeps it until its channel is closed.
    fn open(&self, channel: &Channel, path: Bytes, options: &RootOptions) -> Answered<()> {
        let (root, below) = wait(Local.get_root(&self.place(path), options))?;
        let answer = Answer::Root { name: root.name(), below: Bytes::of(below) };
        lock(&self.roots).insert(channel.id(), root);
        let said = say(channel, &answer);
        while said.is_ok() && channel.next(channel.gone()).is_ok() {}
        lock(&self.roots).remove(&channel.id());
        said
    }

    fn root(&self, number: u32) -> Result<Arc<dyn BtrfsRoot>, Impossible> {
        lock(&self.roots).get(&number).cloned().ok_or(Impossible("there is no such root"))
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
