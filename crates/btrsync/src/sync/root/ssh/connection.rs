//! One login, and what does the work on the other machine: a btrsync that is there, else a shell that runs
//! btrfs-progs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Bootstrap, Btrsync, Program, Socket, SshOptions};
use crate::Cancel;
use crate::agent::{AgentError, PATIENCE};
use crate::sync::root::agent::Agent;
use crate::sync::root::command::{self, Link};
use crate::sync::root::error::RootError;

/// A connection to another machine.
#[derive(Debug)]
pub(super) struct Connection {
    /// What works without sudo, and with it; each found when it is first wanted.
    ways: [Mutex<Option<Way>>; 2],
    login: Login,
    cancel: Cancel,
}

/// What the login has given.
#[derive(Debug)]
enum Login {
    Shell(Arc<Link>),
    /// A btrsync, and nothing else. The socket is that of its ssh, and goes with it.
    Agent {
        agent: Agent,
        _socket: Socket,
    },
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
        let host = options.name();
        let login = match Link::ssh(host.clone(), socket, cancel)? {
            command::Login::Shell(link) => Login::Shell(link),
            command::Login::Agent(greeted, socket) => {
                let agent = Agent::greeted(greeted, &host, PATIENCE, options.patience, cancel)?;
                let agent = agent.packing(options.packing());
                Login::Agent { agent, _socket: socket }
            }
        };
        Ok(Self { login, cancel: cancel.clone(), ways: Default::default() })
    }

    /// Finds what does the work.
    pub(super) fn way(&self, sudo: bool, options: &SshOptions) -> Result<Way, RootError> {
        let mut way = self.ways[usize::from(sudo)].lock().unwrap_or_else(PoisonError::into_inner);
        match &*way {
            Some(way) => Ok(way.clone()),
            None => {
                let found = self.find(sudo, options)?;
                let host = options.host.as_str();
                match &found {
                    Way::Agent(_) => tracing::info!(host, sudo, "a btrsync answers"),
                    Way::Commands(_, why) => {
                        tracing::info!(host, sudo, why, "btrfs-progs do the work");
                    }
                }
                Ok(way.insert(found).clone())
            }
        }
    }

    fn find(&self, sudo: bool, options: &SshOptions) -> Result<Way, RootError> {
        let link = match &self.login {
            Login::Agent { agent, .. } => return Ok(Way::Agent(agent.clone())),
            Login::Shell(link) => link,
        };
        let start = |program| self.start(link, program, sudo, options);
        let commands = |why: String| Way::Commands(Arc::clone(link), why);
        match &options.btrsync {
            Btrsync::No => Ok(commands("btrsync there is not to be used".to_owned())),
            Btrsync::At(program) => Ok(Way::Agent(start(program)?)),
            Btrsync::IfThere => {
                let why = match link.find_btrsync()? {
                    None => "there is no btrsync in its PATH".to_owned(),
                    Some(program) => match unless_unfit(start(&program))? {
                        Ok(agent) => return Ok(Way::Agent(agent)),
                        Err(why) => why,
                    },
                };
                match &options.bootstrap {
                    None => Ok(commands(why)),
                    Some(which) => match self.bootstrap(link, which, sudo, options)? {
                        Ok(agent) => Ok(Way::Agent(agent)),
                        Err(why) => Ok(commands(why)),
                    },
                }
            }
        }
    }

    /// Puts a program there, if it is not, and starts it; or tells why that machine does not take it.
    fn bootstrap(
        &self,
        link: &Arc<Link>,
        which: &Bootstrap,
        sudo: bool,
        options: &SshOptions,
    ) -> Result<Result<Agent, String>, RootError> {
        let program = Program::read(which)?;
        match link.put(&program) {
            Err(error) if command::is_of_place(&error) => {
                return Ok(Err(format!("it cannot be put there: {error}")));
            }
            put => put?,
        };
        let greeted = link.start_cached(&program, sudo)?;
        let agent = Agent::greeted(greeted, link.host(), PATIENCE, options.patience, &self.cancel);
        unless_unfit(agent)
    }

    fn start(
        &self,
        link: &Arc<Link>,
        program: &Path,
        sudo: bool,
        options: &SshOptions,
    ) -> Result<Agent, RootError> {
        let greeted = link.start_btrsync(program, sudo)?;
        let host = link.host();
        let agent = Agent::greeted(greeted, host, PATIENCE, options.patience, &self.cancel)?;
        Ok(agent.packing(options.packing()))
    }

    /// Makes a path there absolute, as far as somebody there can.
    pub(super) fn absolute(&self, path: &Path) -> Result<PathBuf, RootError> {
        match &self.login {
            Login::Shell(link) => link.absolute(path),
            Login::Agent { .. } => Ok(path.to_path_buf()),
        }
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
        match &self.login {
            Login::Shell(link) => link.close(),
            Login::Agent { agent, .. } => agent.end(),
        }
    }
}

/// What cannot be used is no failure: then something else does the work.
fn unless_unfit(started: Result<Agent, RootError>) -> Result<Result<Agent, String>, RootError> {
    match started {
        Ok(agent) => Ok(Ok(agent)),
        Err(RootError::Agent(error @ (AgentError::Absent { .. } | AgentError::Version { .. }))) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}
