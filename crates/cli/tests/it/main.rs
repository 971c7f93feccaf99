//! The binary on real btrfs, from its arguments to what stands on disk afterwards.
//!
//! The hazard is success that is only claimed: every test looks at the destination with programs that
//! are not ours, and at the exit code, and at what was printed where. One binary, to link once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod bad_destination;
mod bad_moment;
mod bad_name;
mod bad_source;
mod branches;
mod busy;
mod clean;
mod doctor;
mod doubt;
mod dump;
mod dump_ends;
mod estimate;
mod faults;
mod full;
mod help;
mod inspect;
mod interrupt;
mod killed;
mod limits;
mod list;
mod locked;
mod log;
mod manual;
mod modes;
mod mounts;
mod names;
mod orphan;
mod output;
mod page;
mod places;
mod progress;
mod receive;
mod resume;
mod rights;
mod room;
mod select;
mod select_more;
mod send;
mod stream_file;
mod support;
mod surprise;
mod sync;
mod terminal;
mod tmux;
mod tree;
mod verify;
