//! The places of one invocation, and the connections to other machines that they share.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::os::linux::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use btrsync::Cancel;
use btrsync::sync::root::{
    Btrsync, Kind, Look, RootFactory, Ssh, SshAddress, SshOptions, Sudo, Worker,
    file::StreamFile,
    local::{Local, Reachable},
};

use crate::advice::Failure;
use crate::location::{self, Location};
use crate::shared_args::Machines;

/// On which side of a sync a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
}

/// A place of the command line, and what stands there.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) factory: Arc<dyn RootFactory>,
    /// The path, as the machine that it is on understands it.
    pub(crate) path: PathBuf,
    pub(crate) look: Look,
    /// The machine, where it is another.
    host: Option<SshOptions>,
}

impl Place {
    /// Whether streams are read from a file here.
    pub(crate) fn is_stream_file(&self) -> bool {
        self.host.is_none() && self.look.kind == Kind::File
    }

    /// Whether it is on this machine.
    pub(crate) fn is_here(&self) -> bool {
        self.host.is_none()
    }

    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.look.kind, Kind::Directory | Kind::Subvolume)
    }

    /// The path for a message, with the machine that it is on.
    pub(crate) fn shown(&self) -> PathBuf {
        match &self.host {
            None => self.path.clone(),
            Some(host) => {
                let mut shown = std::ffi::OsString::from(format!("{}:", host.host));
                shown.push(&self.path);
                shown.into()
            }
        }
    }

    /// Whether two places are one directory, by whatever names.
    pub(crate) fn is_same_directory(&self, other: &Self) -> bool {
        if !self.is_directory() || !other.is_directory() || self.host != other.host {
            return false;
        }
        match self.host {
            Some(_) => self.look.path == other.look.path,
            None => self.inode().is_some() && self.inode() == other.inode(),
        }
    }

    fn inode(&self) -> Option<(u64, u64)> {
        let metadata = std::fs::metadata(&self.look.path).ok()?;
        Some((metadata.st_dev(), metadata.st_ino()))
    }
}

/// Finds places.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    machines: &'a Machines,
    cancel: Cancel,
    connections: tokio::sync::Mutex<HashMap<SshOptions, Ssh>>,
    /// What it costs that a machine has no btrsync, said once for each.
    costs: Mutex<BTreeSet<String>>,
    /// What was asked for and cannot be.
    lacks: Mutex<BTreeSet<String>>,
    sudo: Arc<Sudo>,
    /// For who only looks.
    reachable: Option<Reachable>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(machines: &'a Machines, cancel: &Cancel) -> Self {
        let sudo = Sudo::new(cancel.clone());
        // Where we do not know where we are, btrfs-progs do.
        let sudo = Arc::new(match std::env::current_exe() {
            Ok(program) => sudo.with_btrsync(program),
            Err(_) => sudo,
        });
        let (connections, costs, lacks) = Default::default();
        Self { machines, cancel: cancel.clone(), connections, costs, lacks, sudo, reachable: None }
    }

    /// Finds what can look at a place, without looking. Which side that is may not be known; then what any of the
    /// options for a side says holds.
    pub(crate) async fn reach(
        &self,
        argument: &OsStr,
        side: Side,
        either: bool,
    ) -> Result<(Arc<dyn RootFactory>, PathBuf), Failure> {
        let any = || self.sudo(Side::Source) || self.sudo(Side::Destination);
        let sudo = if either { any() } else { self.sudo(side) };
        match location::parse(argument)? {
            Location::Here(path) => Ok((self.here(sudo), path)),
            Location::There(SshAddress { options, path }) => {
                // Whoever only looks leaves nothing there.
                let options = SshOptions { bootstrap: None, ..self.machines.ssh(options) };
                let ssh = self.connection(&options).await;
                let factory = if sudo { ssh.with_sudo().await? } else { ssh };
                Ok((Arc::new(factory), path))
            }
        }
    }

    /// Whether a side works with sudo.
    pub(crate) fn sudo(&self, side: Side) -> bool {
        self.machines.sudo(side)
    }

    /// Finds the place that an argument names, and looks what is there.
    pub(crate) async fn find(&self, argument: &OsStr, side: Side) -> Result<Place, Failure> {
        let sudo = self.machines.sudo(side);
        match location::parse(argument)? {
            Location::Here(path) => {
                let factory = self.here(sudo);
                let look = factory.look(&path).await?;
                let is_file = side == Side::Source && look.kind == Kind::File;
                let of_file = || Arc::new(StreamFile::with_cancel(&self.cancel));
                let factory = if is_file { of_file() } else { factory };
                Ok(Place { factory, path, look, host: None })
            }
            Location::There(SshAddress { options, path }) => {
                let options = self.machines.ssh(options);
                let ssh = self.connection(&options).await;
                let factory = if sudo { ssh.with_sudo().await? } else { ssh };
                self.note_cost(&options, &factory).await?;
                let look = factory.look(&path).await?;
                Ok(Place { factory: Arc::new(factory), path, look, host: Some(options) })
            }
        }
    }

    /// Takes note of a machine that has no btrsync, unless that is wanted so.
    async fn note_cost(&self, options: &SshOptions, ssh: &Ssh) -> Result<(), Failure> {
        let worker = ssh.worker().await?;
        if let (Worker::Commands(why), true) = (&worker, options.btrsync != Btrsync::No) {
            let cost = format!(
                "btrfs-progs do the work on {}, for {why}: no resume and no --verify, and what \
                 'btrfs receive' does wrong stays wrong",
                options.host
            );
            self.costs.lock().unwrap_or_else(PoisonError::into_inner).insert(cost);
        }
        if self.machines.compresses() && !ssh.packs().await? {
            let lack = format!(
                "nothing is compressed on the way to {} and back: --compress needs a btrsync there that can \
                 do it, and --ssh-compress does not",
                options.host
            );
            self.lacks.lock().unwrap_or_else(PoisonError::into_inner).insert(lack);
        }
        Ok(())
    }

    /// Returns what it costs that machines have no btrsync.
    pub(crate) fn costs(&self) -> Vec<String> {
        let costs = self.costs.lock().unwrap_or_else(PoisonError::into_inner);
        costs.iter().cloned().collect()
    }

    /// Returns what was asked for and is not to be had; whoever asks for it wants to know.
    pub(crate) fn lacks(&self) -> Vec<String> {
        let lacks = self.lacks.lock().unwrap_or_else(PoisonError::into_inner);
        lacks.iter().cloned().collect()
    }

    /// What looks at this machine.
    pub(crate) fn here(&self, sudo: bool) -> Arc<dyn RootFactory> {
        // Whoever is root already needs nobody's leave.
        match (sudo && !rustix::process::geteuid().is_root(), &self.reachable) {
            (true, _) => self.sudo.clone(),
            (false, None) => Arc::new(Local),
            (false, Some(reachable)) => Arc::new(reachable.clone()),
        }
    }

    /// Lets places of this machine show what can be reached where the user may not see all; for who changes
    /// nothing.
    pub(crate) fn only_looking(self) -> Self {
        Self { reachable: Some(Reachable::default()), ..self }
    }

    /// Returns what there is to say of what was listed.
    pub(crate) fn unseen(&self) -> Option<&'static str> {
        let needed = self.reachable.as_ref().is_some_and(Reachable::was_needed);
        needed.then_some(
            "without root (CAP_SYS_ADMIN) only what this user can reach is seen; --sudo shows all",
        )
    }

    async fn connection(&self, options: &SshOptions) -> Ssh {
        let mut connections = self.connections.lock().await;
        let make = || Ssh::new(options.clone(), self.cancel.clone());
        connections.entry(options.clone()).or_insert_with(make).clone()
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        for ssh in self.connections.lock().await.values() {
            ssh.close().await;
        }
    }
}
