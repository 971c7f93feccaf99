//! Roots on other machines, over ssh.
//!
//! There, only a POSIX shell and btrfs-progs are needed; a btrsync that is there is used instead. All roots
//! that come from one [`Ssh`] share one login.

mod address;
mod asked;
mod connection;
mod program;
mod socket;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

pub use self::address::{BadAddress, SshAddress};
use self::connection::{Connection, Way};
pub use self::program::{Bootstrap, BootstrapError};
pub(super) use self::program::{Elf, Program};
pub(super) use self::socket::Socket;
use super::command::{CommandError, CommandRoot};
use super::contract::{BtrfsRoot, Look, RootFactory, RootOptions};
use super::error::RootError;
use super::facts::Facts;
use super::on_thread;
use crate::Cancel;
use crate::agent::Packing;

/// Whom to log in as, where, and how. What is not set, the user's ssh configuration decides.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SshOptions {
    /// The host: a name, an address, or an alias of the configuration.
    pub host: String,
    /// The user.
    pub user: Option<String>,
    /// The TCP port.
    pub port: Option<u16>,
    /// The file of the private key.
    pub identity_file: Option<PathBuf>,
    /// A configuration file in place of the user's.
    pub config_file: Option<PathBuf>,
    /// Whether ssh compresses what it sends.
    pub compression: bool,
    /// Whether a btrsync there and this one compress what they send.
    pub packing: Packing,
    /// Which btrsync of the other machine is used.
    pub btrsync: Btrsync,
    /// What is copied there where no btrsync is found that can be used; nothing is otherwise.
    pub bootstrap: Option<Bootstrap>,
    /// After how much silence the connection is given up; 30 seconds where it is not set.
    pub patience: Option<Duration>,
}

/// Which btrsync of another machine is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Btrsync {
    /// That in its search path; where there is none, or none that understands us, btrfs-progs.
    #[default]
    IfThere,
    /// This one.
    At(PathBuf),
    /// None.
    No,
}

/// What does the work on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worker {
    /// A btrsync of this version.
    Btrsync(String),
    /// btrfs-progs, for this reason.
    Commands(String),
}

impl SshOptions {
    /// Adds these options to a call of ssh.
    fn arguments(&self, ssh: &mut Command) {
        if let Some(file) = &self.config_file {
            ssh.arg("-F").arg(file);
        }
        if let Some(user) = &self.user {
            ssh.arg("-l").arg(user);
        }
        if let Some(port) = self.port {
            ssh.arg("-p").arg(port.to_string());
        }
        if let Some(file) = &self.identity_file {
            ssh.arg("-i").arg(file);
        }
        if self.compression {
            ssh.arg("-C");
        }
    }

    /// Whether two btrsyncs compress: not by themselves what ssh would have to try again.
    fn packing(&self) -> Packing {
        match self.packing {
            Packing::Auto if self.compression => Packing::Never,
            packing => packing,
        }
    }

    /// Returns the name of the host for people.
    fn name(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        match self.host.contains(':') {
            true => format!("{user}[{}]{port}", self.host),
            false => format!("{user}{}{port}", self.host),
        }
    }
}

/// Makes roots on one other machine. It logs in when the first is wanted, and once.
///
/// # Examples
///
/// ```no_run
/// use btrsync::sync::root::{RootFactory, RootOptions, Ssh, SshOptions};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let options = SshOptions { host: "nas".into(), port: Some(2222), ..SshOptions::default() };
/// let nas = Ssh::new(options, btrsync::Cancel::new()?);
/// let (root, path) = nas.get_root("/srv/backup".as_ref(), &RootOptions::default()).await?;
/// nas.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Ssh(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: SshOptions,
    sudo: bool,
    cancel: Cancel,
    connection: Mutex<Option<Arc<Connection>>>,
}

impl Ssh {
    /// Makes a factory for a machine; `cancel` ends what it waits for, and all that runs there.
    pub fn new(options: SshOptions, cancel: Cancel) -> Self {
        Self(Arc::new(Inner { options, sudo: false, cancel, connection: Mutex::new(None) }))
    }

    /// Returns a factory on the same connection whose roots run their commands with sudo.
    ///
    /// # Errors
    ///
    /// Where the connection cannot be made.
    pub async fn with_sudo(&self) -> Result<Self, RootError> {
        let connection = self.on_connection(|connection, _| Ok(Arc::clone(connection))).await?;
        let inner = Inner {
            options: self.0.options.clone(),
            sudo: true,
            cancel: self.0.cancel.clone(),
            connection: Mutex::new(Some(connection)),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Returns what does the work there.
    ///
    /// # Errors
    ///
    /// Where the connection cannot be made.
    pub async fn worker(&self) -> Result<Worker, RootError> {
        Ok(match self.way().await? {
            Way::Agent(agent) => Worker::Btrsync(agent.program()),
            Way::Commands(_, why) => Worker::Commands(why),
        })
    }

    /// Returns whether what goes there and back can be compressed as `SshOptions::packing` says.
    ///
    /// # Errors
    ///
    /// Where the connection cannot be made.
    pub async fn packs(&self) -> Result<bool, RootError> {
        Ok(matches!(self.way().await?, Way::Agent(agent) if agent.packs()))
    }

    /// Ends the connection. What still runs over it fails.
    pub async fn close(&self) {
        let connection = self.0.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(connection) = connection {
            // It has ended, or been killed after some time; there is nothing else to tell.
            let _ = on_thread(move || {
                connection.close();
                Ok(())
            })
            .await;
        }
    }

    async fn way(&self) -> Result<Way, RootError> {
        self.on_connection(|connection, inner| connection.way(inner.sudo, &inner.options)).await
    }

    /// Does something with the connection, which is made when it is first wanted.
    async fn on_connection<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Connection>, &Inner) -> Result<T, RootError> + Send + 'static,
    ) -> Result<T, RootError> {
        let inner = Arc::clone(&self.0);
        on_thread(move || {
            let connection = {
                let mut connection =
                    inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
                if connection.is_none() {
                    let made = Connection::make(&inner.options, &inner.cancel)?;
                    *connection = Some(Arc::new(made));
                }
                connection.clone()
            };
            connection.map_or(Err(RootError::Cancelled), |connection| work(&connection, &inner))
        })
        .await
    }
}

#[async_trait]
impl RootFactory for Ssh {
    async fn get_root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError> {
        match self.way().await? {
            Way::Agent(agent) => agent.get_root(&self.absolute(path).await?, options).await,
            Way::Commands(link, _) => {
                let (root, below) = CommandRoot::find(link, self.0.sudo, path, options).await?;
                Ok((Arc::new(root), below))
            }
        }
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        match self.way().await? {
            Way::Agent(agent) => agent.look(&self.absolute(path).await?).await,
            Way::Commands(link, _) => CommandRoot::look(link, self.0.sudo, path).await,
        }
    }

    async fn examine(&self, path: Option<&Path>) -> Result<Facts, RootError> {
        match self.way().await? {
            Way::Agent(agent) => {
                let path = match path {
                    Some(path) => Some(self.absolute(path).await?),
                    None => None,
                };
                agent.examine(path.as_deref()).await
            }
            Way::Commands(link, why) => {
                let facts = CommandRoot::facts(link, self.0.sudo, path).await?;
                Ok(Facts { why: Some(why), ..facts })
            }
        }
    }
}

impl Ssh {
    /// Lets the shell say what a path is that a shell alone understands.
    async fn absolute(&self, path: &Path) -> Result<PathBuf, RootError> {
        let path = path.to_path_buf();
        if !std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).starts_with(b"~") {
            return Ok(path);
        }
        self.on_connection(move |connection, _| connection.absolute(&path)).await
    }
}

/// Makes roots for locations, each with a login of its own: the paths that it takes are such as
/// [`SshAddress::parse`] takes apart.
#[derive(Debug, Clone, Copy, Default)]
pub struct SshLocations;

impl SshLocations {
    fn at(path: &Path) -> Result<(Ssh, PathBuf), RootError> {
        use std::os::unix::ffi::OsStrExt;
        let address = SshAddress::parse(path.as_os_str().as_bytes())?;
        let cancel = Cancel::new()
            .map_err(|source| RootError::System { what: "start a connection", source })?;
        Ok((Ssh::new(address.options, cancel), address.path))
    }
}

#[async_trait]
impl RootFactory for SshLocations {
    async fn get_root(
        &self,
        path: &Path,
        options: &RootOptions,
    ) -> Result<(Arc<dyn BtrfsRoot>, PathBuf), RootError> {
        let (ssh, path) = Self::at(path)?;
        ssh.get_root(&path, options).await
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        let (ssh, path) = Self::at(path)?;
        ssh.look(&path).await
    }
}

impl From<BadAddress> for RootError {
    fn from(error: BadAddress) -> Self {
        Self::Address(error)
    }
}

impl From<CommandError> for RootError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Cancelled => Self::Cancelled,
            other => Self::Command(other),
        }
    }
}
