//! Another btrsync, started and greeted.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::AgentRoot;
use crate::Cancel;
use crate::agent::{
    AgentError, Answer, Bytes, Carrier, Client, Feature, Greeted, PATIENCE, Packing, Request,
};
use crate::process::{Piped, Words, ends_within};
use crate::sync::root::contract::{BtrfsRoot, Look, RootFactory, RootOptions};
use crate::sync::root::error::RootError;
use crate::sync::root::facts::{Facts, OLDER};
use crate::sync::root::on_thread;

/// Another btrsync, which makes roots of the filesystems that it reaches.
#[derive(Debug, Clone)]
pub struct Agent {
    client: Arc<Client>,
    packing: Packing,
}

impl Agent {
    /// Starts a command that runs `btrsync serve`, on this machine or another, and waits until it
    /// answers. `host` is put before paths in messages; empty for this machine.
    ///
    /// # Errors
    ///
    /// [`RootError::Agent`] where it does not, or speaks another version.
    pub async fn start(
        mut command: Command,
        host: &str,
        patience: Option<Duration>,
        cancel: &Cancel,
    ) -> Result<Self, RootError> {
        let (host, cancel) = (host.to_owned(), cancel.clone());
        on_thread(move || {
            let piped = Piped::start(&mut command, &cancel).map_err(|error| {
                let why = format!("cannot start {}: {error}", command.get_program().display());
                AgentError::Absent { host: host.clone(), why }
            })?;
            let Piped { child, input, output, stderr } = piped;
            let carrier = Box::new(Started { child, stderr });
            let greeted = Greeted { early: Vec::new(), input, output, carrier };
            Self::greeted(greeted, &host, PATIENCE, patience, &cancel)
        })
        .await
    }

    /// Takes over what was started; waits for its greeting for `wait` at most.
    pub(in crate::sync::root) fn greeted(
        greeted: Greeted,
        host: &str,
        wait: Duration,
        patience: Option<Duration>,
        cancel: &Cancel,
    ) -> Result<Self, RootError> {
        let patience = patience.unwrap_or(PATIENCE);
        let client = Arc::new(Client::start(greeted, host, wait, patience, cancel)?);
        Ok(Self { client, packing: Packing::Never }.packing(Packing::Auto))
    }

    /// Sets whether what goes over the connection is compressed. On this machine nothing is, and nothing where
    /// the other side cannot.
    pub fn packing(self, packing: Packing) -> Self {
        Self { packing: if self.packs() { packing } else { Packing::Never }, ..self }
    }

    /// Whether what goes over the connection can be compressed.
    pub(in crate::sync::root) fn packs(&self) -> bool {
        self.client.has(Feature::Packs) && !self.client.host().is_empty()
    }

    /// Returns the version of the program on the other side, for people.
    pub fn program(&self) -> String {
        self.client.program()
    }

    /// Ends the connection. What still runs over it fails.
    pub async fn close(&self) {
        let agent = self.clone();
        // It has ended, or been killed after some time; there is nothing else to tell.
        let _ = on_thread(move || {
            agent.end();
            Ok(())
        })
        .await;
    }

    /// As [`Agent::close`], waiting for it here.
    pub(in crate::sync::root) fn end(&self) {
        self.client.close();
    }
}

/// A program that was started here.
#[derive(Debug)]
struct Started {
    child: Child,
    stderr: Words,
}

/// How long a program may take to end once its input has.
const LEAVE: Duration = Duration::from_secs(2);

impl Carrier for Started {
    fn words(&mut self) -> String {
        ends_within(&mut self.child, LEAVE);
        self.stderr.last(|_| false)
    }

    fn end(self: Box<Self>) {
        // Dropped, it is waited for.
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        ends_within(&mut self.child, LEAVE);
        // Both fail only where it has ended and been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[async_trait]
impl RootFactory for Agent {
    async fn get_root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError> {
        let (client, packing) = (Arc::clone(&self.client), self.packing);
        let request = Request::Root { path: Bytes::of(path), options: options.into() };
        let form = options.form;
        on_thread(move || {
            let (root, below) = AgentRoot::open(client, &request, form, packing)?;
            Ok((Arc::new(root) as Arc<dyn BtrfsRoot>, below))
        })
        .await
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        let client = Arc::clone(&self.client);
        let request = Request::Look { path: Bytes::of(path) };
        on_thread(move || match client.ask(&request)? {
            Answer::Seen(seen) => Ok(seen.into()),
            _ => Err(client.garbled("it does not say what it sees")),
        })
        .await
    }
    async fn examine(&self, path: Option<&Path>) -> Result<Facts, RootError> {
        let (client, path) = (Arc::clone(&self.client), path.map(Bytes::of));
        on_thread(move || {
            let facts = match client.has(Feature::Examines) {
                false => Facts { problem: Some(OLDER.to_owned()), ..Facts::default() },
                true => match client.ask(&Request::Examine { path })? {
                    Answer::Facts(facts) => *facts,
                    _ => return Err(client.garbled("it does not say what it knows")),
                },
            };
            let agent = Some((client.program(), client.protocol()));
            Ok(Facts { native: true, agent, allowed: client.allowed(), ..facts })
        })
        .await
    }
}
