//! Arguments that more than one command takes: which subvolumes, and on which machines.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use btrsync::sync::root::{Bootstrap, Btrsync, Checkpoints, Packing, Scope, SshOptions};
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
    #[arg(long, value_name = "SCOPE", default_value = "all", hide_short_help = true, help_heading = SELECTION, value_parser = scopes())]
    pub(crate) scope: Scope,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Machines {
    /// Work with sudo, on both sides
    #[arg(short, long, help_heading = MACHINES)]
    sudo: bool,

    /// Work with sudo at SOURCE
    #[arg(long, help_heading = MACHINES)]
    sudo_src: bool,

    /// Work with sudo at DESTINATION
    #[arg(long, help_heading = MACHINES)]
    sudo_dest: bool,

    /// Log in with the private key in FILE
    #[arg(long, value_name = "FILE", help_heading = MACHINES)]
    ssh_identity: Option<PathBuf>,

    /// Read FILE in place of the user's ssh configuration
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = MACHINES)]
    ssh_config: Option<PathBuf>,

    /// Let ssh compress what it sends
    #[arg(long, hide_short_help = true, help_heading = MACHINES)]
    ssh_compress: bool,

    /// Compress what is sent between two btrsyncs: zstd, zstd:LEVEL (1 to 19) or none; without this option it
    /// is compressed where the link is found to be slow
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true,
        default_missing_value = "zstd", value_parser = packing, help_heading = MACHINES)]
    compress: Option<Packing>,

    /// Use the btrsync at PATH on other machines; none: use btrfs-progs there (default: the btrsync in
    /// their PATH, if there is one)
    #[arg(long, value_name = "PATH|none", help_heading = MACHINES)]
    remote_btrsync: Option<OsString>,

    /// Copy FILE, a static build of btrsync, into ~/.cache/btrsync of other machines where none is that can be used;
    /// without FILE, the program itself
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "",
        conflicts_with = "remote_btrsync", hide_short_help = true, help_heading = MACHINES)]
    bootstrap: Option<OsString>,

    /// Give a connection up after SECONDS of silence
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = timeout, help_heading = MACHINES)]
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Resume {
    /// Start over where an interrupted run has left a part of a transfer
    #[arg(long, hide_short_help = true, help_heading = INTERRUPTED)]
    no_resume: bool,

    /// Make what was received durable every SIZE bytes of a stream: as much comes again after an
    /// interruption; 0 is never
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = amount::size, hide_short_help = true, help_heading = INTERRUPTED)]
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

    /// After how much silence a connection is given up.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout
    }

    /// Adds what the arguments say of ssh.
    pub(crate) fn ssh(&self, options: SshOptions) -> SshOptions {
        SshOptions {
            identity_file: self.ssh_identity.clone(),
            config_file: self.ssh_config.clone(),
            compression: self.ssh_compress,
            packing: self.compress.unwrap_or_default(),
            btrsync: self.btrsync(),
            bootstrap: self.bootstrap(),
            patience: Some(self.timeout),
            ..options
        }
    }

    fn bootstrap(&self) -> Option<Bootstrap> {
        Some(match self.bootstrap.as_ref()? {
            // The kernel's name for it works also where the file has been replaced since.
            itself if itself.is_empty() => Bootstrap::Itself("/proc/self/exe".into()),
            file => Bootstrap::File(file.into()),
        })
    }

    /// Whether compression was asked for, which not every machine can do.
    pub(crate) fn compresses(&self) -> bool {
        matches!(self.compress, Some(Packing::Zstd(_)))
    }

    fn btrsync(&self) -> Btrsync {
        match &self.remote_btrsync {
            None => Btrsync::IfThere,
            Some(word) if word == "none" => Btrsync::No,
            Some(path) => Btrsync::At(path.into()),
        }
    }
}

fn packing(text: &str) -> Result<Packing, String> {
    let level = |text: &str| text.parse().ok().filter(|level| (1..=19).contains(level));
    match text.split_once(':') {
        None if text == "none" => Ok(Packing::Never),
        None if text == "auto" => Ok(Packing::Auto),
        None if text == "zstd" => Ok(Packing::Zstd(3)),
        Some(("zstd", text)) => level(text)
            .map(Packing::Zstd)
            .ok_or_else(|| "the level must be from 1 to 19".to_owned()),
        _ => Err("must be zstd, zstd:LEVEL, auto or none".to_owned()),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match (1.0..=86_400.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err("must be from 1 to 86400".to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_to_compress_is_a_word_and_perhaps_a_level() {
        let good = [("zstd", 3), ("zstd:1", 1), ("zstd:19", 19)];
        for (text, level) in good {
            assert_eq!(packing(text), Ok(Packing::Zstd(level)));
        }
        assert_eq!((packing("none"), packing("auto")), (Ok(Packing::Never), Ok(Packing::Auto)));
        for bad in ["", "gzip", "zstd:", "zstd:0", "zstd:20", "zstd:-1", "none:3", "ZSTD"] {
            assert!(packing(bad).is_err(), "{bad}");
        }
    }
}
