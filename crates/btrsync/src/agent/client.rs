//! This end: asks another btrsync to do something.

use std::fmt;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::channel::{Broken, Channel, Item};
use super::error::AgentError;
use super::hello::{Feature, GREETING, PATIENCE, hear, tell};
use super::input::Input;
use super::message::{self, Answer, Hello, Request};
use super::mux::{Ended, Mux};
use crate::Cancel;
use crate::process::Feed;
use crate::sync::root::RootError;

/// What may come before the greeting, in bytes.
const NOISE: usize = 1 << 20;

/// How long after the end of a connection a signal to us may be noticed.
const INTERRUPTED: Duration = Duration::from_millis(100);

/// The process that carries a connection. Dropped, it is ended.
pub(crate) trait Carrier: fmt::Debug + Send {
    /// Tells how it ended, or what it said.
    fn words(&mut self) -> String;

    /// Waits for its end, for some time; nothing more is wanted of it.
    fn end(self: Box<Self>);
}

/// A process that was started and is to become a connection.
#[derive(Debug)]
pub(crate) struct Greeted {
    /// What was read of its output already, from the greeting on.
    pub(crate) early: Vec<u8>,
    pub(crate) input: Feed,
    pub(crate) output: OwnedFd,
    pub(crate) carrier: Box<dyn Carrier>,
}

/// A connection to another btrsync.
#[derive(Debug)]
pub(crate) struct Client {
    mux: Mux,
    /// The machine; empty for this one.
    host: String,
    theirs: Hello,
    carrier: Mutex<Option<Box<dyn Carrier>>>,
    words: OnceLock<String>,
    cancel: Cancel,
}

impl Client {
    /// Waits for the greeting of the other side, for `wait` at most, and greets back.
    pub(crate) fn start(
        from: Greeted,
        host: &str,
        wait: Duration,
        patience: Duration,
        cancel: &Cancel,
    ) -> Result<Self, RootError> {
        let Greeted { early, input: mut output, output: fd, mut carrier } = from;
        let mut input = Input::new(early, fd, wait, cancel);
        let name = shown(host);
        let theirs = greet(&mut input, &mut output, patience, |hello| hello.misfit(&name))
            .map_err(|error| match error {
                _ if cancel.is_cancelled_within(INTERRUPTED) => RootError::Cancelled,
                Refused::Version(error) => error.into(),
                Refused::Io(error) => {
                    let said = Some(carrier.words()).filter(|words| !words.is_empty());
                    let why = said.unwrap_or_else(|| error.to_string());
                    AgentError::Absent { host: name.clone(), why }.into()
                }
            })?;
        input.patience = patience;
        let mux = Mux::start(input, output, None, cancel)
            .map_err(|source| RootError::System { what: "start a connection", source })?;
        Ok(Self {
            mux,
            host: host.to_owned(),
            theirs,
            carrier: Mutex::new(Some(carrier)),
            words: OnceLock::new(),
            cancel: cancel.clone(),
        })
    }

    /// Returns the machine; empty for this one.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the version of the program there, for people.
    pub(crate) fn program(&self) -> String {
        self.theirs.program.chars().filter(char::is_ascii_graphic).take(40).collect()
    }

    /// Returns the version of the protocol there.
    pub(crate) fn protocol(&self) -> String {
        format!("{}.{}", self.theirs.major, self.theirs.minor)
    }

    /// Returns all that the other side allows, where that is not everything.
    pub(crate) fn allowed(&self) -> Option<Vec<String>> {
        let clean = |word: &String| word.chars().filter(char::is_ascii_graphic).take(40).collect();
        self.theirs.allowed.as_ref().map(|words| words.iter().take(16).map(clean).collect())
    }

    /// Whether the other side has something beyond what its version says.
    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.theirs.has(feature)
    }

    /// Returns the switch that ends what waits for the other side.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Asks for something that has one answer.
    pub(crate) fn ask(&self, request: &Request) -> Result<Answer, RootError> {
        let channel = self.call(request, &self.cancel)?;
        self.answer(&channel, &self.cancel)
    }

    /// Asks for something on a channel of its own.
    pub(crate) fn call(&self, request: &Request, cancel: &Cancel) -> Result<Channel, RootError> {
        let bytes = message::encode(request)
            .map_err(|what| AgentError::TooMuch { host: shown(&self.host), what: what.0 })?;
        let channel = self.mux.open().map_err(|broken| self.broken(broken))?;
        tracing::trace!(host = shown(&self.host), ?request, "asks");
        channel.message(&bytes, cancel).map_err(|broken| self.broken(broken))?;
        Ok(channel)
    }

    /// Waits for the next answer on a channel; a failure is the error.
    pub(crate) fn answer(&self, channel: &Channel, cancel: &Cancel) -> Result<Answer, RootError> {
        let item = channel.next(cancel).map_err(|broken| self.broken(broken))?;
        self.read(item)
    }

    /// Reads an answer.
    pub(crate) fn read(&self, item: Item) -> Result<Answer, RootError> {
        let Item::Message(bytes) = item else { return Err(self.garbled("it sends no answer")) };
        match message::decode(&bytes).map_err(|what| self.garbled(what.0))? {
            Answer::Failed(failure) => Err(failure.into_error(&self.host)),
            answer => Ok(answer),
        }
    }

    /// What the other side should not have said.
    pub(crate) fn garbled(&self, what: &str) -> RootError {
        AgentError::Garbled { host: shown(&self.host), what: what.to_owned() }.into()
    }

    /// Tells why nothing comes any more.
    pub(crate) fn broken(&self, broken: Broken) -> RootError {
        let ended = match broken {
            Broken::Cancelled => return RootError::Cancelled,
            Broken::Closed => return self.garbled("it gives no answer"),
            Broken::Ended(ended) => ended,
        };
        // Ctrl-C reaches the program that carries the connection as soon as us.
        if self.cancel.is_cancelled_within(INTERRUPTED) {
            return RootError::Cancelled;
        }
        let words = matches!(ended, Ended::There).then(|| self.words());
        AgentError::ended(&shown(&self.host), &ended, words.as_deref()).into()
    }

    fn words(&self) -> String {
        let words = || self.carrier().as_mut().map(|carrier| carrier.words()).unwrap_or_default();
        self.words.get_or_init(words).clone()
    }

    fn carrier(&self) -> MutexGuard<'_, Option<Box<dyn Carrier>>> {
        self.carrier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection, and waits for what carried it.
    pub(crate) fn close(&self) {
        self.mux.end();
        let carrier = self.carrier().take();
        if let Some(carrier) = carrier {
            carrier.end();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a machine is called in a sentence.
fn shown(host: &str) -> String {
    if host.is_empty() { "this machine".to_owned() } else { host.to_owned() }
}

enum Refused {
    Version(AgentError),
    Io(std::io::Error),
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn greet(
    input: &mut Input,
    output: &mut Feed,
    patience: Duration,
    misfit: impl FnOnce(&Hello) -> AgentError,
) -> Result<Hello, Refused> {
    skip_noise(input)?;
    input.patience = PATIENCE;
    let theirs = hear(input)?;
    // Told in any case, so that the other side knows why we leave.
    tell(output, &Hello::ours(patience))?;
    match theirs.fits() {
        true => Ok(theirs),
        false => Err(Refused::Version(misfit(&theirs))),
    }
}

/// Reads up to the greeting and not a byte further.
fn skip_noise(input: &mut Input) -> std::io::Result<()> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(GREETING) {
        if seen.len() >= NOISE {
            return Err(std::io::Error::other("it prints without end"));
        }
        input.read_exact(&mut byte)?;
        seen.push(byte[0]);
    }
    Ok(())
}
