//! One machine's shell, and all that runs in it.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::channel::{Channel, Opened};
use super::error::CommandError;
use super::script::{MANY, ONE, Script};
use super::session::{Context, Session};
use crate::Cancel;
use crate::agent::Greeted;
use crate::sync::root::ssh::Socket;

/// A way to run scripts: on this machine, or over one ssh connection.
#[derive(Debug)]
pub(in crate::sync::root) struct Link {
    host: String,
    way: Way,
    cancel: Cancel,
    channel: Mutex<Option<Channel>>,
}

/// What a login gives.
#[derive(Debug)]
pub(in crate::sync::root) enum Login {
    Shell(Arc<Link>),
    /// A btrsync in place of a shell; the socket of the login goes with the connection.
    Agent(Greeted, Socket),
}

#[derive(Debug)]
enum Way {
    Here,
    Ssh(Box<Socket>),
}

impl Link {
    /// Starts a shell on this machine.
    pub(in crate::sync::root) fn here(cancel: &Cancel) -> Result<Self, CommandError> {
        let host = "this machine".to_owned();
        let start = |mark: &str| shell(&[MANY, "btrsync", mark]);
        let channel = Channel::start(start, &host, false, cancel)?;
        Ok(Self::new(host, Way::Here, cancel, channel))
    }

    /// Logs in by ssh.
    pub(in crate::sync::root) fn ssh(
        host: String,
        socket: Socket,
        cancel: &Cancel,
    ) -> Result<Login, CommandError> {
        // The mark is all of it that is not constant, and is letters and digits.
        let start = |mark: &str| socket.login(&format!("exec sh -c '{MANY}' btrsync {mark}"));
        Ok(match Channel::open(start, &host, true, cancel)? {
            Opened::Shell(channel) => {
                let link = Self::new(host, Way::Ssh(Box::new(socket)), cancel, channel);
                Login::Shell(Arc::new(link))
            }
            Opened::Agent(greeted) => Login::Agent(greeted, socket),
        })
    }

    fn new(host: String, way: Way, cancel: &Cancel, channel: Channel) -> Self {
        Self { host, way, cancel: cancel.clone(), channel: Mutex::new(Some(channel)) }
    }

    /// Returns the name of the machine for people.
    pub(in crate::sync::root) fn host(&self) -> &str {
        &self.host
    }

    /// Returns whether this is another machine.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.way, Way::Ssh(_))
    }

    /// Runs a script that is short and takes no input, and returns what it prints.
    pub(super) fn ask(&self, script: &Script, sudo: &str) -> Result<Vec<u8>, CommandError> {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        match channel.as_mut() {
            Some(channel) => channel.ask(script, sudo),
            None => Err(CommandError::Cancelled),
        }
    }

    /// Starts a script that has its own streams; returns its output too.
    pub(super) fn start(
        &self,
        script: &Script,
        sudo: &str,
        cancel: &Cancel,
    ) -> Result<(Session, std::os::fd::OwnedFd), CommandError> {
        let command = match &self.way {
            Way::Here => shell(&[ONE]),
            Way::Ssh(socket) => socket.session(&format!("exec sh -c '{ONE}'")),
        };
        let context = Context { host: &self.host, remote: self.is_remote(), sudo, cancel };
        Session::start(command, script, context)
    }

    /// Returns after how much silence the other machine may be given up; `None` on this one, where nobody is
    /// silent.
    pub(super) fn patience(&self) -> Option<Duration> {
        match &self.way {
            Way::Here => None,
            Way::Ssh(socket) => Some(socket.patience()),
        }
    }

    /// Ends the shell, and with it the connection.
    pub(in crate::sync::root) fn close(&self) {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(channel) = channel {
            channel.close();
        }
    }

    /// Returns the switch that ends everything on this link.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

fn shell(arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").args(arguments);
    command
}
