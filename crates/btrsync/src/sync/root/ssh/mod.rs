//! Roots on other machines, over ssh.
//!
//! There, only a POSIX shell and btrfs-progs are needed. All roots that come from one [`Ssh`] share one
//! login.

mod address;
mod socket;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

pub use self::address::{BadAddress, SshAddress};
pub(super) use self::socket::Socket;
use super::command::{CommandError, CommandRoot, Link};
use super::contract::{BtrfsRoot, Look, RootFactory, RootOptions};
use super::error::RootError;
use super::on_thread;
use crate::Cancel;

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
    link: Mutex<Option<Arc<Link>>>,
}

impl Ssh {
    /// Makes a factory for a machine; `cancel` ends what it waits for, and all that runs there.
    pub fn new(options: SshOptions, cancel: Cancel) -> Self {
        Self(Arc::new(Inner { options, sudo: false, cancel, link: Mutex::new(None) }))
    }

    /// Returns a factory on the same connection whose roots run their commands with sudo.
    ///
    /// # Errors
    ///
    /// Where the connection cannot be made.
    pub async fn with_sudo(&self) -> Result<Self, RootError> {
        let inner = Inner {
            options: self.0.options.clone(),
            sudo: true,
            cancel: self.0.cancel.clone(),
            link: Mutex::new(Some(self.link().await?)),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Ends the connection. What still runs over it fails.
    pub async fn close(&self) {
        let link = self.0.link.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(link) = link {
            // It has ended, or been killed after some time; there is nothing else to tell.
            let _ = on_thread(move || {
                link.close();
                Ok(())
            })
            .await;
        }
    }

    /// Returns the connection, made when it is first wanted.
    async fn link(&self) -> Result<Arc<Link>, RootError> {
        let inner = Arc::clone(&self.0);
        on_thread(move || {
            let mut link = inner.link.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(link) = &*link {
                return Ok(Arc::clone(link));
            }
            let socket = Socket::new(inner.options.clone()).map_err(|source| {
                RootError::System { what: "make a directory for the socket of ssh", source }
            })?;
            let made = Arc::new(Link::ssh(inner.options.name(), socket, &inner.cancel)?);
            Ok(Arc::clone(link.insert(made)))
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
        let (root, below) =
            CommandRoot::find(self.link().await?, self.0.sudo, path, options).await?;
        Ok((Arc::new(root), below))
    }

    async fn look(&self, path: &Path) -> Result<Look, RootError> {
        CommandRoot::look(self.link().await?, self.0.sudo, path).await
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
