//! Arguments that more than one command takes: which subvolumes, and on which machines.

use std::ffi::OsString;
use std::path::PathBuf;

use btrsync::sync::root::{Checkpoints, Scope, SshOptions};
use clap::ValueEnum;
use clap::builder::{TypedValueParser, ValueParser};

use crate::amount;
use crate::places::Side;

// No doc comments on these: clap would take them for the description of the command.

#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// Leave out subvolumes that match GLOB, relative to the directory of SOURCE
    #[arg(short = 'x', long, value_name = "GLOB", help_heading = SELECTION)]
    pub(crate) exclude: Vec<OsString>,

    /// Take only subvolumes that match GLOB, relative to the directory of SOURCE
    #[arg(short, long, value_name = "GLOB", help_heading = SELECTION)]
    pub(crate) include: Vec<OsString>,

    /// Which subvolumes are seen: all below the subvolume of SOURCE; strict: those directly in it;
    /// isolated: those, and relations among them alone
    #[arg(long, value_name = "SCOPE", default_value = "all", help_heading = SELECTION, value_parser = scopes())]
    pub(crate) scope: Scope,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Machines {
    /// Run btrfs with sudo, on both sides
    #[arg(short, long, help_heading = MACHINES)]
    sudo: bool,

    /// Run btrfs with sudo at SOURCE
    #[arg(long, help_heading = MACHINES)]
    sudo_src: bool,

    /// Run btrfs with sudo at DESTINATION
    #[arg(long, help_heading = MACHINES)]
    sudo_dest: bool,

    /// Log in with the private key in FILE
    #[arg(long, value_name = "FILE", help_heading = MACHINES)]
    ssh_identity: Option<PathBuf>,

    /// Read FILE in place of the user's ssh configuration
    #[arg(long, value_name = "FILE", help_heading = MACHINES)]
    ssh_config: Option<PathBuf>,

    /// Let ssh compress what it sends
    #[arg(long, help_heading = MACHINES)]
    ssh_compress: bool,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Resume {
    /// Start over where an interrupted run has left a part of a transfer
    #[arg(long, help_heading = INTERRUPTED)]
    no_resume: bool,

    /// Make what was received durable every SIZE bytes of a stream: as much comes again after an
    /// interruption; 0 is never
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = amount::size, help_heading = INTERRUPTED)]
    checkpoint: usize,
}

impl Resume {
    /// How what is received can be continued.
    pub(crate) fn checkpoints(self) -> Checkpoints {
        Checkpoints { every: self.checkpoint as u64, resume: !self.no_resume }
    }
}

const INTERRUPTED: &str = "After an interruption";
pub(crate) const SELECTION: &str = "Which subvolumes";
const MACHINES: &str = "Other machines and other users";

impl Machines {
    /// Whether commands of a side run with sudo.
    pub(crate) fn sudo(&self, side: Side) -> bool {
        self.sudo
            || match side {
                Side::Source => self.sudo_src,
                Side::Destination => self.sudo_dest,
            }
    }

    /// Adds what the arguments say of ssh.
    pub(crate) fn ssh(&self, options: SshOptions) -> SshOptions {
        SshOptions {
            identity_file: self.ssh_identity.clone(),
            config_file: self.ssh_config.clone(),
            compression: self.ssh_compress,
            ..options
        }
    }
}

/// The names of [`Scope`], which belongs to the library and so cannot derive them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScopeName {
    All,
    Strict,
    Isolated,
}

fn scopes() -> ValueParser {
    let named = |name| match name {
        ScopeName::All => Scope::All,
        ScopeName::Strict => Scope::Strict,
        ScopeName::Isolated => Scope::Isolated,
    };
    clap::builder::EnumValueParser::<ScopeName>::new().map(named).into()
}
