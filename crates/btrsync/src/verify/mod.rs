//! Whether two subvolumes hold the same.
//!
//! A backup that nobody has compared is a hope, and the hazard is a comparison that passes without
//! having looked. So both sides read everything, where it is, and digest it; a verdict of equal is
//! given for equal digests of whole trees and for nothing else; and whatever could not be read is an
//! error and no verdict.
//!
//! Compared are, for each entry at and below the root: name, type, mode, owner, group, modification time,
//! all extended attributes (ACLs and capabilities are among them), size and content, target, device
//! number, and which names are hard links of one file. Not compared are access, change and creation
//! times, which reading changes or no stream carries; inode numbers and file flags (`chattr`), which
//! streams do not carry either; and nested subvolumes, which are subvolumes of their own.
//!
//! The digest of a directory covers those of its entries, so two sides that differ find out where by
//! asking each other only for directories whose digests differ.

mod check;
mod compare;
mod content;
mod difference;
mod digest;
mod entry;
mod error;
mod links;
mod node;
mod spool;
mod tree;
mod walk;
mod wire;

pub use check::{Stream, verify, verify_stream};
pub use compare::{Verdict, compare};
pub use difference::{Difference, What};
pub use digest::Digest;
pub use entry::{BadEntry, Entry, Kind, Xattr};
pub use error::VerifyError;
pub use tree::{Digests, Tree};
pub(crate) use wire::{decode_entries, encode_entries};

/// What counts, beside what always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestOptions {
    /// Whether a hole differs from zeros. Streams do not keep holes as they are.
    pub holes: bool,
    /// Whether the modification time of the root directory counts. `btrfs receive` leaves the time of
    /// the receive there.
    pub root_mtime: bool,
}

impl Default for DigestOptions {
    fn default() -> Self {
        Self { holes: false, root_mtime: true }
    }
}
