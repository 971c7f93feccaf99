//! The roots that are held to the contract.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use btrsync::Cancel;
use btrsync::sync::root::local::Local;
use btrsync::sync::root::{
    Agent, Btrsync, RootError, RootFactory, RootOptions, Ssh, SshOptions, Sudo,
};
use btrsync_testutil::Machine;

use crate::support::Root;

/// A way to reach the filesystems of this machine.
pub(crate) struct Plug {
    // First: a connection ends before what it leads to.
    factory: Arc<dyn RootFactory>,
    /// What messages put before a path.
    prefix: &'static str,
    /// Whether a btrsync does the work.
    has_btrsync: bool,
    _machine: Option<Machine>,
}

pub(crate) async fn local() -> Plug {
    Plug { factory: Arc::new(Local), prefix: "", has_btrsync: true, _machine: None }
}

pub(crate) async fn sudo() -> Plug {
    let factory = Arc::new(Sudo::new(Cancel::new().unwrap()));
    Plug { factory, prefix: "", has_btrsync: false, _machine: None }
}

/// Through another process of this very program, over a pipe.
pub(crate) async fn agent() -> Plug {
    let cancel = Cancel::new().unwrap();
    let agent = Agent::start(crate::serve::command(), "", None, &cancel).await.unwrap();
    Plug { factory: Arc::new(agent), prefix: "", has_btrsync: true, _machine: None }
}

/// Through an sshd that listens on the loopback address.
pub(crate) async fn ssh() -> Plug {
    let machine = Machine::on_loopback();
    let config_file = Some(machine.ssh_config());
    let options = SshOptions { host: "far".into(), config_file, ..SshOptions::default() };
    let factory = Arc::new(Ssh::new(options, Cancel::new().unwrap()));
    Plug { factory, prefix: "far:", has_btrsync: false, _machine: Some(machine) }
}

/// Through another process of this program, which an sshd on the loopback address starts.
pub(crate) async fn agent_over_ssh() -> Plug {
    let machine = Machine::on_loopback();
    let btrsync = Btrsync::At(crate::serve::script(&machine));
    let config_file = Some(machine.ssh_config());
    let options = SshOptions { host: "far".into(), config_file, btrsync, ..SshOptions::default() };
    let factory = Arc::new(Ssh::new(options, Cancel::new().unwrap()));
    Plug { factory, prefix: "far:", has_btrsync: true, _machine: Some(machine) }
}

impl Plug {
    /// Whether a btrsync does the work, and not btrfs-progs.
    pub(crate) fn has_btrsync(&self) -> bool {
        self.has_btrsync
    }

    pub(crate) fn factory(&self) -> &dyn RootFactory {
        self.factory.as_ref()
    }

    pub(crate) async fn get_root(&self, path: &Path) -> Result<(Root, PathBuf), RootError> {
        self.factory.get_root(path, &RootOptions::default()).await
    }

    pub(crate) async fn root(&self, path: &Path) -> Root {
        self.root_with(path, RootOptions::default()).await
    }

    pub(crate) async fn root_with(&self, path: &Path, options: RootOptions) -> Root {
        self.factory.get_root(path, &options).await.unwrap().0
    }

    /// The path that a message shows.
    #[track_caller]
    pub(crate) fn path(&self, shown: &str) -> String {
        shown.strip_prefix(self.prefix).expect("the machine is named").to_owned()
    }
}
