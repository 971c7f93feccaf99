//! Why a transfer is what it is, in a clause that a person can read.

use std::fmt;
use std::path::PathBuf;

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
    /// The destination has a COW ancestor that must not be used.
    Unusable {
        /// The path of that ancestor in the source.
        vol: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A hook chose no parent.
    Chosen,
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
        })
    }
}
