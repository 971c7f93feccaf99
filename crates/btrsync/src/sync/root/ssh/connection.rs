//! One login, and what does the work on the other machine: a btrsync that is there, else a shell that runs
//! btrfs-progs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Btrsync, Socket, SshOptions};
use crate::Cancel;
use crate::agent::{AgentError, PATIENCE};
use crate::sync::root::agent::Agent;
use crate::sync::root::command::Link;
use crate::sync::root::error::RootError;

/// A connection to another machine.
#[derive(Debug)]
pub(super) struct Connection {
    link: Arc<Link>,
    cancel: Cancel,
    /// What works without sudo, and with it; each found when it is first wanted.
    ways: [Mutex<Option<Way>>; 2],
}

/// What does the work.
#[derive(Debug, Clone)]
pub(super) enum Way {
    Agent(Agent),
    /// Commands, for a reason.
    Commands(Arc<Link>, String),
}

impl Connection {
    /// Logs in.
    pub(super) fn make(options: &SshOptions, cancel: &Cancel) -> Result<Self, RootError> {
        let socket = Socket::new(options.clone()).map_err(|source| RootError::System {
            what: "make a directory for the socket of ssh",
            source,
        })?;
        let link = Arc::new(Link::ssh(options.name(), socket, cancel)?);
        Ok(Self { link, cancel: cancel.clone(), ways: Default::default() })
    }

    /// Finds what does the work.
    pub(super) fn way(&self, sudo: bool, options: &SshOptions) -> Result<Way, RootError> {
        let mut way = self.ways[usize::from(sudo)].lock().unwrap_or_else(PoisonError::into_inner);
        match &*way {
            Some(way) => Ok(way.clone()),
            None => Ok(way.insert(self.find(sudo, options)?).clone()),
        }
    }

    fn find(&self, sudo: bool, options: &SshOptions) -> Result<Way, RootError> {
        let commands = |why: String| Way::Commands(Arc::clone(&self.link), why);
        let program = match &options.btrsync {
            Btrsync::No => return Ok(commands("btrsync there is not to be used".to_owned())),
            Btrsync::At(program) => return Ok(Way::Agent(self.start(program, sudo, options)?)),
            Btrsync::IfThere => match self.link.find_btrsync()? {
                Some(program) => program,
                None => return Ok(commands("there is no btrsync in its PATH".to_owned())),
            },
        };
        match self.start(&program, sudo, options) {
            Ok(agent) => Ok(Way::Agent(agent)),
            Err(RootError::Agent(
                error @ (AgentError::Absent { .. } | AgentError::Version { .. }),
            )) => Ok(commands(error.to_string())),
            Err(error) => Err(error),
        }
    }

    fn start(&self, program: &Path, sudo: bool, options: &SshOptions) -> Result<Agent, RootError> {
        let greeted = self.link.start_btrsync(program, sudo)?;
        Agent::greeted(greeted, self.link.host(), PATIENCE, options.patience, &self.cancel)
    }

    /// Makes a path there absolute.
    pub(super) fn absolute(&self, path: &Path) -> Result<PathBuf, RootError> {
        self.link.absolute(path)
    }

    /// Ends it.
    pub(super) fn close(&self) {
        for way in &self.ways {
            if let Some(Way::Agent(agent)) =
                way.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                agent.end();
            }
        }
        self.link.close();
    }
}
