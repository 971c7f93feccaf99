//! Test support: real btrfs filesystems on loop devices, trees of difficult files, and the oracle.
//!
//! The hazard is a test that cannot fail: an oracle that overlooks an attribute, or one that shares
//! code with what it judges. So this crate uses only plain system calls and the `btrfs` program, and
//! its comparison is itself tested with one row per kind of difference.
//!
//! ```no_run
//! use btrsync_testutil::{LoopFs, assert_identical, btrfs, populate_zoo};
//!
//! let fs = LoopFs::new();
//! let origin = fs.path().join("origin");
//! btrfs::create_subvolume(&origin);
//! populate_zoo(&origin);
//! btrfs::snapshot_ro(&origin, &fs.path().join("snapshot"));
//! assert_identical(&origin, &fs.path().join("snapshot"));
//! ```
// A panic is how a test fails and stderr is where the harness shows why; there is no caller to
// hand an error to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::missing_panics_doc, clippy::print_stderr)]

pub mod btrfs;
pub mod command;
pub mod compare;
pub mod history;
pub mod loopfs;
pub mod machine;
pub mod powercut;
pub mod random;
pub mod require;
pub mod tree;

mod below;
mod must;

pub use compare::{Compare, Tree, assert_identical, differences, snapshot_of};
pub use history::History;
pub use loopfs::{LoopFs, leftovers};
pub use machine::{Machine, Network};
pub use powercut::{RecordedFs, Recording};
pub use random::Random;
pub use tree::{mutate_zoo, nest_directories, populate_zoo, write_files, write_files_seeded};
