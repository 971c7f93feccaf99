//! Roots on this machine for a user who is not root, but may become it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{CommandRoot, Link};
use crate::Cancel;
use crate::agent::AgentError;
use crate::sync::root::agent::Agent;
use crate::sync::root::contract::{BtrfsRoot, Look, RootFactory, RootOptions};
use crate::sync::root::error::RootError;
use crate::sync::root::facts::Facts;
use crate::sync::root::on_thread;

/// How long somebody may take to type a password.
const TYPING: Duration = Duration::from_secs(60 * 60);

/// Makes roots on this machine under sudo: by a btrsync that it starts, or else by btrfs-progs.
#[derive(Debug)]
pub struct Sudo {
    btrsync: Option<PathBuf>,
    cancel: Cancel,
    way: Arc<Mutex<Option<Way>>>,
}

/// What does the work.
#[derive(Debug, Clone)]
enum Way {
    Agent(Agent),
    Commands(Arc<Link>),
}

impl Sudo {
    /// Makes a factory that runs btrfs-progs; `cancel` ends what it waits for.
    pub fn new(cancel: Cancel) -> Self {
        Self { btrsync: None, cancel, way: Arc::default() }
    }

    /// Runs a btrsync instead, where sudo lets it.
    pub fn with_btrsync(self, program: PathBuf) -> Self {
        Self { btrsync: Some(program), ..self }
    }

    /// Returns what does the work, started when it is first wanted.
    async fn way(&self) -> Result<Way, RootError> {
        let (way, program, cancel) =
            (Arc::clone(&self.way), self.btrsync.clone(), self.cancel.clone());
        on_thread(move || {
            let mut way = way.lock().unwrap_or_else(PoisonError::into_inner);
            match &*way {
                Some(way) => Ok(way.clone()),
                None => Ok(way.insert(find(program.as_deref(), &cancel)?).clone()),
            }
        })
        .await
    }
}

fn find(program: Option<&Path>, cancel: &Cancel) -> Result<Way, RootError> {
    let link = Arc::new(Link::here(cancel)?);
    let Some(program) = program else { return Ok(Way::Commands(link)) };
    let greeted = link.start_btrsync(program, true)?;
    match Agent::greeted(greeted, "", TYPING, None, cancel) {
        Ok(agent) => Ok(Way::Agent(agent)),
        // Sudo may allow btrfs alone.
        Err(RootError::Agent(AgentError::Absent { .. })) => Ok(Way::Commands(link)),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl RootFactory for Sudo {
    async fn get_root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError> {
        match self.way().await? {
            Way::Agent(agent) => agent.get_root(path, options).await,
            Way::Commands(link) => {
                let (root, below) = CommandRoot::find(link, true, path, options).await?;
                Ok((Arc::new(root), below))
            }
        }
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        match self.way().await? {
            Way::Agent(agent) => agent.look(path).await,
            Way::Commands(link) => CommandRoot::look(link, true, path).await,
        }
    }

    async fn examine(&self, path: Option<&Path>) -> Result<Facts, RootError> {
        match self.way().await? {
            Way::Agent(agent) => agent.examine(path).await,
            Way::Commands(link) => CommandRoot::facts(link, true, path).await,
        }
    }
}
