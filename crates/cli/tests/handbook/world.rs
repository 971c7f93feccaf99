//! The machines that the handbook speaks of: one with `/mnt/data`, `/mnt/backup` and `/mnt/disk`, and one
//! that it calls `nas`, with another `/mnt/backup`.
//!
//! The hazard is a page that writes to the machine of whoever runs the test: what is below `/mnt` in there
//! is seen in there only.

use std::fs;
use std::path::Path;

use btrsync_testutil::command::output;
use btrsync_testutil::machine::Machine;
use btrsync_testutil::{LoopFs, Network};

use crate::page::Block;

pub(crate) struct World {
    // First: nothing may use the filesystems any more when they go.
    net: Network,
    _filesystems: Vec<LoopFs>,
}

impl World {
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::of(Network::new())
    }

    /// One whose `nas` has this program in its search path.
    #[track_caller]
    pub(crate) fn with_btrsync_there() -> Self {
        let installed = Machine::builder().program(env!("CARGO_BIN_EXE_btrsync"));
        Self::of(Network::of(&[installed]))
    }

    #[track_caller]
    fn of(net: Network) -> Self {
        let filesystems: Vec<LoopFs> = (0..4).map(|_| LoopFs::new()).collect();
        for (name, filesystem) in ["data", "backup", "disk"].iter().zip(&filesystems) {
            mount(&net.near, filesystem.path(), name);
        }
        mount(&net.far[0], filesystems[3].path(), "backup");
        let config = fs::read_to_string(net.far[0].ssh_config()).unwrap();
        net.near.write("home/root/.ssh/config", config.replace("Host far\n", "Host far nas\n"));
        Self { net, _filesystems: filesystems }
    }

    /// Runs a block as a user's shell would, but that it ends with the first line that fails.
    #[track_caller]
    pub(crate) fn run(&self, block: &Block) {
        let bin = Path::new(env!("CARGO_BIN_EXE_btrsync")).parent().unwrap();
        let script =
            format!("exec 2>&1 </dev/null; PATH={}:$PATH\n{}", bin.display(), block.script);
        let ended = self.net.near.command("sh").args(["-ec", &script]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status.code(), Some(block.exit), "{}\n{said}", block.script);
        for line in &block.says {
            assert!(said.contains(line), "no {line:?} after\n{}\n{said}", block.script);
        }
    }
}

#[track_caller]
fn mount(machine: &Machine, from: &Path, name: &str) {
    let script = "test -e /mnt/.test || { mount -t tmpfs mnt /mnt && touch /mnt/.test; }
        mkdir /mnt/$2 && mount --bind \"$1\" /mnt/$2";
    output(machine.command("sh").args(["-ec", script, "sh"]).arg(from).arg(name)).unwrap();
}
