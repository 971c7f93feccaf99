//! What can be wrong with a text.

use super::Version;

/// A text of `btrfs` could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::sync::root) enum TextError {
    /// No version that is known prints this.
    #[error("'btrfs {command}' printed what no known version does, in line {line}: '{text}'")]
    Line {
        /// The subcommand that printed it.
        command: &'static str,
        /// The line, from 1.
        line: usize,
        /// What stands in it, escaped, or its beginning.
        text: String,
    },
    /// Two listings do not tell of the same subvolumes; asking again helps.
    #[error("the listings differ at subvolume {id}: subvolumes were changed meanwhile")]
    Changed {
        /// The first subvolume that they differ in.
        id: u64,
    },
    /// A name looks like what is printed after names.
    #[error("'btrfs subvolume show' can be read in several ways: a name looks like its fields")]
    Ambiguous,
    /// This version prints what cannot be used.
    #[error("btrfs-progs {version} cannot be used: {problem}")]
    Version {
        /// The version.
        version: Version,
        /// What is wrong with it.
        problem: &'static str,
    },
}
