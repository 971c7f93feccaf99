//! Why a transfer is what it is, in a clause that a person can read.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::btrfs::Problem;

/// Why a transfer has its parent, or none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The parent is the nearest COW ancestor that the destination has.
    Incremental {
        /// The destination has it only once this run has sent it.
        sent: bool,
    },
    /// There is no parent.
    Full(Full),
}

/// Why there is no parent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Full {
    /// The volume has no COW ancestor among the read-only subvolumes of the source.
    NoRelative,
    /// The destination has none of the COW ancestors.
    NoneAtDestination,
    /// The destination has a COW ancestor, or another relative, that must not be used.
    Unusable {
        /// The path of that relative in the source.
        vol: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A hook chose no parent.
    Chosen,
}

impl Reason {
    /// Returns the relative that makes a full transfer surprising: the destination holds it.
    pub fn held(&self) -> Option<&Path> {
        match self {
            Self::Full(Full::Unusable { vol, .. }) => Some(vol),
            _ => None,
        }
    }

    /// Returns what could be done so that the transfer, or those to come, need not be full.
    pub fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Full(Full::Unusable { problem, .. }) => Some(problem.way_out()),
            _ => None,
        }
    }
}

impl Problem {
    /// Returns what can be done about it, in a clause.
    pub fn way_out(self) -> &'static str {
        match self {
            Self::Identity => {
                "send from where the destination's copy came from, or once in full from here"
            }
            Self::Generation | Self::Changed => {
                "snapshots are best never changed: what is sent in full now serves from now on"
            }
            Self::Ambiguous => {
                "delete the others there, or replace each by a writable snapshot of it, which gets a UUID of its own"
            }
            Self::Writable => {
                "if nothing was changed in the copy, 'btrfs property set -t subvol COPY ro true' lets it serve; \
                 else replace it by a writable snapshot of it, which does not say that it was received"
            }
            Self::Hidden => "name a destination whose mount has the copy below it, without --scope",
            Self::SourceWritable => {
                "if nothing was changed in it, 'btrfs property set -t subvol SUBVOLUME ro true' lets it serve"
            }
            Self::SourceHidden => "name a source whose mount has it below it, without --scope",
            Self::Branch => "what is snapshotted from this one from now on is incremental again",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incremental { sent: false } => {
                f.write_str("nearest COW ancestor at the destination")
            }
            Self::Incremental { sent: true } => {
                f.write_str("nearest COW ancestor, sent earlier in this run")
            }
            Self::Full(full) => full.fmt(f),
        }
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRelative => f.write_str("no COW ancestor among the source's snapshots"),
            Self::NoneAtDestination => {
                f.write_str("none of its COW ancestors is at the destination")
            }
            Self::Unusable { vol, problem } => {
                let vol = crate::text::escaped(vol);
                write!(f, "the destination's copy of {vol} cannot be its parent: {problem}")
            }
            Self::Chosen => f.write_str("no parent was chosen"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "it carries another received UUID",
            Self::Generation => "one of the two was changed since it was received",
            Self::Changed => "one of the two was received and changed after that",
            Self::Ambiguous => {
                "other subvolumes there carry the same UUID, and may hold other data"
            }
            Self::Writable => "the copy is not read-only",
            Self::Hidden => "the copy is outside of what the destination shows",
            Self::SourceWritable => "it is not read-only here",
            Self::SourceHidden => "it is outside of what the source shows",
            Self::Branch => "it was changed after the two went different ways",
        })
    }
}
