//! Subvolumes as values, and the copy-on-write relations between them. Nothing in here does I/O.

pub mod cow;
mod key;
mod subvolume;

pub use cow::{Diff, Forest};
pub use key::{Key, KeyFn, default_keys};
pub use subvolume::Subvolume;
