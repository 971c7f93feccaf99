//! Subvolumes as values, and the copy-on-write relations between them. Nothing in here does I/O.

pub mod cow;
mod identity;
mod key;
mod relations;
mod subvolume;

pub use cow::{Diff, Forest};
pub use identity::{Problem, usable_parent};
pub use key::{Key, KeyFn, default_keys};
pub(crate) use relations::is_unchanged;
pub use subvolume::Subvolume;
pub(crate) use subvolume::is_after_receive;
