//! The kernel interface on real filesystems, judged by the `btrfs` program and by what is on disk.
//!
//! The hazard is a field that is read from the wrong place and happens to be right: the trees here
//! give every subvolume different ids, transactions and times.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod change;
mod concurrent;
mod data;
mod errors;
mod filesystem;
mod find;
mod generations;
mod hard_tree;
mod info;
mod items;
mod list;
mod mounts;
mod quota;
mod received;
mod send;
mod support;
mod unprivileged;
mod written;
